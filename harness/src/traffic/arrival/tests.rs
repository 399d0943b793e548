//! Arrivals against what their distribution says, and the committed trace against its own file.

use std::io::Write as _;
use std::path::Path;

use super::*;
use crate::scenario::Lines;
use crate::scenario::plan::{
    Access, Api, ClientPolicy, Crowd, Entry, Length, Lengths, Limits, Phase, Spike, Target, Think, Traffic,
    Users,
};

pub(in crate::traffic) fn plan(schedule: Schedule, seed: u64, phases_s: &[u64]) -> Plan {
    let mut start = Nanos::ZERO;
    let phases = phases_s
        .iter()
        .map(|&seconds| {
            let duration = Duration::from_secs(seconds);
            let phase = Phase { name: format!("p{seconds}"), warmup: false, load: 1.0, start, duration };
            start = phase.end();
            phase
        })
        .collect();
    let second = Duration::from_secs(1);
    Plan {
        name: "test".into(),
        seed,
        path: PathBuf::from("test.toml"),
        target: Target {
            api: Api::OpenaiChat,
            model: "sim".into(),
            entry: Entry::Url(vec!["http://127.0.0.1:1/v1".into()]),
            access: Access::default(),
            http: None,
            tokenizer: crate::scenario::plan::Tokenizer::Words,
            promises: crate::scenario::plan::Promises::default(),
        },
        nodes: Vec::new(),
        traffic: Traffic {
            schedule,
            spikes: Vec::new(),
            sessions: None,
            lengths: Lengths { input: Length::Fixed(20), output: Length::Lognormal { mean: 50.0, sd: 30.0 } },
            corpus: None,
            rows: None,
            stream: true,
            limits: Limits {
                in_flight: 10,
                requests: None,
                connect: second,
                first_token: second,
                idle: second,
                total: second,
            },
            client: ClientPolicy::default(),
        },
        phases,
        faults: Vec::new(),
        slos: Vec::new(),
        stops: Vec::new(),
        failover: None,
        arms: vec![crate::scenario::plan::Arm::Storm],
        lines: Lines::default(),
    }
}

fn all(plan: &Plan) -> Vec<Arrival> {
    arrivals(plan).expect("starts").collect::<Result<_, _>>().expect("no error")
}

fn committed() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/traces/azure_llm_2023_conv.csv")
}

fn file(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().expect("temporary file");
    file.write_all(text.as_bytes()).expect("written");
    file
}

const HEADER: &str = "TIMESTAMP,ContextTokens,GeneratedTokens\r\n";

#[test]
fn constant_arrivals_are_evenly_spaced_to_the_end() {
    let plan = plan(Schedule::constant(3.0), 1, &[10, 20]);
    let all = all(&plan);
    assert_eq!(all.len(), 90);
    assert_eq!(all[89].at, Nanos(29_666_666_667));
    assert!(all.iter().enumerate().all(|(i, arrival)| arrival.id == RequestId(i as u64)));
    assert_eq!(survey(&plan).expect("valid").per_phase, [30, 60]);
}

#[test]
fn a_seed_fixes_everything_and_another_changes_it() {
    let schedule = Schedule::poisson(50.0);
    let first = all(&plan(schedule.clone(), 7, &[5]));
    assert_eq!(all(&plan(schedule.clone(), 7, &[5])), first);
    let other = all(&plan(schedule, 8, &[5]));
    assert_ne!(other[0].at, first[0].at);
    assert_ne!(other[0].prompt.question(), first[0].prompt.question());
}

#[test]
fn the_committed_trace_lasts_a_minute_at_speed_8() {
    let plan = plan(Schedule::Trace { trace: trace::Source::new(committed()), speed: 8.0 }, 7, &[20, 20, 20]);
    let survey = survey(&plan).expect("valid");
    let all = all(&plan);
    assert_eq!(survey.total(), all.len() as u64);
    assert!(survey.per_phase.iter().all(|&count| count > 299), "{survey:?}");
    assert!(all.is_sorted_by_key(|arrival| arrival.at));
    assert_eq!((all[0].at, all[0].prompt.input_tokens, all[0].output_tokens), (Nanos::ZERO, 374, 44));
    // 4.314579 s of the trace at speed 8.
    assert_eq!(all[1].at, Nanos(539_322_375));
}

