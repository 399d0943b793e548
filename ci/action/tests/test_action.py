"""The action, run as a runner would, for a pass, a fail, an inconclusive run and what can't run.

`ci/action/test` calls it with: DIST, a folder with the archive of a release for this machine; SCHEMAS, a folder
with versions of Jenkins' junit-10.xsd; TARGET, what the archive is for.
"""

import functools
import http.server
import itertools
import json
import os
import re
import shutil
import tempfile
import threading
import unittest
from pathlib import Path

import yaml
from lxml import etree

from expressions import Unknown, evaluate
from runner import Runner

HERE = Path(__file__).resolve().parent
ACTION = HERE.parent
ROOT = ACTION.parent.parent
VERSION = re.search(r'^version = "(.*)"$', (ROOT / "Cargo.toml").read_text(), re.M).group(1)
ARCHIVE = f"squall-{os.environ['TARGET']}.tar.gz"
PINNED = re.compile(r"^[\w.-]+/[\w./-]+@[0-9a-f]{40}$")


class Releases(http.server.ThreadingHTTPServer):
    """A server with the releases of example/squall, on this machine."""

    def __init__(self, archive=None):
        self.folder = Path(tempfile.mkdtemp(prefix="releases-"))
        release = self.folder / "example/squall/releases/download" / f"v{VERSION}"
        release.mkdir(parents=True)
        for file in Path(os.environ["DIST"]).iterdir():
            shutil.copy(file, release)
        if archive is not None:
            (release / ARCHIVE).write_bytes(archive)
        quiet = type("Quiet", (http.server.SimpleHTTPRequestHandler,), {"log_message": lambda *_: None})
        super().__init__(("127.0.0.1", 0), functools.partial(quiet, directory=str(self.folder)))
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"

    def server_close(self):
        self.shutdown()
        super().server_close()
        shutil.rmtree(self.folder)


class Case(unittest.TestCase):
    def setUp(self):
        self.releases = self.served(Releases())
        self.folders = (f"run {n}" for n in itertools.count())
        # A folder with a space: no path may fall apart on its way through the scripts.
        self.workspace = Path(tempfile.mkdtemp(prefix="work space-"))
        self.addCleanup(shutil.rmtree, self.workspace)
        shutil.copytree(HERE / "scenarios", self.workspace / "load tests")

    def served(self, releases):
        self.addCleanup(releases.server_close)
        return releases

    def act(self, inputs, releases=None):
        runner = Runner(self.workspace, (releases or self.releases).url)
        self.addCleanup(shutil.rmtree, runner.temp)
        return runner.run(ACTION, inputs)

    def judged(self, scenario, **inputs):
        """A run whose client kept its schedule: on a machine that was too busy for it, once more."""
        for _ in range(4):
            out = next(self.folders)
            job = self.act({"scenario": f"load tests/{scenario}.toml", "out": out, **inputs})
            report = json.loads(self.file(job, "json").read_text())
            if not report["client"]["saturated"]:
                break
        return job, report

    def file(self, job, output):
        return self.workspace / job.outputs[output]


