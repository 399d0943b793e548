//! What a node counts, in Prometheus' text format under vLLM's names, so that dashboards and
//! autoscalers made for vLLM read a simulated node too.
//!
//! Names and buckets: <https://docs.vllm.ai/en/stable/usage/metrics/>. Format:
//! <https://prometheus.io/docs/instrumenting/exposition_formats/>.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use super::engine::Load;

const TTFT_BUCKETS: &[f64] = &[
    0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 20.0, 40.0,
    80.0, 160.0, 640.0, 2560.0,
];
const ITL_BUCKETS: &[f64] = &[
    0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 20.0, 40.0, 80.0,
];
const E2E_BUCKETS: &[f64] = &[
    0.3, 0.5, 0.8, 1.0, 1.5, 2.0, 2.5, 5.0, 10.0, 15.0, 20.0, 30.0, 40.0, 50.0, 60.0, 120.0, 240.0, 480.0,
    960.0, 1920.0, 7680.0,
];

/// How a request ended, in vLLM's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Finish {
    /// The answer was over.
    Stop,
    /// It had as many tokens as were asked for.
    Length,
    /// The client left before.
    Abort,
}

impl Finish {
    const ALL: [Self; 3] = [Self::Stop, Self::Length, Self::Abort];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Length => "length",
            Self::Abort => "abort",
        }
    }
}

/// A cumulative histogram of seconds.
struct Histogram {
    bounds: &'static [f64],
    /// One more than bounds: what is above the last.
    counts: Box<[AtomicU64]>,
    sum_ns: AtomicU64,
}

impl Histogram {
    fn new(bounds: &'static [f64]) -> Self {
        let counts = (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Self { bounds, counts, sum_ns: AtomicU64::new(0) }
    }

    fn observe(&self, value: Duration, times: u64) {
        let seconds = value.as_secs_f64();
        let bucket = self.bounds.partition_point(|bound| *bound < seconds);
        self.counts[bucket].fetch_add(times, Relaxed);
        let sum = u64::try_from(value.as_nanos()).unwrap_or(u64::MAX).saturating_mul(times);
        self.sum_ns.fetch_add(sum, Relaxed);
    }

    fn write(&self, out: &mut String, name: &str, help: &str, label: &str) {
        let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} histogram");
        let mut total = 0;
        let bounds = self.bounds.iter().map(ToString::to_string).chain(["+Inf".to_owned()]);
        for (bound, count) in bounds.zip(&self.counts) {
            total += count.load(Relaxed);
            let _ = writeln!(out, "{name}_bucket{{le=\"{bound}\",{label}}} {total}");
        }
        let sum = self.sum_ns.load(Relaxed) as f64 / 1e9;
        let _ = writeln!(out, "{name}_sum{{{label}}} {sum}\n{name}_count{{{label}}} {total}");
    }
}

/// The counters of one node.
pub(super) struct Metrics {
    prompt_tokens: AtomicU64,
    generation_tokens: AtomicU64,
    finished: [AtomicU64; Finish::ALL.len()],
    ttft: Histogram,
    itl: Histogram,
    e2e: Histogram,
}

impl Metrics {
    pub(super) fn new() -> Self {
        Self {
            prompt_tokens: AtomicU64::new(0),
            generation_tokens: AtomicU64::new(0),
            finished: std::array::from_fn(|_| AtomicU64::new(0)),
            ttft: Histogram::new(TTFT_BUCKETS),
            itl: Histogram::new(ITL_BUCKETS),
            e2e: Histogram::new(E2E_BUCKETS),
        }
    }

    /// The first token is there, and with it the prompt was read.
    pub(super) fn first_token(&self, prompt_tokens: u32, after: Duration) {
        self.prompt_tokens.fetch_add(u64::from(prompt_tokens), Relaxed);
        self.generation_tokens.fetch_add(1, Relaxed);
        self.ttft.observe(after, 1);
    }

    /// More tokens came at once, `gap` after the one before them.
    pub(super) fn more_tokens(&self, tokens: u32, gap: Duration) {
        self.generation_tokens.fetch_add(u64::from(tokens), Relaxed);
        self.itl.observe(gap, 1);
        if tokens > 1 {
            self.itl.observe(Duration::ZERO, u64::from(tokens - 1));
        }
    }

