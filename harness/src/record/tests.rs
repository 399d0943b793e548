//! What goes in comes out: on disk, in the figures, and back from disk.

use std::io::Read as _;
use std::time::Duration;

use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};
use squall_report::{Clock as ReportClock, Cohort, Metric, Outcome};

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use super::*;
use crate::clock::Clock;
use crate::correlation::KnownBy;
use crate::fault::NodeState;
use crate::name::{AttemptId, RequestId};
use crate::scenario::Lines;
use crate::scenario::plan::{
    Access, Api, ClientPolicy, Entry, Length, Lengths, Limits, NodeKind, NodePlan, Objective, Phase, Plan,
    Schedule, Selector, Slo, Target, Traffic,
};

const MS: u64 = 1_000_000;

pub(super) fn plan() -> Plan {
    let phase = |name: &str, start| Phase {
        name: name.into(),
        warmup: false,
        load: 1.0,
        start: Nanos::from(Duration::from_secs(start)),
        duration: Duration::from_secs(10),
    };
    let limit = Duration::from_secs(5);
    Plan {
        name: "test".into(),
        seed: 1,
        path: "test.toml".into(),
        target: Target {
            api: Api::OpenaiChat,
            model: "sim".into(),
            entry: Entry::Node("a".into()),
            access: Access::default(),
            http: None,
            tokenizer: crate::scenario::plan::Tokenizer::Words,
            promises: crate::scenario::plan::Promises::default(),
        },
        nodes: vec![NodePlan {
            name: "a".into(),
            zone: String::new(),
            kind: NodeKind::Url("http://x".into()),
            access: Access::default(),
            http: None,
        }],
        traffic: Traffic {
            schedule: Schedule::constant(1.0),
            spikes: Vec::new(),
            sessions: None,
            lengths: Lengths { input: Length::Fixed(1), output: Length::Fixed(1) },
            corpus: None,
            rows: None,
            stream: true,
            limits: Limits {
                in_flight: 1,
                requests: None,
                connect: limit,
                first_token: limit,
                idle: limit,
                total: limit,
            },
            client: ClientPolicy::default(),
        },
        phases: vec![phase("calm", 0), phase("storm", 10)],
        faults: Vec::new(),
        slos: vec![Slo {
            name: "gaps".into(),
            text: "p50(itl) <= 10ms".into(),
            objective: Objective::Latency {
                metric: Metric::Itl,
                share: 0.5,
                bound: Duration::from_millis(10),
            },
            during: vec![1],
            only: Selector::default(),
            window: None,
            budget: None,
        }],
        stops: Vec::new(),
        failover: None,
        arms: vec![crate::scenario::plan::Arm::Storm],
        lines: Lines::default(),
    }
}

pub(super) fn request(id: u64, at_ms: u64, outcome: Outcome) -> RequestRow {
    let at = |offset| Some(Nanos((at_ms + offset) * MS));
    RequestRow {
        id: RequestId(id),
        session: None,
        turn: None,
        sub_request: None,
        phase: if at_ms < 10_000 { "calm".into() } else { "storm".into() },
        cohort: if id.is_multiple_of(2) { Cohort::Faulted } else { Cohort::Collateral },
        intended_ns: Nanos(at_ms * MS),
        sent_ns: at(1),
        first_byte_ns: at(20),
        first_content_ns: at(50),
        last_content_ns: at(90),
        end_ns: Nanos((at_ms + 95) * MS),
        outcome,
        status: Some(200),
        events: 5,
        output_tokens: 5,
        model: None,
        node: Some("a".into()),
        attempts: 1,
        sends: 1,
        left: false,
        hedge: None,
        input_tokens: 9,
        expected_tokens: Some(5),
        content: Content::Whole,
        marker: true,
        genuine_marker: true,
        usage_tokens: None,
        counted_tokens: None,
        right: None,
        clean_end: true,
        claimed_attempts: Some(1),
        retry_after_ms: None,
        timeout: None,
        error: None,
    }
}

fn attempt(id: u64, at_ms: u64, probe: bool) -> AttemptRow {
    AttemptRow {
        id: AttemptId(id),
        request: (!probe).then_some(RequestId(id)),
        known_by: (!probe).then_some(KnownBy::Header),
        ordinal: 0,
        node: "a".into(),
        start_ns: Nanos(at_ms * MS),
        first_byte_ns: None,
        end_ns: Nanos((at_ms + 1) * MS),
        status: Some(200),
        events: 5,
        end: AttemptEnd::Complete,
        probe,
        marker: true,
        after_end: false,
        faults: 0,
        hedge: false,
        model: None,
        retry_after_ms: None,
        connections: 1,
    }
}

