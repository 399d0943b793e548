//! Sessions against what their distributions say, and their ids against each other.

use std::io::Write as _;

use proptest::prelude::*;

use super::super::arrival::tests::plan as plan_of;
use super::super::trace::{Source, Spread};
use super::super::{Arrival, arrivals, survey};
use super::*;
use crate::scenario::plan::{Lengths, Schedule, SubRequests, Think, Tools};

fn sessions(turns: Turns) -> Sessions {
    Sessions { turns, think: Think::Fixed(Duration::ZERO), tools: None, sub_requests: None }
}

fn divided(turns: Turns, count: u32) -> Sessions {
    let lengths = Lengths { input: Length::Fixed(20), output: Length::Fixed(5) };
    Sessions { sub_requests: Some(SubRequests { count, lengths }), ..sessions(turns) }
}

/// The turns of many sessions.
fn drawn(turns: Turns) -> Vec<f64> {
    let plan = sessions(turns);
    let turns = |number| Opening::draw(7, &plan, number, RequestId(0), u64::MAX).turns();
    (0..20_000).map(|number| f64::from(turns(number))).collect()
}

fn mean_and_variance(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    (mean, values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / n)
}

#[test]
fn turns_have_the_distribution_that_was_asked_for() {
    assert!(drawn(Turns::Fixed(6)).iter().all(|turns| (turns - 6.0).abs() < f64::EPSILON));
    let uniform = drawn(Turns::Uniform { least: 2, most: 8 });
    for turns in 2..=8 {
        let share = uniform.iter().filter(|drawn| **drawn as u32 == turns).count() as f64 / 20_000.0;
        // A seventh, within four standard deviations.
        assert!((share - 1.0 / 7.0).abs() < 0.01, "{turns}: {share}");
    }
    let geometric = drawn(Turns::Geometric { mean: 5.0 });
    let (mean, variance) = mean_and_variance(&geometric);
    // Of variance mean·(mean - 1).
    assert!((mean - 5.0).abs() < 0.13 && (variance - 20.0).abs() < 2.0, "{mean} {variance}");
    // A fifth of all sessions end after a turn, and a fifth of those that go on after the next.
    for (turns, expected) in [(1, 0.2), (2, 0.16)] {
        let share = geometric.iter().filter(|drawn| **drawn as u32 == turns).count() as f64 / 20_000.0;
        assert!((share - expected).abs() < 0.012, "{turns}: {share}");
    }
    assert!(drawn(Turns::Geometric { mean: 1.0 }).iter().all(|turns| *turns < 1.5));
}

#[test]
fn pauses_are_those_of_their_session_and_the_slowest_tool_is_waited_for() {
    let think = Think::Uniform { least: Duration::from_secs(1), most: Duration::from_secs(2) };
    let time = Think::Exponential(Duration::from_secs(1));
    let tools = Some(Tools { calls: 3, time, result: Length::Fixed(5) });
    let plan = Sessions { think, tools, ..sessions(Turns::Fixed(9)) };
    let draw = |number| {
        let mut pauses = Pauses::of(7, &plan, number);
        (0..4_000).map(|_| pauses.draw()).collect::<Vec<_>>()
    };
    assert_eq!(draw(3), draw(3));
    assert_ne!(draw(3), draw(4));
    let tools: Vec<f64> = draw(3).iter().map(|pause| pause.tools.as_secs_f64()).collect();
    // The largest of three exponentials of mean 1 has the mean 1 + 1/2 + 1/3 and the variance 1 + 1/4 + 1/9.
    let (mean, variance) = mean_and_variance(&tools);
    assert!((mean - 11.0 / 6.0).abs() < 0.08 && (variance - 49.0 / 36.0).abs() < 0.2, "{mean} {variance}");
    let thinks: Vec<f64> = draw(3).iter().map(|pause| pause.think.as_secs_f64()).collect();
    assert!((mean_and_variance(&thinks).0 - 1.5).abs() < 0.03);
}

#[test]
fn results_have_their_tokens_and_are_all_different() {
    let tools = Some(Tools { calls: 3, time: Think::Fixed(Duration::ZERO), result: Length::Fixed(40) });
    let sessions = Sessions { tools, ..divided(Turns::Fixed(3), 2) };
    let plan = plan_of(Schedule::poisson(5.0), 7, &[10]);
    let toolbox = Toolbox::of(&plan, &sessions).expect("written");
    let given: Vec<Given> =
        [0, 3].into_iter().flat_map(|turn| toolbox.results(RequestId(turn)).collect::<Vec<_>>()).collect();
    let tokenizer = Tokenizer::load(&plan.target.tokenizer).expect("loads");
    assert!(given.iter().all(|given| tokenizer.count(&given.text) == 40 && given.tokens == 40));
    let mut texts: Vec<&str> = given.iter().map(|given| given.text.as_str()).collect();
    texts.sort_unstable();
    texts.dedup();
    assert_eq!(texts.len(), 6);
    let mut prompt = Prompt::question_alone("what?", 1);
    toolbox.offer(&mut prompt);
    assert_eq!(prompt.tools.iter().map(|tool| tool.name.as_str()).collect::<Vec<_>>(), [TOOL, DELEGATE]);
}

#[test]
fn the_survey_counts_what_is_sent_if_answers_take_no_time() {
    let mut plan = plan_of(Schedule::constant(1.0), 7, &[10, 10]);
    let think = Think::Fixed(Duration::from_secs(4));
    plan.traffic.sessions = Some(Sessions { think, ..divided(Turns::Fixed(3), 2) });
    let found = survey(&plan).expect("no trace");
    assert_eq!(found.basis, super::super::Basis::About);
    // A session a second from 0 s on, each with 3 requests at once, 3 after 4 s, and 1 after 8 s: the first
    // phase has 10 first turns, 6 second ones and 2 last ones.
    assert_eq!(found.per_phase, [3 * 10 + 3 * 6 + 2, 3 * 10 + 3 * 10 + 10]);
    plan.traffic.limits.requests = Some(10);
    assert_eq!(survey(&plan).expect("no trace").total(), 7 + 3);
}

