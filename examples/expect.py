"""Runs an example's scenarios and holds their verdicts against what each is expected to show.

One line a scenario: what was expected, what came, and the figures. What must fail must fail by just the checks
that are named: a run that fails for another reason has shown nothing. An inconclusive run is repeated, three times at
most, since a machine that is busy with other things is no finding.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Callable, NamedTuple


# Runs more of what was not decided.
AGAIN = 3


class Expected(NamedTuple):
    scenario: str
    verdict: str
    failing: frozenset[str]
    figures: Callable[["Run"], str]


class Run:
    """What a run left."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.report = json.loads((self.folder / "report.json").read_text())

    def rows(self, ledger):
        with (self.folder / ledger).open() as lines:
            return [json.loads(line) for line in lines]

    def failing(self):
        checks = [*self.report["slos"], *self.report["invariants"]]
        checks += [check for death in self.report["failover"] for check in death["checks"]]
        return frozenset(check["name"] for check in checks if check["verdict"] == "fail")

    def slo(self, name):
        return next(slo for slo in self.report["slos"] if slo["name"] == name)


def hold(example, expectations):
    """Runs them with the program that is the command's first argument; others name scenarios, and only these are run.
    The exit code is 1 where one differs."""
    wanted = set(sys.argv[2:]) or {expected.scenario for expected in expectations}
    if len(sys.argv) < 2 or not wanted <= {expected.scenario for expected in expectations}:
        sys.exit(f"usage: {sys.argv[0]} path/to/squall [{'|'.join(expected.scenario for expected in expectations)}]…")
    expectations = [expected for expected in expectations if expected.scenario in wanted]
    squall = str(Path(sys.argv[1]).resolve())
    example = Path(example).resolve()
    subprocess.run([example / "setup"], check=True, stdout=sys.stderr)
    differ = 0
    for expected in expectations:
        run = once(squall, example, expected.scenario)
        for _ in range(AGAIN):
            if run.report["verdict"] != "inconclusive" or expected.verdict == "inconclusive":
                break
            print(f"{expected.scenario}: once more, as {'; '.join(run.report['reasons'])}", file=sys.stderr)
            run = once(squall, example, expected.scenario)
        verdict, failing = run.report["verdict"], run.failing()
        same = verdict == expected.verdict and failing == expected.failing
        mark = "ok    " if same else "DIFFER"
        got = f"expected {expected.verdict}, got {verdict}"
        print(f"{mark} {example.name}/{expected.scenario}: {got}; {expected.figures(run)}", flush=True)
        if not same:
            differ += 1
            print(f"  failing: {listed(failing)}\n  expected: {listed(expected.failing)}")
            print("".join(f"  - {reason}\n" for reason in run.report["reasons"]), end="", flush=True)
    print(f"{len(expectations) - differ} passed, {differ} failed")
    sys.exit(differ > 0)


def summary(run):
    """What came of the requests, of what made it fail, and how long clients waited for a first token, by phase."""
    report = run.report
    counts = {name: n for name, n in report["counts"].items() if n and name not in ("scheduled", "sent")}
    said = [", ".join(f"{n} {name.replace('_', ' ')}" for name, n in counts.items())]
    broken = [invariant for invariant in report["invariants"] if invariant["verdict"] == "fail"]
    said += [f"{invariant['violations']} times: {invariant['name']}" for invariant in broken]
    clients = report["clients"]
    said.append(f"{clients['attempts'] / max(clients['requests'], 1):.2f} attempts a request")
    for death in report["failover"]:
        said.append(f"{death['lost']} of {death['requests']} lost around the death of {death['node']}")
    first_tokens = [
        f"{row['phase']} {row['p50_ms'] / 1e3:.2f}/{row['p95_ms'] / 1e3:.2f}"
        for row in report["latency"]
        if (row["metric"], row["cohort"], row["clock"]) == ("ttft", "all", "intended") and row["count"]
    ]
    return "; ".join([*said, f"p50/p95 of ttft, s: {', '.join(first_tokens)}"])


def once(squall, example, scenario):
    folder = example / "runs" / scenario
    shutil.rmtree(folder, ignore_errors=True)
    command = [squall, "run", f"{example / scenario}.toml", "--quiet", "--out", str(folder)]
    ended = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if ended.returncode == 2 or not (folder / "report.json").exists():
        sys.exit(f"{example.name}/{scenario} could not run:\n{ended.stdout}")
    return Run(folder)


def listed(names):
    return ", ".join(f"`{name}`" for name in sorted(names)) or "none"