/// Records a small run and returns its figures and facts.
fn recorded(folder: &Path) -> Result<(Recorded, Facts), RecordError> {
    let plan = Arc::new(plan());
    let (recorder, records) = Recorder::channel();
    let recording = start(Arc::clone(&plan), folder, Clock::start(), records)?;
    let ends = [
        (0, 100, Outcome::Ok),
        (1, 200, Outcome::Cut),
        (2, 10_100, Outcome::Ok),
        (3, 10_200, Outcome::Aborted),
    ];
    for (id, at_ms, outcome) in ends {
        recorder.record(Record::Arrival(Nanos(at_ms * MS)));
        let gaps_ns = vec![5 * MS as u32, 20 * MS as u32];
        recorder.record(Record::Request { row: Box::new(request(id, at_ms, outcome)), gaps_ns });
        recorder.record(Record::Attempt(Box::new(attempt(id, at_ms, false))));
    }
    recorder.record(Record::Attempt(Box::new(attempt(9, 300, true))));
    let late = Duration::from_millis(2);
    for (at_ms, in_flight) in [(100, 3), (105, 5), (110, 4)] {
        recorder.record(Record::Beat { at: Nanos(at_ms * MS), late, in_flight });
    }
    for (at, paused) in [(6, true), (7, false)] {
        recorder.record(Record::Pause(PauseEvent { at_ns: Nanos(at), paused }));
    }
    let state = NodeState::Down;
    recorder.record(Record::Node(NodeEvent { at_ns: Nanos(5), node: "a".into(), state }));
    let recorded = recording.finish()?;
    // The recording is closed: what comes now is dropped, and nobody waits.
    recorder.record(Record::Arrival(Nanos(0)));
    Ok((recorded, read_facts(folder, &plan)?))
}

#[test]
fn a_run_is_counted_and_read_back() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let (recorded, facts) = recorded(folder.path())?;
    assert_eq!(recorded.scheduled, [2, 2]);
    assert_eq!(recorded.counts[0].ok, 1);
    assert_eq!(recorded.counts[0].cut, 1);
    assert_eq!(recorded.counts[1].aborted, 1);
    assert_eq!(recorded.counts[0].sent, 2);
    assert_eq!(recorded.nodes[0].attempts, 4, "a probe is no work");
    assert_eq!(recorded.nodes[0].states[0].state, "down");
    assert_eq!(facts.requests.len(), 4);
    assert_eq!(facts.requests.get(1).map(|request| request.outcome), Some(Outcome::Cut));
    assert_eq!(facts.requests.get(2).map(|request| request.phase), Some(1));
    assert_eq!(facts.attempts.len(), 5);
    assert_eq!(facts.node_events.len(), 1);
    let pauses = [(6, true), (7, false)].map(|(at, paused)| PauseEvent { at_ns: Nanos(at), paused });
    assert_eq!(facts.pause_events, pauses);
    assert_eq!(recorded.series[0].in_flight, Some(5), "the most of a slice");
    Ok(())
}

#[test]
fn a_failure_is_a_censored_sample_and_an_aborted_request_is_none() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let (recorded, _) = recorded(folder.path())?;
    let row = |phase: &str, cohort, clock| {
        recorded.latency.iter().find(|row| {
            row.phase == phase && row.metric == Metric::Ttft && row.cohort == cohort && row.clock == clock
        })
    };
    let all = row("calm", Cohort::All, ReportClock::Intended).ok_or("no row")?;
    assert_eq!((all.count, all.failed), (1, 1));
    assert_eq!(all.p99_ms.map(f64::round), Some(50.0));
    assert_eq!(all.with_failures.p50_ms.map(f64::round), Some(50.0));
    assert_eq!(all.with_failures.p99_ms, None, "the largest sample is the failure");
    let sent = row("calm", Cohort::All, ReportClock::Sent).ok_or("no row")?;
    assert_eq!(sent.p99_ms.map(f64::round), Some(49.0));
    assert!(row("calm", Cohort::Collateral, ReportClock::Intended).is_some_and(|row| row.count == 0));
    let storm = row("storm", Cohort::All, ReportClock::Intended).ok_or("no row")?;
    assert_eq!((storm.count, storm.failed), (1, 0));
    Ok(())
}

#[test]
fn gaps_are_counted_for_their_objective_in_its_phases() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let (recorded, _) = recorded(folder.path())?;
    assert_eq!((recorded.gaps[0].samples, recorded.gaps[0].good), (4, 2));
    assert_eq!(recorded.gaps[0].observed_ms.map(f64::round), Some(5.0));
    Ok(())
}

