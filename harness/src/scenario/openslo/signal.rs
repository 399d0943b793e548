//! Which of Squall's metrics a query is about, as far as its names say.
//!
//! A query is text of some data source's language; read here are only the names in it, by the words that they
//! are made of. Sources of the names: the metrics of vLLM (<https://docs.vllm.ai/en/latest/usage/metrics.html>),
//! SGLang, and OpenTelemetry's for generative AI
//! (<https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-metrics/>).

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use squall_report::Metric;

use super::super::place::Span;
use super::super::suggest::{list, nearest};

/// The texts of a metric's source.
#[derive(Clone, Debug)]
pub(super) struct Query {
    /// The key that it stands under.
    pub(super) at: Span,
    pub(super) texts: Vec<String>,
}

/// What an indicator measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// The share of requests that succeed.
    Success,
    /// The share of answers that are right.
    Quality,
    /// A latency.
    Latency(Metric),
}

impl Subject {
    const ALL: [Self; 7] = [
        Self::Success,
        Self::Quality,
        Self::Latency(Metric::Ttft),
        Self::Latency(Metric::Ttfb),
        Self::Latency(Metric::Itl),
        Self::Latency(Metric::Tpot),
        Self::Latency(Metric::E2e),
    ];

    /// Its name in objectives.
    pub fn name(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Quality => "quality",
            Self::Latency(metric) => metric.as_str(),
        }
    }

    /// All names, as in a message.
    pub(super) fn names() -> String {
        list(Self::ALL.map(Self::name), "or")
    }
}

impl FromStr for Subject {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|subject| subject.name() == text).ok_or_else(|| {
            match nearest(text, Self::ALL.map(Self::name)) {
                Some(meant) => format!("no metric `{text}`; did you mean `{meant}`?"),
                None => format!("no metric `{text}`; expected {}", Self::names()),
            }
        })
    }
}

/// The unit of a query's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Seconds.
    Seconds,
    /// Milliseconds.
    Milliseconds,
}

impl Unit {
    /// A power of ten that makes milliseconds of it.
    pub(super) fn to_milliseconds(self) -> i32 {
        match self {
            Self::Seconds => 3,
            Self::Milliseconds => 0,
        }
    }
}

impl FromStr for Unit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "s" => Ok(Self::Seconds),
            "ms" => Ok(Self::Milliseconds),
            _ => Err(format!("no unit `{text}`; expected `s` or `ms`")),
        }
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Seconds => "s",
            Self::Milliseconds => "ms",
        })
    }
}

/// Words that name a latency.
const LATENCIES: [(Metric, &str); 13] = [
    (Metric::Ttft, "time to first token"),
    (Metric::Ttft, "ttft"),
    (Metric::Ttfb, "time to first byte"),
    (Metric::Ttfb, "ttfb"),
    (Metric::Itl, "inter token latency"),
    (Metric::Itl, "time between tokens"),
    (Metric::Itl, "itl"),
    (Metric::Tpot, "time per output token"),
    (Metric::Tpot, "tpot"),
    (Metric::E2e, "e2e"),
    (Metric::E2e, "request latency"),
    (Metric::E2e, "request duration"),
    (Metric::E2e, "operation duration"),
];
/// Words by which a query counts requests by how they ended.
const ENDINGS: [&str; 10] = [
    "status",
    "code",
    "success",
    "successful",
    "error",
    "errors",
    "failed",
    "failure",
    "failures",
    "finished reason",
];
/// Words by which a query makes one number of many requests.
const SUMMARIES: [&str; 7] = ["quantile", "percentile", "avg", "average", "mean", "median", "sum by"];