class Verdicts(Case):
    def check_files(self, job, report):
        """What every run with a verdict leaves, whichever it is."""
        self.assertEqual(job.outputs["verdict"], report["verdict"])
        self.assertEqual(self.file(job, "summary").read_text(), job.summary)
        self.assertIn("<html", self.file(job, "report").read_text()[:200])
        document = etree.parse(self.file(job, "junit"))
        schemas = sorted(Path(os.environ["SCHEMAS"]).rglob("junit-10.xsd"))
        self.assertTrue(schemas)
        for path in schemas:
            schema = etree.XMLSchema(etree.parse(path))
            self.assertTrue(schema.validate(document), schema.error_log)
        [(used, given)] = job.not_run
        self.assertEqual(used.split("@")[0], "actions/upload-artifact")
        self.assertEqual(given["path"], job.outputs["dir"])
        self.assertTrue(given["name"])

    def check_annotations(self, job, report, scenario, level):
        """One for each objective that did not pass, on the line that has it."""
        lines = (self.workspace / "load tests" / f"{scenario}.toml").read_text().splitlines()
        open_ones = [slo for slo in report["slos"] if slo["verdict"] != "pass"]
        self.assertTrue(open_ones)
        found = [annotation for annotation in job.annotations if "line" in annotation.properties]
        self.assertEqual(len(found), len(open_ones), job.annotations)
        for annotation, slo in zip(found, open_ones):
            self.assertEqual(annotation.level, level)
            self.assertEqual(annotation.properties["file"], f"load tests/{scenario}.toml")
            self.assertIn(slo["objective"], lines[int(annotation.properties["line"]) - 1])
            self.assertIn(slo["name"], annotation.properties["title"])

    def test_a_pass(self):
        job, report = self.judged("pass")
        self.assertTrue(job.success, job.log)
        self.assertEqual((job.outputs["verdict"], job.outputs["exit-code"]), ("pass", "0"))
        self.assertEqual(job.annotations, [])
        self.check_files(job, report)

    def test_a_fail(self):
        job, report = self.judged("fail")
        self.assertFalse(job.success, job.log)
        self.assertEqual((job.outputs["verdict"], job.outputs["exit-code"]), ("fail", "1"))
        self.check_annotations(job, report, "fail", "error")
        self.check_files(job, report)

    def test_what_proves_nothing_is_no_pass(self):
        job, report = self.judged("inconclusive")
        self.assertFalse(job.success, job.log)
        self.assertEqual((job.outputs["verdict"], job.outputs["exit-code"]), ("inconclusive", "3"))
        self.check_annotations(job, report, "inconclusive", "warning")
        self.check_files(job, report)

    def test_what_proves_nothing_may_pass_where_the_workflow_says_so(self):
        job, report = self.judged("inconclusive", **{"fail-on": "fail"})
        self.assertTrue(job.success, job.log)
        self.assertEqual(job.outputs["verdict"], "inconclusive")
        self.check_files(job, report)

    def test_a_fail_fails_whatever_the_workflow_says(self):
        job, _ = self.judged("fail", **{"fail-on": "fail"})
        self.assertFalse(job.success, job.log)

    def test_without_an_artefact(self):
        job, _ = self.judged("pass", artifact="")
        self.assertTrue(job.success, job.log)
        self.assertEqual((job.not_run, job.skipped), ([], ["Keep the run", "Compare with the baseline"]))


class Baselines(Case):
    def setUp(self):
        super().setUp()
        self.before, _ = self.judged("pass", artifact="")
        shutil.move(self.workspace / self.before.outputs["dir"], self.workspace / "the base")

    def compared(self, scenario, **inputs):
        job, _ = self.judged(scenario, baseline="the base", **inputs)
        self.assertIn("the base", job.summary)
        return job

    def test_worse(self):
        # Relaxed, so that only what is shown can fail the step.
        job = self.compared("fail", **{"fail-on": "fail"})
        self.assertEqual(job.outputs["comparison"], "worse")
        self.assertFalse(job.success)
        self.assertIn("Worse than the baseline", [a.properties["title"] for a in job.annotations])

    def test_the_step_fails_as_the_comparison_says(self):
        # Of two short runs alike, how they compare is the machine's to say.
        job = self.compared("pass")
        self.assertEqual(job.outputs["verdict"], "pass")
        self.assertIn(job.outputs["comparison"], ("not worse", "worse", "undecided"))
        self.assertEqual(job.success, job.outputs["comparison"] == "not worse", job.log)
        self.assertEqual(len(job.annotations), 0 if job.success else 1)

    def test_no_baseline_where_one_was_named(self):
        job, _ = self.judged("pass", baseline="elsewhere", **{"fail-on": "fail"})
        self.assertFalse(job.success, job.log)
        self.assertEqual((job.outputs["verdict"], job.outputs["comparison"]), ("pass", "error"))
        self.assertIn("elsewhere", job.log)


