"""Runs a composite action as GitHub's runner does: expressions, conditions, the files that steps write to, and
the commands that they print. It reads action.yml itself, so that what is tested is what users get.

Steps that use another action are not run, but noted with their inputs. A key that this runner does not know is an
error: an action that begins to use it must not pass for tested.
"""

import os
import platform
import re
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from expressions import WHOLE, Unknown, evaluate, interpolate

LARGEST_SUMMARY = 1 << 20
KEYS = {"name", "id", "if", "shell", "env", "run", "uses", "with"}
COMMAND = re.compile(r"^::([a-z-]+)(?: ([^:]*))?::(.*)$")
# Old commands may stand anywhere in a line.
OLD_COMMAND = re.compile(r"##\[([a-z-]+)")


@dataclass
class Annotation:
    level: str
    properties: dict
    message: str


@dataclass
class Job:
    """What came of the action."""

    success: bool = True
    outputs: dict = field(default_factory=dict)
    annotations: list = field(default_factory=list)
    summary: str = ""
    ran: list = field(default_factory=list)
    skipped: list = field(default_factory=list)
    not_run: list = field(default_factory=list)
    log: str = ""
    env: dict = field(default_factory=dict)


def unescaped(text, *more):
    for code, letter in (*more, ("%0D", "\r"), ("%0A", "\n"), ("%25", "%")):
        text = text.replace(code, letter)
    return text


def pairs(text):
    """`name=value` lines and `name<<END` blocks of an environment file."""
    lines, found = iter(text.splitlines()), {}
    for line in lines:
        name, block, end = line.partition("<<")
        if block and "=" not in name:
            value = []
            for inner in lines:
                if inner == end:
                    break
                value.append(inner)
            else:
                raise ValueError(f"{name}: nothing says {end}")
            found[name] = "\n".join(value)
        elif "=" in line:
            name, _, value = line.partition("=")
            found[name] = value
        elif line:
            raise ValueError(f"not `name=value`: {line!r}")
    return found


