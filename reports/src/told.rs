//! What is said of a run, in sentences: of objectives, bounds and invariants, of the advice on them, and of clients,
//! sessions, answers and attempts. The same words wherever they stand.

use crate::{
    Advice, Answers, Calibration, Check, CheckKind, Client, Clients, Correlation, Failover, Invariant, Pause,
    Peak, Sessions, Skipped, Slo, Verdict, format,
};

/// An objective, what was observed, and what that proves.
pub(crate) fn objective(slo: &Slo) -> String {
    format!(
        "{} during {}: observed {}; {} of {} good ({} at 95 % confidence, {} wanted)",
        slo.objective,
        format::during(slo),
        format::observed(slo),
        format::count(slo.good),
        format::counted(slo.samples, if slo.rate.is_some() { "block" } else { "sample" }),
        format::bounds(slo),
        format::target(slo),
    )
}

/// What a death came to, against a bound.
pub(crate) fn bound(death: &Failover, check: &Check) -> String {
    let reason = check.reason.as_ref().map(|reason| format!("; {reason}")).unwrap_or_default();
    format!("observed {}{reason}; died at {}", check.observed, format::run_time(death.t0_s))
}

/// How often an invariant was broken, then its examples.
pub(crate) fn invariant(invariant: &Invariant) -> Vec<String> {
    let times = match (invariant.verdict, invariant.violations) {
        (Verdict::Inconclusive | Verdict::NotChecked, 0) => None,
        (_, n) => Some(format::counted(n, "violation")),
    };
    times.into_iter().chain(invariant.examples.iter().cloned()).collect()
}

/// The check that an advice is on: `SLO: availability`.
pub(crate) fn advised_on(advice: &Advice) -> String {
    let kind = match advice.kind {
        CheckKind::Run => "",
        CheckKind::Slo => "SLO: ",
        CheckKind::Failover => "Failover: ",
        CheckKind::Invariant => "Invariant: ",
    };
    format!("{kind}{}", format::words(&advice.check))
}

/// The most that the client carried, beside what it was measured to carry.
pub(crate) fn carried(client: &Client) -> String {
    let Peak { requests_per_s, events_per_s, in_flight } = client.peak;
    let peak = format!(
        "At its busiest {requests_per_s:.0} requests/s, {events_per_s:.0} events/s, {in_flight} in flight"
    );
    match &client.calibration {
        Some(Calibration { measured_at, requests_per_s, events_per_s, open_streams, exceeded }) => {
            let day = measured_at.get(..10).unwrap_or(measured_at);
            let beyond = if exceeded.is_empty() { "it carries" } else { "BEYOND what it carries:" };
            format!(
                "{peak}; {beyond} {requests_per_s:.0} requests/s, {events_per_s:.0} events/s, {open_streams} \
                 streams (calibrated {day})."
            )
        }
        None => format!("{peak}; not calibrated (`squall calibrate` measures what this machine carries)."),
    }
}

/// What clients did beyond sending each request once; empty where they did nothing more.
pub(crate) fn clients(clients: &Clients) -> Vec<String> {
    let Clients { requests, sends, attempts, left, hedged, hedges_won } = *clients;
    let again = (sends > requests).then(|| {
        let each = |n: u64| format!("{:.2} each", n as f64 / requests.max(1) as f64);
        let came = match attempts {
            0 => String::new(),
            _ => format!(
                ", which came to {} on nodes ({})",
                format::counted(attempts, "attempt"),
                each(attempts)
            ),
        };
        format!(
            "Clients sent {} {} times ({}){came}",
            format::counted(requests, "request"),
            format::count(sends),
            each(sends)
        )
    });
    let hedges = (hedged > 0).then(|| {
        format!("{} hedged, {} of them won by the second send", were(hedged), format::count(hedges_won))
    });
    let left = (left > 0).then(|| format!("{} left on purpose by their clients", were(left)));
    [again, hedges, left].into_iter().flatten().collect()
}

/// By what attempts are known to serve their requests; nothing where all came with their header.
pub(crate) fn correlation(correlation: &Correlation) -> Option<String> {
    let Correlation { by_header, by_message, by_trace, untold } = *correlation;
    let known = [(by_header, "header"), (by_message, "message"), (by_trace, "trace")];
    let known: Vec<String> = known
        .into_iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, by)| format!("{} by their {by}", format::count(number)))
        .collect();
    let all = format::counted(by_header + by_message + by_trace + untold, "attempt");
    let known = if known.is_empty() { "none".into() } else { known.join(", ") };
    let lost = match untold {
        0 => String::new(),
        _ => format!("; of {} it CAN'T BE TOLD, so that what needs it is not decided", format::count(untold)),
    };
    (by_message + by_trace + untold > 0)
        .then(|| format!("Of {all} it is known which request they serve: {known}{lost}"))
}

/// `1 request was`, `2 requests were`.
fn were(n: u64) -> String {
    format!("{} {}", format::counted(n, "request"), if n == 1 { "was" } else { "were" })
}