#[test]
fn a_trace_that_is_too_short_is_found_beforehand() {
    let trace = file(&format!("{HEADER}2023-11-16 18:00:00.0,3,4\r\n2023-11-16 18:00:20.0,3,4\r\n"));
    let short = plan(Schedule::Trace { trace: trace::Source::new(trace.path()), speed: 4.0 }, 7, &[8]);
    let message = survey(&short).expect_err("too short").to_string();
    assert!(message.contains("lasts 5s at speed 4, the run 8s"), "{message}");
    assert!(message.contains("speed at most 2.500"), "{message}");
    let last = arrivals(&short).expect("starts").last().expect("one");
    assert!(matches!(last, Err(TrafficError::Short { .. })), "the run hears of it too");
    let enough = plan(Schedule::Trace { trace: trace::Source::new(trace.path()), speed: 2.5 }, 7, &[8]);
    assert_eq!(survey(&enough).expect("long enough").total(), 1);
}

#[test]
fn bad_traces_are_found_beforehand() {
    let empty = file(HEADER);
    let empty = plan(Schedule::Trace { trace: trace::Source::new(empty.path()), speed: 1.0 }, 7, &[8]);
    assert!(matches!(survey(&empty), Err(TrafficError::Empty { .. })));
    let cut = file(&format!("{HEADER}2023-11-16 18:00:00.0,3,4\r\n2023-11-16 18:0"));
    let cut = plan(Schedule::Trace { trace: trace::Source::new(cut.path()), speed: 1.0 }, 7, &[8]);
    assert!(matches!(survey(&cut), Err(TrafficError::Row { line: 3, .. })));
    let missing = plan(Schedule::Trace { trace: trace::Source::new("/nowhere"), speed: 1.0 }, 7, &[8]);
    assert!(matches!(survey(&missing), Err(TrafficError::Unreadable { .. })));
}

#[test]
fn users_have_no_schedule() {
    let crowd = vec![Crowd { count: 3, ramp: Duration::ZERO, lasts: None }];
    let think = Think::Fixed(Duration::from_secs(2));
    let mut users = plan(Schedule::Users(Users { crowd: crowd.clone(), think, turns: 1 }), 7, &[8, 2]);
    assert!(matches!(arrivals(&users), Err(TrafficError::ClosedLoop)));
    // Three at once, and then one each every two seconds at the soonest.
    let survey_of = |plan: &Plan| survey(plan).expect("nothing to find");
    let Survey { per_phase, basis, .. } = survey_of(&users);
    assert_eq!((per_phase, basis), (vec![3 + 12, 3], Basis::AtMost));
    users.traffic.schedule = Schedule::Users(Users { crowd, think: Think::Fixed(Duration::ZERO), turns: 1 });
    assert_eq!(survey_of(&users).basis, Basis::Unknown);
}

#[test]
fn spikes_come_on_top_and_leave_the_rest_as_it_is() {
    for schedule in [
        Schedule::poisson(20.0),
        Schedule::constant(20.0),
        Schedule::Trace { trace: trace::Source::new(committed()), speed: 8.0 },
    ] {
        let without = plan(schedule, 7, &[20, 20]);
        let mut with = without.clone();
        let spike = |at: u64, seconds, rate| Spike {
            at: Nanos(at * SECOND),
            lasts: Duration::from_secs(seconds),
            rate,
        };
        // Two that overlap, and one that the run's end cuts off.
        with.traffic.spikes = vec![spike(5, 4, 200.0), spike(7, 4, 100.0), spike(39, 10, 100.0)];
        let (bare, spiked) = (all(&without), all(&with));
        assert!(spiked.is_sorted_by_key(|arrival| arrival.at));
        assert!(spiked.iter().enumerate().all(|(i, arrival)| arrival.id == RequestId(i as u64)));
        let mut added: Vec<Nanos> = spiked.iter().map(|arrival| arrival.at).collect();
        for arrival in &bare {
            let place = added.binary_search(&arrival.at).expect("arrives with the spikes too");
            added.remove(place);
        }
        let between = |from: u64, to: u64| {
            added.iter().filter(|at| (from * SECOND..to * SECOND).contains(&at.0)).count()
        };
        // Poisson: five standard deviations are enough for any seed that is not chosen to fail.
        for (from, to, mean) in [(5, 7, 400.0), (7, 9, 600.0), (9, 11, 200.0), (39, 40, 100.0)] {
            let count = between(from, to) as f64;
            assert!((count - mean).abs() < 5.0 * f64::sqrt(mean), "{count} from {from} s to {to} s");
        }
        assert_eq!(between(0, 5) + between(11, 39), 0);
        let survey = survey(&with).expect("valid");
        assert_eq!(survey.total(), spiked.len() as u64);
        assert!(survey.busiest[0] > 280 && survey.busiest[1] < 180, "{survey:?}");
        assert_eq!(all(&with), spiked);
    }
}