/// A trace of so many rows, four a second, row n of 40 + n tokens in and 5 + n out; the last is past any run.
fn trace(rows: u32, conversation: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().expect("temporary file");
    for n in 0..rows {
        let at_s = f64::from(n) / 4.0;
        let row = format!("{{\"at_s\": {at_s}, \"input_tokens\": {}, \"output_tokens\": {}", 40 + n, 5 + n);
        writeln!(file, "{row}{conversation}}}").expect("written");
    }
    writeln!(file, "{{\"at_s\": 1000, \"input_tokens\": 9}}").expect("written");
    file
}

#[test]
fn each_row_of_a_trace_begins_a_session_at_its_time_with_its_lengths() {
    let file = trace(30, "");
    let schedule = Schedule::Trace { trace: Source::new(file.path()), speed: 2.0 };
    let mut plan = plan_of(schedule, 7, &[5, 5]);
    let think = Think::Fixed(Duration::from_secs(2));
    plan.traffic.sessions = Some(Sessions { think, ..divided(Turns::Uniform { least: 1, most: 3 }, 2) });
    let begun: Vec<Arrival> =
        arrivals(&plan).expect("opens").map(|arrival| arrival.expect("a row")).collect();
    assert_eq!(begun.len(), 30);
    let mut id = 0;
    for (arrival, n) in begun.iter().zip(0..) {
        assert_eq!(arrival.at, Nanos(u64::from(n) * 125_000_000));
        assert_eq!((arrival.prompt.input_tokens, arrival.output_tokens), (40 + n, 5 + n));
        let session = arrival.session.expect("one");
        assert_eq!((session.number, session.first, arrival.id), (n.into(), RequestId(id), RequestId(id)));
        // Drawn as those that begin at a rate.
        let at_a_rate = plan.traffic.sessions.as_ref().expect("some");
        assert_eq!(session, Opening::draw(7, at_a_rate, n.into(), RequestId(id), u64::MAX));
        id += u64::from(session.requests);
    }
    let found = survey(&plan).expect("no mistake");
    assert_eq!((found.basis, found.busiest), (super::super::Basis::About, vec![8, 0]));
    assert_eq!(found.per_phase.iter().sum::<u64>(), id);
    plan.traffic.limits.requests = Some(9);
    let requests =
        arrivals(&plan).expect("opens").map(|arrival| arrival.expect("a row").session.expect("one").requests);
    assert_eq!((requests.sum::<u32>(), survey(&plan).expect("no mistake").total()), (9, 9));
}

#[test]
fn times_that_were_rounded_are_spread_for_sessions_as_for_requests() {
    let file = trace(30, "");
    let spread = Some(Spread::By(Duration::from_millis(250)));
    let source = Source { spread, ..Source::new(file.path()) };
    let mut plan = plan_of(Schedule::Trace { trace: source, speed: 1.0 }, 7, &[10]);
    let times = |plan: &Plan| -> Vec<Nanos> {
        arrivals(plan).expect("opens").map(|arrival| arrival.expect("a row").at).collect()
    };
    let of_requests = times(&plan);
    plan.traffic.sessions = Some(divided(Turns::Fixed(3), 2));
    assert_eq!(times(&plan), of_requests);
    assert!(of_requests.iter().any(|at| !at.0.is_multiple_of(250_000_000)));
}

#[test]
fn a_row_that_may_be_a_later_turn_begins_no_session() {
    let file = trace(3, ", \"session\": \"s1\"");
    let mut plan = plan_of(Schedule::Trace { trace: Source::new(file.path()), speed: 1.0 }, 7, &[10]);
    assert_eq!(survey(&plan).expect("each is one request").total(), 3);
    plan.traffic.sessions = Some(sessions(Turns::Fixed(3)));
    let error = survey(&plan).expect_err("refused").to_string();
    assert!(error.contains(", line 1: the row belongs to the conversation `s1`"), "{error}");
    assert!(error.contains("take `session` (or `--turns`) away"), "{error}");
    assert!(arrivals(&plan).expect("opens").next().expect("one").is_err());
}

proptest! {
    #[test]
    fn the_ids_of_sessions_are_those_of_turns_and_sub_requests_without_a_gap(
        seed: u64, most in 1_u64..300, count in 0_u32..4, least in 1_u32..5, more in 0_u32..9,
    ) {
        let turns = Turns::Uniform { least, most: least + more };
        let mut plan = plan_of(Schedule::poisson(50.0), seed, &[20]);
        plan.traffic.sessions = Some(if count == 0 { sessions(turns) } else { divided(turns, count) });
        plan.traffic.limits.requests = Some(most);
        let mut ids = Vec::new();
        for (arrival, number) in arrivals(&plan).expect("starts").zip(0..) {
            let arrival = arrival.expect("no error");
            let session = arrival.session.expect("a session");
            prop_assert_eq!((session.number, session.first), (number, arrival.id));
            for turn in 0..session.turns() {
                ids.push(session.turn(turn));
                ids.extend(session.sub_requests(turn));
            }
            prop_assert_eq!(ids.len() as u64, session.first.0 + u64::from(session.requests));
            prop_assert!(session.turns() >= least || ids.len() as u64 == most);
        }
        prop_assert_eq!(ids, (0..most).map(RequestId).collect::<Vec<_>>());
    }
}