/// What was found out of the answers' texts that someone has to know; empty where all is as it should be.
pub(crate) fn answers(answers: &Answers) -> Vec<String> {
    let Answers {
        tokenizer,
        compared,
        differing,
        usage_tokens,
        counted_tokens,
        without_usage,
        judged,
        right,
    } = answers;
    let tokenizer = format::line(tokenizer);
    let differ = (*differing > 0).then(|| {
        format!(
            "{} of {} of which both are known have other counts of tokens by the server's `usage` than by \
             {tokenizer}: {} by usage, {} by {tokenizer}",
            format::count(*differing),
            format::counted(*compared, "answer"),
            format::count(*usage_tokens),
            format::count(*counted_tokens),
        )
    });
    let without = (*without_usage > 0).then(|| {
        format!(
            "{} came without a `usage`; their tokens are counted by {tokenizer}",
            format::counted(*without_usage, "answer")
        )
    });
    let quality = (*judged > 0).then(|| {
        format!(
            "{} of {} are as their corpus expects",
            format::count(*right),
            format::counted(*judged, "answer")
        )
    });
    [quality, differ, without].into_iter().flatten().collect()
}

/// That the storm was paused by hand, where it was.
pub(crate) fn paused(pauses: &[Pause]) -> Option<String> {
    let when: Vec<_> = pauses.iter().map(|pause| format::span(pause.from_s, pause.to_s)).collect();
    (!when.is_empty()).then(|| {
        let when = when.join(" and ");
        format!("The storm was paused by hand, {when}: every fault was withdrawn, and the load went on")
    })
}

/// That rows of the trace were left out, where any were.
pub(crate) fn skipped(skipped: &Skipped) -> Option<String> {
    let Skipped { rows, first } = skipped;
    let first =
        first.as_deref().map_or_else(String::new, |first| format!("; the first, {}", format::line(first)));
    let were = if *rows == 1 { "was" } else { "were" };
    (*rows > 0).then(|| format!("{} of the trace {were} left out{first}", format::counted(*rows, "bad row")))
}

/// What became of sessions; empty where the load has none.
pub(crate) fn sessions(sessions: Option<&Sessions>) -> Vec<String> {
    let Some(sessions) = sessions else { return Vec::new() };
    let Sessions { begun, complete, failed, shed, run_over, aborted, .. } = *sessions;
    let ends = [
        (complete, "complete"),
        (failed, "ended by a request that failed"),
        (shed, "ended by the cap on requests in flight"),
        (run_over, "cut off by the run's end"),
        (aborted, "stopped with the run"),
    ];
    let ends = ends.into_iter().filter(|(number, _)| *number > 0);
    let ends: Vec<_> = ends.map(|(number, how)| format!("{} {how}", format::count(number))).collect();
    let begun = format!("{} began: {}", format::counted(begun, "session"), ends.join(", "));
    let Sessions { turns, turns_asked, requests, requests_asked, .. } = *sessions;
    let asked = |of: u64, asked: u64, noun: &str| {
        let never = of.saturating_sub(asked);
        let never = if never > 0 { format!(", {} never", format::count(never)) } else { String::new() };
        format!("{} of {} were asked{never}", format::count(asked), format::counted(of, noun))
    };
    let sub_requests = (requests > turns)
        .then(|| asked(requests - turns, requests_asked.saturating_sub(turns_asked), "sub-request"));
    [begun, asked(turns, turns_asked, "turn")].into_iter().chain(sub_requests).collect()
}

/// A part of a sentence of ours.
pub(crate) enum Part<'a> {
    /// Words.
    Words(&'a str),
    /// What stood between back ticks.
    Code(&'a str),
}

/// A sentence of ours in its parts. A lone tick is a tick.
pub(crate) fn parts(sentence: &str) -> Vec<Part<'_>> {
    let parts: Vec<&str> = sentence.split('`').collect();
    if parts.len().is_multiple_of(2) {
        return vec![Part::Words(sentence)];
    }
    let part = |(index, part)| if index % 2 == 1 { Part::Code(part) } else { Part::Words(part) };
    parts.into_iter().enumerate().map(part).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_were_left_out_are_told() {
        assert_eq!(skipped(&Skipped::default()), None);
        let two = Skipped { rows: 2, first: Some("t.csv, line 4: no number".into()) };
        let said = "2 bad rows of the trace were left out; the first, t.csv, line 4: no number";
        assert_eq!(skipped(&two).as_deref(), Some(said));
    }

    #[test]
    fn pauses_are_told_with_their_times() {
        assert_eq!(paused(&[]), None);
        let pauses = [Pause { from_s: 22.0, to_s: 24.5 }, Pause { from_s: 30.0, to_s: 31.0 }];
        assert!(paused(&pauses).is_some_and(|said| said.contains("hand, 22–24.5 s and 30–31 s: ")));
    }

    #[test]
    fn sessions_say_how_they_ended_and_what_was_never_asked() {
        assert_eq!(sessions(None), Vec::<String>::new());
        let whole = Sessions {
            begun: 3,
            complete: 3,
            turns: 9,
            turns_asked: 9,
            requests: 9,
            requests_asked: 9,
            ..Sessions::default()
        };
        let said = ["3 sessions began: 3 complete", "9 of 9 turns were asked"];
        assert_eq!(sessions(Some(&whole)), said);
        let broken = Sessions { failed: 1, run_over: 2, complete: 0, turns_asked: 5, requests: 21, ..whole };
        assert_eq!(
            sessions(Some(&broken)),
            [
                "3 sessions began: 1 ended by a request that failed, 2 cut off by the run's end",
                "5 of 9 turns were asked, 4 never",
                "4 of 12 sub-requests were asked, 8 never",
            ]
        );
    }
}
