//! What people and CI servers see, as snapshots. After a change: look, then
//! `INSTA_UPDATE=always cargo test -p squall-report`.

use insta::assert_snapshot;
use squall_report::{
    Answers, Clients, Correlation, Report, Verdict, write_annotations, write_junit, write_markdown,
    write_markdown_within, write_terminal,
};

use crate::sample;

fn terminal(report: &Report, width: u16) -> String {
    let mut out = Vec::new();
    write_terminal(report, &mut out, "runs/today", width).expect("written");
    String::from_utf8(out).expect("UTF-8")
}

/// Without what a terminal takes as colours.
fn plain(text: &str) -> String {
    let mut parts = text.split('\u{1b}');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |plain, part| plain + part.split_once('m').map_or("", |(_, rest)| rest))
}

fn markdown(report: &Report) -> String {
    let mut out = Vec::new();
    write_markdown(report, &mut out).expect("written");
    String::from_utf8(out).expect("UTF-8")
}

fn junit(report: &Report) -> String {
    let mut out = Vec::new();
    write_junit(report, &mut out).expect("written");
    String::from_utf8(out).expect("UTF-8")
}

#[test]
fn terminal_pass() {
    assert_snapshot!("terminal-80-pass", plain(&terminal(&sample::pass(), 80)));
    assert_snapshot!("terminal-120-pass", plain(&terminal(&sample::pass(), 120)));
}

#[test]
fn terminal_fail() {
    assert_snapshot!("terminal-80-fail", plain(&terminal(&sample::fail(), 80)));
    assert_snapshot!("terminal-120-fail", plain(&terminal(&sample::fail(), 120)));
}

#[test]
fn terminal_inconclusive() {
    assert_snapshot!("terminal-80-inconclusive", plain(&terminal(&sample::inconclusive(), 80)));
    assert_snapshot!("terminal-120-inconclusive", plain(&terminal(&sample::inconclusive(), 120)));
}

#[test]
fn terminal_narrow() {
    assert_snapshot!("terminal-60-inconclusive", plain(&terminal(&sample::inconclusive(), 60)));
}

#[test]
fn summaries() {
    assert_snapshot!("summary-pass", markdown(&sample::pass()));
    assert_snapshot!("summary-fail", markdown(&sample::fail()));
    assert_snapshot!("summary-inconclusive", markdown(&sample::inconclusive()));
}

#[test]
fn junit_documents() {
    assert_snapshot!("junit-pass", junit(&sample::pass()));
    assert_snapshot!("junit-fail", junit(&sample::fail()));
    assert_snapshot!("junit-inconclusive", junit(&sample::inconclusive()));
}

fn annotations(report: &Report) -> String {
    let mut out = Vec::new();
    write_annotations(report, "scenarios/quickstart.toml", &mut out).expect("written");
    String::from_utf8(out).expect("UTF-8")
}

#[test]
fn annotations_are_on_the_scenarios_lines() {
    assert_eq!(annotations(&sample::pass()), "");
    assert_snapshot!("annotations-fail", annotations(&sample::fail()));
    assert_snapshot!("annotations-inconclusive", annotations(&sample::inconclusive()));
}

#[test]
fn a_bound_that_many_deaths_broke_is_annotated_once() {
    let mut report = sample::fail();
    let death = report.failover[0].clone();
    report.failover.resize(40, death);
    let text = annotations(&report);
    let detection: Vec<_> = text.lines().filter(|line| line.contains("line=57,")).collect();
    assert_eq!(detection.len(), 1, "{text}");
    assert!(detection[0].ends_with("35 more in the report"), "{text}");
}

#[test]
fn nothing_from_outside_ends_an_annotation_or_begins_another() {
    let mut report = sample::fail();
    report.slos[2].name = "a,b: 100%\n::error::c".into();
    report.slos[2].objective = "x\r\n::error::y".into();
    let text = annotations(&report);
    assert!(text.lines().all(|line| line.starts_with("::error file=scenarios/quickstart.toml,")), "{text}");
    assert!(
        text.contains("title=SLO a%2Cb%3A 100%25 %3A%3Aerror%3A%3Ac%3A fail::x%0D%0A::error::y"),
        "{text}"
    );
}

#[test]
fn a_summary_keeps_within_its_bytes_and_ends_with_a_whole_line() {
    let report = sample::fail();
    let whole = markdown(&report);
    for most in [0, 10, 40, 200, 1_000, whole.len() - 1, whole.len()] {
        let mut out = Vec::new();
        write_markdown_within(&report, most, &mut out).expect("written");
        let text = String::from_utf8(out).expect("UTF-8");
        assert!(text.len() <= most, "{} of {most}", text.len());
        assert_eq!(text == whole, most == whole.len());
        assert!(text.is_empty() || text.ends_with('\n'), "{text}");
    }
}

