"""Runs an example's scenarios and holds their verdicts against what each is expected to show.

One line a scenario: what was expected, what came, and the figures. What must fail must fail by just the checks
that are named: a run that fails for another reason has shown nothing. An inconclusive run is repeated once, since
a machine that is busy with other things is no finding.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Callable, NamedTuple


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
    """Runs them with the program that is the command's only argument; the exit code is 1 where one differs."""
    if len(sys.argv) != 2:
        sys.exit(f"usage: {sys.argv[0]} path/to/squall")
    squall = str(Path(sys.argv[1]).resolve())
    example = Path(example).resolve()
    subprocess.run([example / "setup"], check=True, stdout=sys.stderr)
    differ = 0
    for expected in expectations:
        run = once(squall, example, expected.scenario)
        if run.report["verdict"] == "inconclusive" != expected.verdict:
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
