//! `junit.xml`, for CI servers: an objective, a bound or an invariant is a test case.
//!
//! A fail is a failure. What is not decided is an error, so that no build goes green without
//! evidence; what this version does not check is skipped. The run's own verdict is a case too, since
//! it may rest on more than the rest (a saturated client, an abort). The document keeps to Jenkins' schema
//! (`junit-10.xsd`); `ci/action/test` holds the files of runs against it.

use std::io::{self, Write};
use std::time::Duration;

use quick_junit::{NonSuccessKind, Report as Document, TestCase, TestCaseStatus, TestSuite};

use crate::{Check, Failover, Invariant, Report, Slo, Verdict, format, told};

/// Writes the report as `JUnit` XML.
pub fn write_junit(report: &Report, out: &mut (impl Write + ?Sized)) -> io::Result<()> {
    let text = document(report).to_string().map_err(io::Error::other)?;
    out.write_all(as_jenkins_has_it(text).as_bytes())?;
    out.flush()
}

/// Without the count of skipped cases in the outermost element, which the library writes and the schema does
/// not know; the suites have theirs.
fn as_jenkins_has_it(text: String) -> String {
    // No attribute's value holds a quotation mark: the first such text is the attribute itself.
    const SKIPPED: &str = " skipped=\"";
    let parts = text.split_once(SKIPPED).and_then(|(before, rest)| Some((before, rest.split_once('"')?.1)));
    match parts {
        Some((before, after)) if !before.contains("<testsuite ") => format!("{before}{after}"),
        _ => text,
    }
}

fn document(report: &Report) -> Document {
    let mut document = Document::new(format!("squall: {}", report.scenario.name));
    document.set_time(duration(report.duration_s));
    let started = report.started_at.parse().ok();
    let suites = [
        ("run", vec![run(report)]),
        ("slos", report.slos.iter().map(|slo| objective(report, slo)).collect()),
        ("failover", failover(report)),
        ("invariants", report.invariants.iter().map(invariant).collect()),
    ];
    for (name, cases) in suites {
        let mut suite = TestSuite::new(name);
        suite.set_time(duration(report.duration_s));
        suite.timestamp = started;
        suite.add_test_cases(cases);
        document.add_test_suite(suite);
    }
    document
}

fn run(report: &Report) -> TestCase {
    let mut case = case("run", "verdict", report.verdict, &report.reasons.join("\n"));
    case.set_time(duration(report.duration_s));
    case.set_system_out(format!("repeat with: {}", report.command));
    case
}

fn objective(report: &Report, slo: &Slo) -> TestCase {
    let mut case = case("slos", &slo.name, slo.verdict, &told::objective(slo));
    let phases = report.phases.iter().filter(|phase| slo.during.contains(&phase.name));
    case.set_time(duration(phases.map(|phase| phase.end_s - phase.start_s).sum()));
    case
}

/// The bounds on each death. A case's name is the same in every run, so that a CI server can tell its
/// history: the moment of the death is no part of it.
fn failover(report: &Report) -> Vec<TestCase> {
    let mut cases = Vec::new();
    for (index, death) in report.failover.iter().enumerate() {
        let before = report.failover[..index].iter().filter(|other| other.node == death.node).count();
        let which = if before == 0 { String::new() } else { format!(", death {}", before + 1) };
        cases.extend(death.checks.iter().map(|check| bound(death, check, &which)));
    }
    cases
}

fn bound(death: &Failover, check: &Check, which: &str) -> TestCase {
    let name = format!("{}{which}: {} {}", death.node, format::words(&check.name), check.bound);
    let mut case = case("failover", &name, check.verdict, &told::bound(death, check));
    let ends = death.recovery_s.map(|s| death.t0_s + s).into_iter().chain(death.t1_s);
    case.set_time(duration(ends.fold(death.t0_s, f64::max) - death.t0_s));
    case
}

fn invariant(invariant: &Invariant) -> TestCase {
    let mut case =
        case("invariants", &invariant.name, invariant.verdict, &told::invariant(invariant).join("\n"));
    // It holds of the whole run, which the suite's time is; counted once.
    case.set_time(Duration::ZERO);
    case
}

fn case(group: &str, name: &str, verdict: Verdict, message: &str) -> TestCase {
    let (summary, _) = message.split_once('\n').unwrap_or((message, ""));
    let status = match verdict {
        Verdict::Pass => TestCaseStatus::success(),
        Verdict::Fail => TestCaseStatus::non_success(NonSuccessKind::Failure),
        Verdict::Inconclusive => TestCaseStatus::non_success(NonSuccessKind::Error),
        Verdict::NotChecked => TestCaseStatus::skipped(),
    };
    let mut case = TestCase::new(name, status);
    case.set_classname(format!("squall.{group}"));
    if verdict == Verdict::Pass {
        case.set_system_out(message);
    } else {
        case.status.set_type(format::words(&verdict.to_string()));
        case.status.set_message(summary);
        case.status.set_description(message);
    }
    case
}

/// As a duration; what is none is nothing.
fn duration(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}
