"""Answers one request in so many with the text that a provider shows while it has an incident."""

import json

from componentize_py_types import Err
from wit_world import exports
from wit_world.imports import host, types

TEXT = (
    "We are currently experiencing elevated error rates on this model. "
    "Our engineers are investigating. Please retry your request in a few minutes."
)
# Below this, a draw hits; draws are uniform over 64 bits, and fixed by the run's seed.
DRAWS = 1 << 64

one_in = 20
text = TEXT


def refuse(why: str) -> Err[str]:
    return Err(why)


class Plugin(exports.Plugin):
    def describe(self) -> types.Description:
        parameter = types.Parameter
        return types.Description(
            "Answers one request in so many with a provider's incident text.",
            [
                parameter("one_in", "count", "20", "5", "one request in this many"),
                parameter("text", "text", json.dumps(TEXT), '"We are down."', "what the answer says"),
            ],
        )

    def configure(self, config: str) -> types.Hooks:
        global one_in, text
        table = json.loads(config)
        one_in, text = table.pop("one_in", 20), table.pop("text", TEXT)
        if table:
            raise refuse(f"unknown parameter `{next(iter(table))}`, expected one of `one_in`, `text`")
        if type(one_in) is not int or one_in < 1:
            raise refuse("`one_in` is a count of 1 or more")
        if type(text) is not str:
            raise refuse("`text` is a text")
        return types.Hooks.REQUEST

    def request(self, a: types.Attempt, head: types.RequestHead) -> types.RequestVerdict:
        if a.draw >= DRAWS // one_in:
            return types.RequestVerdict_Pass()
        host.count("incident answers", 1)
        error = {"error": {"message": text, "type": "server_error", "code": "service_unavailable"}}
        headers = [types.Header("content-type", b"application/json")]
        return types.RequestVerdict_Respond(types.Canned(503, headers, json.dumps(error).encode()))

    # Not asked for, so never called.

    def connect(self, a: types.Attempt) -> types.ConnectVerdict:
        return types.ConnectVerdict_Pass()

    def response(self, a: types.Attempt, head: types.ResponseHead) -> types.ResponseVerdict:
        return types.ResponseVerdict_Pass()

    def events(self, a: types.Attempt, batch: types.EventBatch) -> types.EventRuling | None:
        return None

    def body(self, a: types.Attempt, data: bytes) -> types.BodyVerdict:
        return types.BodyVerdict_Pass()

    def finish(self, a: types.Attempt) -> None:
        pass

    def tick(self, now: int) -> None:
        pass
