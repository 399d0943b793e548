"""A small service of the kind that calls models: it asks one provider and, where that fails, another.

Each is an OpenAI client with a base URL of its own, and the client's own retries. What the service does beyond
that is what its flags say, so that the difference can be measured.

    app.py --port 8080 http://127.0.0.1:8001/v1 http://127.0.0.1:8002/v1
"""

import argparse
import json
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import openai

# What chat.completions.create names itself; the rest of a request goes through as it is.
NAMED = ("model", "messages", "stream")
# The answers after which another provider may do better.
ELSEWHERE = {408, 409, 429}


class Provider:
    """One base URL, and until when it has asked to be left alone."""

    def __init__(self, base_url, retries):
        self.client = openai.OpenAI(base_url=base_url, api_key="none", max_retries=retries, timeout=30)
        self.free_at = 0.0

    def leave_alone(self, error):
        """Keeps what `Retry-After` asked for. The client itself only knows it of the request at hand."""
        try:
            asked = float(error.response.headers.get("retry-after", ""))
        except ValueError:
            return
        self.free_at = max(self.free_at, time.monotonic() + asked)


class Service(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, options):
        super().__init__(("127.0.0.1", options.port), Handler)
        self.patient = options.patient
        self.providers = [Provider(url, options.retries) for url in options.providers]

    def order(self):
        """The first provider first; with --patient, those that asked for a wait last."""
        if not self.patient:
            return self.providers
        now = time.monotonic()
        return sorted(self.providers, key=lambda provider: provider.free_at > now)

    def ask(self, body):
        """The answer of the first provider that gives one, and how often it took to get it."""
        named = {key: body[key] for key in NAMED if key in body}
        rest = {key: value for key, value in body.items() if key not in NAMED}
        attempts = 0
        for provider in self.order():
            try:
                raw = provider.client.chat.completions.with_raw_response.create(**named, extra_body=rest)
                return raw.parse(), attempts + raw.retries_taken + 1
            except openai.APIError as error:
                failed = error
                # The client says of each send which one it is.
                attempts += int(error.request.headers.get("x-stainless-retry-count", 0)) + 1
                if isinstance(error, openai.APIStatusError):
                    provider.leave_alone(error)
                    if error.status_code < 500 and error.status_code not in ELSEWHERE:
                        break
        raise Refused(failed, attempts)


class Refused(Exception):
    """No provider gave an answer: the last one's error, and how often they were asked."""

    def __init__(self, error, attempts):
        super().__init__(str(error))
        self.error, self.attempts = error, attempts


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self):
        self.answer(200, {"status": "ok"})

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        try:
            answer, attempts = self.server.ask(body)
        except Refused as refused:
            self.refuse(refused)
            return
        if body.get("stream"):
            self.stream(answer, attempts)
        else:
            self.answer(200, answer.to_dict(), attempts)

    def refuse(self, refused):
        """The last provider's error, with its Retry-After: the caller may know better what to do."""
        response = getattr(refused.error, "response", None)
        after = response is not None and response.headers.get("retry-after")
        error = {"error": {"message": str(refused), "type": "upstream"}}
        headers = {"retry-after": after} if after else {}
        self.answer(getattr(refused.error, "status_code", 502), error, refused.attempts, headers)

    def answer(self, status, value, attempts=None, headers=None):
        text = json.dumps(value).encode()
        self.head(status, "application/json", attempts, {**(headers or {}), "content-length": str(len(text))})
        self.wfile.write(text)

    def stream(self, chunks, attempts):
        """Passes on what the client reads, as it reads it."""
        self.head(200, "text/event-stream", attempts, {"transfer-encoding": "chunked"})
        with chunks:
            try:
                for chunk in chunks:
                    self.event(json.dumps(chunk.to_dict()))
                # The client's iterator has ended. Whether the provider had finished, it does not say.
                self.event("[DONE]")
            except openai.APIError as error:
                self.event(json.dumps({"error": {"message": str(error), "type": "upstream"}}))
            except OSError:
                self.close_connection = True  # The caller left; leaving the block leaves the provider as well.
                return
        self.wfile.write(b"0\r\n\r\n")

    def event(self, data):
        text = f"data: {data}\n\n".encode()
        self.wfile.write(b"%x\r\n%s\r\n" % (len(text), text))

    def head(self, status, kind, attempts, headers):
        self.send_response(status)
        self.send_header("content-type", kind)
        if attempts is not None:
            self.send_header("x-squall-attempts", str(attempts))  # Squall holds it against the nodes' ledger.
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_):
        pass


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--retries", type=int, default=openai.DEFAULT_MAX_RETRIES, help="of each client")
    parser.add_argument("--patient", action="store_true", help="keep Retry-After for all requests")
    parser.add_argument("providers", nargs="+", help="base URLs, the first one first")
    Service(parser.parse_args()).serve_forever()


if __name__ == "__main__":
    main()