class Failures(Case):
    """Nothing ran: whatever the reason, the step fails and says why."""

    def check(self, job, words):
        self.assertFalse(job.success, job.log)
        self.assertEqual(job.outputs["verdict"], "error")
        self.assertEqual(job.not_run, [])
        said = [f"{a.properties} {a.message}" for a in job.annotations if a.level == "error"]
        self.assertTrue(any(words in text for text in said), f"{words}: {said}\n{job.log}")

    def test_a_mistake_in_the_scenario_is_annotated_where_it_is(self):
        scenario = self.workspace / "load tests/pass.toml"
        text = scenario.read_text().replace("ttft) <=", "ttft) =<")
        scenario.write_text(text)
        job = self.act({"scenario": "load tests/pass.toml", "fail-on": "fail"})
        self.check(job, "load tests/pass.toml")
        line = 1 + text[: text.index("=<")].count("\n")
        self.assertEqual(job.annotations[0].properties["line"], str(line))
        self.assertEqual(job.outputs["exit-code"], "2")

    def test_no_scenario(self):
        self.check(self.act({"scenario": "none.toml"}), "can't be read")

    def test_a_word_that_fail_on_does_not_know(self):
        self.check(self.act({"scenario": "load tests/pass.toml", "fail-on": "never"}), "fail-on")

    def test_an_archive_that_is_not_what_its_checksum_says(self):
        job = self.act({"scenario": "load tests/pass.toml"}, self.served(Releases(b"another")))
        self.check(job, "checksum")
        self.assertEqual(job.ran, ["Install Squall"])

    def test_a_version_that_there_is_not(self):
        self.check(self.act({"scenario": "load tests/pass.toml", "version": "v9.9.9"}), "could not download")

    def test_a_version_that_is_none(self):
        self.check(self.act({"scenario": "load tests/pass.toml", "version": "$(id)"}), "not like")


class Text(unittest.TestCase):
    """What no run can show."""

    def setUp(self):
        self.action = yaml.safe_load((ACTION / "action.yml").read_text())
        workflows = sorted((ROOT / ".github/workflows").glob("*.yml"))
        self.workflows = [yaml.safe_load(path.read_text()) for path in workflows]
        self.jobs = [job for workflow in self.workflows for job in workflow["jobs"].values()]
        self.steps = [*self.action["runs"]["steps"], *(step for job in self.jobs for step in job["steps"])]

    def test_nothing_from_a_pull_request_becomes_a_part_of_a_script(self):
        for step in self.steps:
            self.assertNotIn("${{", step.get("run", ""), step)

    def test_other_actions_are_pinned_to_commits(self):
        for step in self.steps:
            used = step.get("uses", "")
            self.assertTrue(not used or used.startswith("./") or PINNED.match(used), used)

    def test_the_action_asks_for_no_secret(self):
        text = (ACTION / "action.yml").read_text() + (ACTION / "install").read_text()
        self.assertNotRegex(text, r"secrets\.|github\.token|GITHUB_TOKEN")

    def test_workflows_have_no_more_rights_than_they_need(self):
        for workflow in self.workflows:
            self.assertIn(workflow["permissions"], ({}, {"contents": "read"}))
        rights = [job["permissions"] for job in self.jobs if "write" in job.get("permissions", {}).values()]
        self.assertEqual(rights, [{"contents": "write"}])

    def test_the_release_is_what_the_action_downloads(self):
        [matrix] = [job["strategy"]["matrix"]["include"] for job in self.jobs if "strategy" in job]
        installed = re.findall(r"target=([\w-]+)", (ACTION / "install").read_text())
        self.assertEqual(sorted(installed), sorted(entry["target"] for entry in matrix))


class Expressions(unittest.TestCase):
    """The runner of these tests, where it could be wrong unnoticed."""

    CONTEXTS = {"inputs": {"fail-on": "Fail", "none": ""}, "steps": {"run": {"outputs": {"dir": "x"}}}}

    def test_values(self):
        for source, value in [
            ("inputs.fail-on == 'fail'", True),
            ("inputs.none || 'error'", "error"),
            ("inputs.none != '' && steps.run.outputs.dir != ''", False),
            ("!(inputs.none == '')", False),
            ("steps.never.outputs.dir", None),
            ("steps.never.outputs.dir != ''", False),
            ("steps.never.outputs.dir == 'x'", False),
            ("true == 1", True),
            ("'it''s'", "it's"),
        ]:
            self.assertEqual(evaluate(source, self.CONTEXTS)[0], value, source)

    def test_what_is_not_known_is_no_guess(self):
        for source in ["secrets.KEY", "github.token", "inputs.other", "hashFiles('x')", "1 +"]:
            with self.assertRaises(Unknown, msg=source):
                evaluate(source, {**self.CONTEXTS, "github": {}})


if __name__ == "__main__":
    unittest.main()