#[test]
fn the_histogram_log_is_read_by_its_own_format() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    recorded(folder.path())?;
    let mut log = Vec::new();
    File::open(folder.path().join(HISTOGRAM_LOG_FILE))?.read_to_end(&mut log)?;
    let mut tags = Vec::new();
    for entry in IntervalLogIterator::new(&log) {
        if let LogEntry::Interval(interval) = entry.map_err(|error| format!("{error:?}"))? {
            tags.extend(interval.tag().map(|tag| tag.as_str().to_owned()));
        }
    }
    tags.sort();
    let known = [
        "dispatch_lag",
        "e2e",
        "e2e_sent",
        "itl",
        "runtime_stall",
        "tpot",
        "ttfb",
        "ttfb_sent",
        "ttft",
        "ttft_sent",
    ];
    assert_eq!(tags, known);
    for tag in known {
        assert!(folder.path().join(format!("percentiles/{tag}.hgrm")).exists(), "{tag}");
    }
    Ok(())
}

#[test]
fn a_broken_row_is_named_by_its_line() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    recorded(folder.path())?;
    let path = folder.path().join(ATTEMPTS_FILE);
    let text = std::fs::read_to_string(&path)?.replacen("\"ordinal\":0", "\"ordinal\":-1", 1);
    std::fs::write(&path, text)?;
    let error = read_facts(folder.path(), &plan()).err().ok_or("it was read")?.to_string();
    assert!(error.contains("attempts.jsonl, line 1:"), "{error}");
    Ok(())
}

#[test]
fn a_folder_with_ledgers_is_not_written_over() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    recorded(folder.path())?;
    assert!(matches!(recorded(folder.path()), Err(RecordError::Write { .. })));
    Ok(())
}

#[test]
fn the_worst_requests_are_few_whatever_the_run_and_have_the_rows_of_all_ledgers() {
    let mut picker = worst::Picker::default();
    for id in 0..10_000 {
        let mut row = request(id, id * 10, Outcome::Ok);
        match id {
            // A storm of one error, and a single worse one late in it.
            1_000..6_000 => (row.outcome, row.status) = (Outcome::HttpError, Some(502)),
            7_000 => row.outcome = Outcome::Invented,
            8_000 => row.first_content_ns = Some(row.intended_ns + Duration::from_secs(4)),
            9_000 => row.attempts = 7,
            _ => {}
        }
        picker.request(&row);
    }
    let mut picked = picker.picked();
    for ordinal in 0..30 {
        let row = AttemptRow {
            id: AttemptId(ordinal),
            request: Some(RequestId(7_000)),
            ..attempt(0, 70_000 - ordinal, false)
        };
        picked.attempt(&row);
        picked.fault(&FaultRow {
            at_ns: row.start_ns,
            plugin: "latency".into(),
            fault: 0,
            hook: "response".into(),
            verdict: "delay(20.000ms)".into(),
            attempt: Some(row.id),
            request: row.request,
            ordinal: None,
            node: None,
        });
    }
    let worst = picked.finish();
    assert!(worst.len() <= 22, "{}", worst.len());
    // What misleads most comes first; the storm has no more than its examples.
    assert_eq!((worst[0].id, worst[0].outcome, worst[0].alike), (7_000, Outcome::Invented, 1));
    assert_eq!((worst[1].id, worst[1].alike), (1_000, 5_000));
    assert_eq!(worst.iter().filter(|request| request.outcome == Outcome::HttpError).count(), 3);
    let of = |id: u64| &worst.iter().find(|request| request.id == id).expect("it is among the worst").why;
    assert_eq!(*of(8_000), [squall_report::WhyWorst::FirstToken]);
    assert_eq!(*of(9_000), [squall_report::WhyWorst::Attempts]);
    let ledger = &worst[0].ledger;
    assert_eq!((ledger.len(), worst[0].ledger_left_out), (10, 20));
    assert!(ledger.windows(2).all(|pair| pair[0].start_s <= pair[1].start_s));
    assert_eq!(ledger[0].faults, ["latency: delay(20.000ms)"]);
}

#[test]
fn what_is_watched_is_what_the_report_will_say() {
    let plan = plan();
    let mut tables = tables::Tables::new(&plan);
    let take = |tables: &mut tables::Tables, id, at_ms| {
        tables.arrival(Nanos(at_ms * MS));
        tables.request(&request(id, at_ms, Outcome::Ok), &[], |_, _, _| {});
    };
    take(&mut tables, 0, 100);
    let before = tables.series();
    // One more in a slice that figures were made of, and one in a slice that is new.
    take(&mut tables, 1, 200);
    take(&mut tables, 2, 10_100);
    let watched = tables.series();
    assert_ne!(watched[0], before[0]);
    assert_eq!(watched[0].scheduled, 2);
    // Once: what was looked at is not looked at again.
    let lately = [tables.lately(9.0), tables.lately(10.0)];
    assert_eq!(lately.map(|last| (last.start_s as u64, last.scheduled, last.ok)), [(9, 3, 3), (10, 0, 0)]);
    assert_eq!(watched, tables.finish(&plan).series);
}