class Runner:
    """A machine on which a job has checked out `workspace`; it knows no secret and no token."""

    def __init__(self, workspace, server, action_repository="example/squall"):
        self.workspace = Path(workspace)
        self.temp = Path(tempfile.mkdtemp(prefix="runner-"))
        self.system = {
            "os": {"Linux": "Linux", "Darwin": "macOS"}[platform.system()],
            "arch": {"x86_64": "X64", "aarch64": "ARM64", "arm64": "ARM64"}[platform.machine()],
            "temp": str(self.temp),
        }
        self.github = {
            "action_repository": action_repository,
            "repository": "someone/service",
            "server_url": server,
            "event_name": "pull_request",
            "workspace": str(self.workspace),
        }

    def run(self, action, inputs):
        """Runs the action in the folder `action`."""
        action = Path(action).resolve()
        text = yaml.safe_load((action / "action.yml").read_text())
        if text["runs"]["using"] != "composite":
            raise Unknown(text["runs"]["using"])
        job, steps, path = Job(), {}, []
        contexts = {
            "inputs": self.inputs(text["inputs"], inputs),
            "github": {**self.github, "action_path": str(action)},
            "runner": self.system,
            "steps": steps,
        }
        for step in text["runs"]["steps"]:
            if unknown := set(step) - KEYS:
                raise Unknown(f"{unknown} in a step")
            self.step(step, job, contexts, action, path)
        job.outputs = {
            name: interpolate(output["value"], contexts) for name, output in text["outputs"].items()
        }
        return job

    @staticmethod
    def inputs(known, given):
        if unknown := set(given) - set(known):
            raise Unknown(f"inputs {unknown}")
        for name, about in known.items():
            if about.get("required") and name not in given:
                raise ValueError(f"the input {name} is required")
        return {name: given.get(name, about.get("default", "")) for name, about in known.items()}

    def step(self, step, job, contexts, action, path):
        name = step["name"]
        if not self.due(step, job, contexts):
            job.skipped.append(name)
            return
        if "uses" in step:
            given = {key: interpolate(value, contexts) for key, value in step.get("with", {}).items()}
            job.not_run.append((step["uses"], given))
            return
        if step["shell"] != "bash":
            raise Unknown(f"shell: {step['shell']}")
        job.ran.append(name)
        code, outputs = self.script(step, job, contexts, action, path)
        job.success = job.success and code == 0
        if "id" in step:
            contexts["steps"][step["id"]] = {
                "outputs": outputs,
                "outcome": "success" if code == 0 else "failure",
            }

    @staticmethod
    def due(step, job, contexts):
        condition = str(step.get("if", "success()"))
        whole = WHOLE.fullmatch(condition.strip())
        functions = {
            "success": lambda: job.success,
            "failure": lambda: not job.success,
            "always": lambda: True,
            "cancelled": lambda: False,
        }
        value, called = evaluate(whole.group(1) if whole else condition, contexts, functions)
        # A condition that does not ask how things stand holds only as long as they stand well.
        return bool(value) and (bool(called) or job.success)

    def script(self, step, job, contexts, action, path):
        folder = Path(tempfile.mkdtemp(prefix="step-", dir=self.temp))
        files = {name: folder / name for name in ("ENV", "OUTPUT", "PATH", "STATE", "STEP_SUMMARY")}
        for file in files.values():
            file.touch()
        # In a script these two are empty: see actions/runner#2473.
        in_script = {**contexts["github"], "action_repository": "", "action_ref": ""}
        script = folder / "script.sh"
        script.write_text(interpolate(step["run"], {**contexts, "github": in_script}))
        own = {key: interpolate(str(value), contexts) for key, value in step.get("env", {}).items()}
        env = {
            **{key: os.environ[key] for key in ("HOME", "LANG", "USER") if key in os.environ},
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            "GITHUB_ACTION_PATH": str(action),
            "GITHUB_ACTION_REPOSITORY": "",
            "GITHUB_REPOSITORY": self.github["repository"],
            "GITHUB_SERVER_URL": self.github["server_url"],
            "GITHUB_WORKSPACE": str(self.workspace),
            "RUNNER_OS": self.system["os"],
            "RUNNER_ARCH": self.system["arch"],
            "RUNNER_TEMP": self.system["temp"],
            **{f"GITHUB_{name}": str(file) for name, file in files.items()},
            **job.env,
            **own,
            "PATH": os.pathsep.join([*reversed(path), os.environ["PATH"]]),
        }
        command = ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", str(script)]
        ran = subprocess.run(
            command, cwd=self.workspace, env=env, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120, check=False,
        )
        job.log += ran.stdout
        self.commands(ran.stdout, job)
        job.env.update(pairs(files["ENV"].read_text()))
        path.extend(files["PATH"].read_text().split("\n")[:-1])
        summary = files["STEP_SUMMARY"].read_bytes()
        if len(summary) > LARGEST_SUMMARY:
            raise ValueError(f"GitHub drops a summary of {len(summary)} bytes")
        job.summary += summary.decode()
        return ran.returncode, pairs(files["OUTPUT"].read_text())

    @staticmethod
    def commands(printed, job):
        stopped = None
        for line in printed.splitlines():
            if stopped:
                stopped = None if line == f"::{stopped}::" else stopped
                continue
            if old := OLD_COMMAND.search(line):
                raise ValueError(f"a command in what was printed: {old.group()}")
            if not line.lstrip().startswith("::"):
                continue
            match = COMMAND.match(line.lstrip())
            if not match:
                raise ValueError(f"not a command: {line!r}")
            name, properties, message = match.groups()
            if name == "stop-commands":
                stopped = message
            elif name in ("error", "warning", "notice"):
                more = (("%3A", ":"), ("%2C", ","))
                split = (part.split("=", 1) for part in (properties or "").split(",") if part)
                known = {key: unescaped(value, *more) for key, value in split}
                job.annotations.append(Annotation(name, known, unescaped(message)))
            else:
                raise Unknown(f"the command {name}")