    /// A request that had been let in has ended.
    pub(super) fn finished(&self, finish: Finish, after: Duration) {
        self.finished[finish as usize].fetch_add(1, Relaxed);
        if finish != Finish::Abort {
            self.e2e.observe(after, 1);
        }
    }

    /// All of it as text.
    pub(super) fn render(&self, model: &str, load: Load, slots: u32) -> String {
        let label = format!("model_name=\"{}\"", escape(model));
        let mut out = String::with_capacity(8 * 1024);
        let used = f64::from(load.running) / f64::from(slots);
        let mut single = |name: &str, kind: &str, help: &str, value: f64| {
            let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name}{{{label}}} {value}");
        };
        single("vllm:num_requests_running", "gauge", "Requests that hold a slot.", f64::from(load.running));
        single("vllm:num_requests_waiting", "gauge", "Requests in line.", f64::from(load.waiting));
        single("vllm:kv_cache_usage_perc", "gauge", "Share of the slots in use, 0 to 1.", used);
        let prompt = self.prompt_tokens.load(Relaxed) as f64;
        single("vllm:prompt_tokens_total", "counter", "Prompt tokens read.", prompt);
        let generated = self.generation_tokens.load(Relaxed) as f64;
        single("vllm:generation_tokens_total", "counter", "Tokens given.", generated);

        let name = "vllm:request_success_total";
        let _ = writeln!(out, "# HELP {name} Requests that ended, by how.\n# TYPE {name} counter");
        for (finish, count) in Finish::ALL.iter().zip(&self.finished) {
            let (reason, count) = (finish.as_str(), count.load(Relaxed));
            let _ = writeln!(out, "{name}{{finished_reason=\"{reason}\",{label}}} {count}");
        }
        let histograms = [
            ("vllm:time_to_first_token_seconds", "From the request to its first token.", &self.ttft),
            ("vllm:inter_token_latency_seconds", "Between one token and the next.", &self.itl),
            ("vllm:e2e_request_latency_seconds", "From the request to its last token.", &self.e2e),
        ];
        for (name, help, histogram) in histograms {
            histogram.write(&mut out, name, help, &label);
        }
        out
    }
}

/// A label's value, escaped as the format asks.
fn escape(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_cumulative_and_a_bound_belongs_to_its_bucket() {
        let metrics = Metrics::new();
        metrics.first_token(7, Duration::from_millis(5));
        metrics.first_token(3, Duration::from_secs(9999));
        metrics.more_tokens(3, Duration::from_millis(20));
        metrics.finished(Finish::Length, Duration::from_secs(1));
        metrics.finished(Finish::Abort, Duration::from_secs(1));
        let text = metrics.render("a\"b", Load { running: 1, waiting: 2 }, 4);
        let has = |line: &str| assert!(text.lines().any(|l| l == line), "{line} is not in\n{text}");
        let label = "model_name=\"a\\\"b\"";
        has(&format!("vllm:time_to_first_token_seconds_bucket{{le=\"0.001\",{label}}} 0"));
        has(&format!("vllm:time_to_first_token_seconds_bucket{{le=\"0.005\",{label}}} 1"));
        has(&format!("vllm:time_to_first_token_seconds_bucket{{le=\"2560\",{label}}} 1"));
        has(&format!("vllm:time_to_first_token_seconds_bucket{{le=\"+Inf\",{label}}} 2"));
        has(&format!("vllm:time_to_first_token_seconds_sum{{{label}}} 9999.005"));
        has(&format!("vllm:inter_token_latency_seconds_bucket{{le=\"0.01\",{label}}} 2"));
        has(&format!("vllm:inter_token_latency_seconds_count{{{label}}} 3"));
        has(&format!("vllm:e2e_request_latency_seconds_count{{{label}}} 1"));
        has(&format!("vllm:prompt_tokens_total{{{label}}} 10"));
        has(&format!("vllm:generation_tokens_total{{{label}}} 5"));
        has(&format!("vllm:request_success_total{{finished_reason=\"length\",{label}}} 1"));
        has(&format!("vllm:request_success_total{{finished_reason=\"abort\",{label}}} 1"));
        has(&format!("vllm:kv_cache_usage_perc{{{label}}} 0.25"));
        has(&format!("vllm:num_requests_waiting{{{label}}} 2"));
    }
}
