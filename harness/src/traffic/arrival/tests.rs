//! Arrivals against what their distribution says, and the committed trace against its own file.

use std::io::Write as _;
use std::path::Path;

use super::*;
use crate::scenario::plan::{
    Access, Api, ClientPolicy, Entry, Length, Lengths, Limits, Phase, Target, Traffic,
};

fn plan(schedule: Schedule, seed: u64, phases_s: &[u64]) -> Plan {
    let mut start = Nanos::ZERO;
    let phases = phases_s
        .iter()
        .map(|&seconds| {
            let duration = Duration::from_secs(seconds);
            let phase = Phase { name: format!("p{seconds}"), warmup: false, start, duration };
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
        },
        nodes: Vec::new(),
        traffic: Traffic {
            schedule,
            lengths: Lengths { input: Length::Fixed(20), output: Length::Lognormal { mean: 50.0, sd: 30.0 } },
            corpus: None,
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
        failover: None,
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
    let plan = plan(Schedule::Constant(3.0), 1, &[10, 20]);
    let all = all(&plan);
    assert_eq!(all.len(), 90);
    assert_eq!(all[89].at, Nanos(29_666_666_666));
    assert!(all.iter().enumerate().all(|(i, arrival)| arrival.id == RequestId(i as u64)));
    assert_eq!(survey(&plan).expect("valid").per_phase, [30, 60]);
}

#[test]
fn poisson_gaps_are_exponential() {
    let plan = plan(Schedule::Poisson(200.0), 7, &[50]);
    let times: Vec<f64> =
        Times::of(&plan).expect("starts").map(|t| t.expect("ok").at.as_secs_f64()).collect();
    let mut gaps: Vec<f64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    gaps.sort_by(f64::total_cmp);
    let n = gaps.len() as f64;
    // Kolmogorov-Smirnov: the largest distance to the exponential's distribution function.
    let distance = gaps
        .iter()
        .enumerate()
        .map(|(i, gap)| {
            let expected = 1.0 - (-200.0 * gap).exp();
            (expected - i as f64 / n).abs().max(((i + 1) as f64 / n - expected).abs())
        })
        .fold(0.0, f64::max);
    assert!(gaps.len() > 9_000, "{} gaps", gaps.len());
    // 1.63 / √n is the critical value at a level of 1 %.
    assert!(distance < 1.63 / n.sqrt(), "distance {distance} of {n} gaps");
}

#[test]
fn a_seed_fixes_everything_and_another_changes_it() {
    let schedule = Schedule::Poisson(50.0);
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
    let users = plan(Schedule::Users { count: 3, think: Duration::from_secs(1) }, 7, &[8]);
    assert!(matches!(arrivals(&users), Err(TrafficError::ClosedLoop)));
    assert_eq!(survey(&users).expect("nothing to find").basis, Basis::ClosedLoop);
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