#[test]
fn no_line_is_wider_than_the_terminal() {
    for report in [sample::pass(), sample::fail(), sample::inconclusive()] {
        for width in [60, 80, 100, 120, 160, 300] {
            for line in plain(&terminal(&report, width)).lines() {
                assert!(line.chars().count() <= usize::from(width), "{width} columns: {line}");
            }
        }
    }
}

#[test]
fn verdicts_are_coloured_and_figures_are_not() {
    let text = terminal(&sample::fail(), 100);
    assert!(
        text.contains("\u{1b}[32m✓ pass\u{1b}[0m") && text.contains("\u{1b}[31m✗ fail\u{1b}[0m"),
        "{text}"
    );
    assert!(!text.contains("\u{1b}[31m98"), "{text}");
}

#[test]
fn a_build_fails_on_a_fail_and_is_not_green_without_evidence() {
    let read = |report: &Report| quick_junit::Report::deserialize_from_str(&junit(report)).expect("JUnit");
    let pass = read(&sample::pass());
    let skipped: usize = pass.test_suites.iter().map(|suite| suite.skipped).sum();
    assert_eq!((pass.failures, pass.errors, skipped), (0, 0, 1));
    // The run, an objective, four bounds, an invariant.
    assert_eq!(read(&sample::fail()).failures, 7);
    assert_eq!(read(&sample::inconclusive()).errors, 6);

    // All objectives may hold while the run does not count.
    let mut saturated = sample::pass();
    saturated.verdict = Verdict::Inconclusive;
    assert_eq!(read(&saturated).errors, 1);
}

/// As Jenkins' junit plugin reads it: the numbers of a suite are those of its cases, each case has a
/// class and a name, and at most one result.
#[test]
fn junit_is_shaped_as_jenkins_reads_it() {
    for report in [sample::pass(), sample::fail(), sample::inconclusive()] {
        let text = junit(&report);
        assert!(text.starts_with("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites "), "{text}");
        let read = quick_junit::Report::deserialize_from_str(&text).expect("JUnit");
        assert_eq!(read.time.map(|time| time.as_secs()), Some(report.duration_s as u64));
        let names: Vec<_> = read.test_suites.iter().map(|suite| suite.name.as_str()).collect();
        assert_eq!(names, ["run", "slos", "failover", "invariants"]);
        for suite in &read.test_suites {
            assert_eq!(suite.tests, suite.test_cases.len());
            assert!(suite.timestamp.is_some() && suite.time.is_some());
            for case in &suite.test_cases {
                assert!(case.time.is_some() && !case.name.as_str().is_empty());
                let class = format!("squall.{}", suite.name.as_str());
                assert_eq!(case.classname.as_deref(), Some(class.as_str()));
            }
        }
    }
}

#[test]
fn answers_are_spoken_of_where_counts_differ_or_quality_is_known() {
    let mut report = sample::pass();
    assert!(!plain(&terminal(&report, 120)).contains("Answers"));
    report.answers = Answers {
        tokenizer: "o200k_base".into(),
        compared: 40,
        differing: 12,
        usage_tokens: 5_120,
        counted_tokens: 5_200,
        without_usage: 0,
        judged: 90,
        right: 81,
    };
    let shown = plain(&terminal(&report, 300));
    assert!(shown.contains("81 of 90 answers are as their corpus expects"), "{shown}");
    assert!(shown.contains("12 of 40 answers of which both are known"), "{shown}");
    assert!(markdown(&report).contains("81 of 90 answers"));
}

#[test]
fn what_clients_did_is_spoken_of_where_they_did_more_than_send_once() {
    let mut report = sample::pass();
    assert!(!plain(&terminal(&report, 120)).contains("Clients sent"));
    report.clients =
        Clients { requests: 1_000, sends: 1_050, attempts: 1_100, left: 1, hedged: 50, hedges_won: 30 };
    for shown in [plain(&terminal(&report, 120)), markdown(&report)] {
        // Wherever its lines are broken.
        let shown = shown.split_whitespace().collect::<Vec<_>>().join(" ");
        for said in [
            "Clients sent 1,000 requests 1,050 times (1.05 each), which came to 1,100 attempts on nodes (1.10 each)",
            "50 requests were hedged, 30 of them won by the second send",
            "1 request was left on purpose",
        ] {
            assert!(shown.contains(said), "{said}: {shown}");
        }
    }
}

#[test]
fn attempts_that_nobody_can_tell_are_counted_and_shown() {
    let mut report = sample::pass();
    report.correlation = Correlation { by_header: 900, ..Correlation::default() };
    assert!(!plain(&terminal(&report, 120)).contains("it is known which request"), "as it should be");
    report.correlation = Correlation { by_header: 900, by_message: 90, by_trace: 0, untold: 10 };
    for shown in [plain(&terminal(&report, 120)), markdown(&report)] {
        let shown = shown.split_whitespace().collect::<Vec<_>>().join(" ");
        for said in ["Of 1,000 attempts", "900 by their header, 90 by their message; of 10 it CAN'T BE TOLD"]
        {
            assert!(shown.contains(said), "{said}: {shown}");
        }
    }
}