impl Query {
    /// The metrics that its names speak of; `counts` is whether it counts requests.
    pub(super) fn subjects(&self, counts: bool) -> BTreeSet<&'static str> {
        let words = self.words();
        let latencies = LATENCIES.iter().filter(|(_, name)| has(&words, name)).map(|(metric, _)| *metric);
        let found: BTreeSet<&str> = latencies.map(Metric::as_str).collect();
        // A histogram's labels may have a status too: it counts what is fast.
        if found.is_empty() && counts && ENDINGS.iter().any(|name| has(&words, name)) {
            return BTreeSet::from([Subject::Success.name()]);
        }
        found
    }

    pub(super) fn unit(&self) -> Option<Unit> {
        let words = self.words();
        // OpenTelemetry's are in seconds and don't say so.
        let seconds = ["seconds", "gen ai"].iter().any(|name| has(&words, name));
        let milliseconds = ["milliseconds", "ms"].iter().any(|name| has(&words, name));
        match (seconds, milliseconds) {
            (true, false) => Some(Unit::Seconds),
            (false, true) => Some(Unit::Milliseconds),
            _ => None,
        }
    }

    /// The upper end of the histogram's bucket that it counts: `le="0.8"`.
    pub(super) fn bucket(&self) -> Option<f64> {
        self.texts.iter().find_map(|text| {
            let after = text.match_indices("le").find_map(|(at, _)| {
                let starts = text[..at].ends_with(|c: char| !c.is_alphanumeric() && c != '_');
                let after = text[at + "le".len()..].trim_start().strip_prefix('=')?.trim_start();
                starts.then(|| after.trim_start_matches(['"', '\'']))
            })?;
            let end = after.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(after.len());
            after[..end].parse().ok()
        })
    }

    /// The function by which it makes one number of many requests.
    pub(super) fn summary(&self) -> Option<&'static str> {
        let words = self.words();
        SUMMARIES.into_iter().find(|name| has(&words, name))
    }

    /// Its letters and digits in small letters, all else as one space, with a space at each end.
    fn words(&self) -> String {
        let mut words = String::from(" ");
        for c in self.texts.join(" ").chars() {
            match c {
                c if c.is_alphanumeric() => words.extend(c.to_lowercase()),
                _ if words.ends_with(' ') => {}
                _ => words.push(' '),
            }
        }
        words.push(' ');
        words
    }
}

fn has(words: &str, name: &str) -> bool {
    words.match_indices(name).any(|(at, _)| {
        let (before, after) = (&words[..at], &words[at + name.len()..]);
        before.ends_with(' ') && after.starts_with(' ')
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn query(text: &str) -> Query {
        Query { at: 0..0, texts: vec![text.into()] }
    }

    fn subjects(text: &str, counts: bool) -> Vec<&'static str> {
        query(text).subjects(counts).into_iter().collect()
    }

    #[test]
    fn names_of_known_servers_are_known() {
        for (text, subject) in [
            ("sum(rate(vllm:time_to_first_token_seconds_bucket{le=\"0.5\"}[5m]))", "ttft"),
            ("sglang:time_to_first_token_seconds", "ttft"),
            ("gen_ai.server.time_to_first_token", "ttft"),
            ("vllm:inter_token_latency_seconds", "itl"),
            ("gen_ai_server_time_per_output_token_seconds", "tpot"),
            ("vllm:e2e_request_latency_seconds_bucket", "e2e"),
            ("http_request_duration_seconds_bucket{code=\"200\"}", "e2e"),
            ("SELECT ttfb FROM requests", "ttfb"),
            ("sum(rate(http_requests_total{status=~\"2..\"}[5m]))", "success"),
            ("vllm:request_success_total", "success"),
        ] {
            assert_eq!(subjects(text, true), [subject], "{text}");
        }
        assert_eq!(subjects("avg(cpu)", true), Vec::<&str>::new());
        assert_eq!(subjects("http_requests_total{code=\"200\"}", false), Vec::<&str>::new());
        assert_eq!(subjects("ttft + itl", true), ["itl", "ttft"]);
    }

    #[test]
    fn units_buckets_and_summaries_are_read() {
        assert_eq!(query("vllm:time_to_first_token_seconds").unit(), Some(Unit::Seconds));
        assert_eq!(query("gen_ai.server.request.duration").unit(), Some(Unit::Seconds));
        assert_eq!(query("ttft_ms").unit(), Some(Unit::Milliseconds));
        assert_eq!(query("ttft").unit(), None);
        assert_eq!(query("x{role=\"1\", le = \"0.8\"}").bucket(), Some(0.8));
        assert_eq!(query("x{le='2'}").bucket(), Some(2.0));
        for none in ["x{role=\"1\"}", "x{le=\"+Inf\"}", "x{le=~\"0.8\"}", "le"] {
            assert_eq!(query(none).bucket(), None, "{none}");
        }
        assert_eq!(query("histogram_quantile(0.9, x)").summary(), Some("quantile"));
        assert_eq!(query("ttft_seconds").summary(), None);
    }

    #[test]
    fn subjects_and_units_have_names() {
        for subject in Subject::ALL {
            assert_eq!(subject.name().parse(), Ok(subject));
        }
        assert_eq!("tftt".parse::<Subject>(), Err("no metric `tftt`; did you mean `ttft`?".into()));
        assert_eq!("ms".parse::<Unit>().map(|unit| unit.to_string()), Ok("ms".into()));
        assert!("h".parse::<Unit>().is_err());
    }

    proptest! {
        #[test]
        fn no_query_is_a_panic(text in "(le|=|\"|[0-9]|\\.|_|ttft|é| |\\PC){0,20}") {
            let query = query(&text);
            let _ = (query.subjects(true), query.unit(), query.bucket(), query.summary());
        }
    }
}