#[test]
fn bad_rows_that_are_left_out_are_counted() {
    let trace =
        file(&format!("{HEADER}2023-11-16 18:00:00.0,3,4\r\nnoon,3,4\r\n2023-11-16 18:00:20.0,3,4\r\n"));
    let source = trace::Source { bad_rows: trace::BadRows::Skip, ..trace::Source::new(trace.path()) };
    let survey = survey(&plan(Schedule::Trace { trace: source, speed: 1.0 }, 7, &[8])).expect("readable");
    assert_eq!((survey.total(), survey.skipped.rows), (1, 1));
    assert!(survey.skipped.first.is_some_and(|first| first.starts_with("line 3: TIMESTAMP \"noon\"")));
}

#[test]
fn a_trace_without_times_says_what_it_lacks() {
    let trace = file("{\"input_tokens\": 5}\n");
    let bare = plan(Schedule::Trace { trace: trace::Source::new(trace.path()), speed: 1.0 }, 7, &[8]);
    let error = survey(&bare).expect_err("no times").to_string();
    assert!(error.contains("has no times") && error.contains("at_s"), "{error}");
}

#[test]
fn rows_that_share_blocks_get_prompts_that_share_a_prefix() {
    let trace = file(
        "{\"at_s\": 0, \"input_tokens\": 1100, \"output_tokens\": 9, \"hash_ids\": [1, 2, 3]}\n\
         {\"at_s\": 1, \"input_tokens\": 1100, \"hash_ids\": [1, 2, 4]}\n{\"at_s\": 9}\n",
    );
    let arrivals =
        all(&plan(Schedule::Trace { trace: trace::Source::new(trace.path()), speed: 1.0 }, 7, &[8]));
    let text = |arrival: &Arrival| arrival.prompt.question().to_owned();
    let (first, second) = (text(&arrivals[0]), text(&arrivals[1]));
    let shared = first.bytes().zip(second.bytes()).take_while(|(a, b)| a == b).count();
    let share = shared as f64 / first.len() as f64;
    assert!((0.85..0.97).contains(&share), "1,024 of 1,100 tokens are shared: {share}");
    assert_eq!(arrivals[0].output_tokens, 9);
    assert!(arrivals[1].output_tokens >= 1, "drawn, since the row does not say");
}

#[test]
fn a_request_as_it_is_keeps_its_messages_and_one_that_asks_nothing_is_named() {
    let trace_of =
        |body: &str| file(&format!("{{\"at_s\": 0, \"body\": {body}}}\n{{\"at_s\": 9, \"body\": {body}}}\n"));
    let plan_of =
        |path: &Path| plan(Schedule::Trace { trace: trace::Source::new(path), speed: 1.0 }, 7, &[8]);
    let good = trace_of(
        "{\"messages\": [{\"role\": \"system\", \"content\": \"be brief\"}, {\"role\": \"user\", \"content\": \"hi\"}]}",
    );
    let sent = all(&plan_of(good.path()));
    let prompt = &sent[0].prompt;
    assert_eq!(prompt.conversation.messages()[0].text, "be brief");
    assert_eq!(prompt.question(), "hi\n\n(ref sq-7-0)");
    let bad = trace_of("{\"messages\": []}");
    let error = survey(&plan_of(bad.path())).expect_err("refused").to_string();
    assert!(error.contains(", line 1: ") && error.contains("no user message"), "{error}");
}

#[test]
fn a_trace_without_times_says_what_is_asked_and_arrivals_say_when() {
    let trace = file(
        "{\"input_tokens\": 40, \"output_tokens\": 3}\n{\"input_tokens\": \"many\"}\n\
         {\"input_tokens\": 60, \"output_tokens\": 4}\n",
    );
    let mut plan = plan(Schedule::constant(1.0), 7, &[5]);
    let source = trace::Source::new(trace.path());
    plan.traffic.rows = Some(trace::Source { bad_rows: trace::BadRows::Skip, ..source.clone() });
    let asked = all(&plan);
    let asked: Vec<_> = asked
        .iter()
        .map(|arrival| (arrival.at.0 / SECOND, arrival.prompt.input_tokens, arrival.output_tokens))
        .collect();
    assert_eq!(asked, [(0, 40, 3), (1, 60, 4), (2, 40, 3), (3, 60, 4), (4, 40, 3)]);
    let found = survey(&plan).expect("bad rows are left out");
    assert_eq!((found.total(), found.skipped.rows), (5, 1));
    plan.traffic.rows = Some(source);
    assert!(matches!(survey(&plan), Err(TrafficError::Row { line: 2, .. })));
}
