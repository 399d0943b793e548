//! Objectives and guards as they are typed.

use std::time::Duration;

use squall_report::Metric;

use super::{Wrong, decimal, duration, percentage, rate};
use crate::scenario::plan::{Counted, Objective};
use crate::scenario::suggest::{list, nearest};

const METRICS: [Metric; 5] = [Metric::Ttft, Metric::Ttfb, Metric::Itl, Metric::Tpot, Metric::E2e];
/// What is no percentile.
const SUBJECTS: [&str; 5] = ["success", "error_rate", "quality", "goodput", "throughput"];
const FORM: &str = "an objective is written `p95(ttft) <= 800ms`, `success >= 99%`, `error_rate <= 1%`, \
                    `quality >= 95%`, `goodput >= 30/s` or `throughput >= 500 tokens/s`";
const GUARD: &str = "a guard is written `success < 50%`, `error_rate > 50%` or `p95(ttft) > 10s`";

/// What a guard says: the good share below which it is breached, and what is good.
pub(in crate::scenario) type Guard = (f64, Option<(Metric, Duration)>);

/// A claim in its parts.
struct Claim<'a> {
    subject: &'a str,
    sign: &'a str,
    bound: &'a str,
    form: &'static str,
}

impl<'a> Claim<'a> {
    fn of(text: &'a str, form: &'static str) -> Result<Self, Wrong> {
        let Some(at) = text.find(['<', '>', '=']) else {
            return Err(Wrong::new("a comparison is missing").help(form));
        };
        let (subject, rest) = text.split_at(at);
        let bound = rest.trim_start_matches(['<', '>', '=']);
        let sign = &rest[..rest.len() - bound.len()];
        Ok(Self { subject: subject.trim(), sign, bound: bound.trim(), form })
    }

    fn compares(&self, expected: &str) -> Result<(), Wrong> {
        if self.sign == expected {
            return Ok(());
        }
        Err(Wrong::new(format!("write `{expected}` instead of `{}`", self.sign)).help(self.form))
    }

    /// `p95(ttft)`, and the bound.
    fn percentile(&self) -> Result<(f64, Metric, Duration), Wrong> {
        let parts = self.subject.strip_suffix(')').and_then(|subject| subject.split_once('('));
        let Some((percentile, metric)) = parts else { return Err(no_subject(self.subject, self.form)) };
        let (share, metric) = (percentile_share(percentile)?, metric_named(metric.trim())?);
        let bound = duration(self.bound)?;
        if bound.is_zero() {
            return Err(Wrong::new("the bound must be more than 0"));
        }
        Ok((share, metric, bound))
    }
}

/// `p95(ttft) <= 800ms`, `success >= 99%`, `throughput >= 500 tokens/s`.
pub(in crate::scenario) fn objective(text: &str) -> Result<Objective, Wrong> {
    let claim = Claim::of(text, FORM)?;
    let of_share = |sign: &str, help: &str| {
        claim.compares(sign)?;
        share_below_all(claim.subject, claim.bound, help)
    };
    match claim.subject {
        "success" => Ok(Objective::Success { share: of_share(">=", "write it as `success >= 99%`")? }),
        "quality" => Ok(Objective::Quality { share: of_share(">=", "write it as `quality >= 95%`")? }),
        "error_rate" => {
            claim.compares("<=")?;
            Ok(Objective::ErrorRate { share: all_but(claim.bound)? })
        }
        "goodput" => {
            claim.compares(">=")?;
            match counted(claim.bound)? {
                (Counted::Tokens, _) => Err(Wrong::new("goodput is in requests")
                    .help("write it as `goodput >= 30/s`; for tokens write `throughput >= 500 tokens/s`")),
                (_, least) => Ok(Objective::Rate { of: Counted::GoodRequests, least }),
            }
        }
        "throughput" => {
            claim.compares(">=")?;
            let (of, least) = counted(claim.bound)?;
            Ok(Objective::Rate { of, least })
        }
        _ => {
            let (share, metric, bound) = claim.percentile()?;
            claim.compares("<=")?;
            Ok(Objective::Latency { metric, share, bound })
        }
    }
}

/// `success < 50%` or `p95(ttft) > 10s`.
pub(in crate::scenario) fn guard(text: &str) -> Result<Guard, Wrong> {
    let claim = Claim::of(text, GUARD)?;
    match claim.subject {
        "success" => {
            claim.compares("<")?;
            Ok((share_below_all(claim.subject, claim.bound, "write it as `success < 50%`")?, None))
        }
        "error_rate" => {
            claim.compares(">")?;
            Ok((all_but(claim.bound)?, None))
        }
        "quality" | "goodput" | "throughput" => {
            Err(Wrong::new(format!("no guard looks at `{}`", claim.subject)).help(GUARD))
        }
        _ => {
            let (share, metric, bound) = claim.percentile()?;
            claim.compares(">")?;
            if metric == Metric::Itl {
                return Err(Wrong::new("no guard looks at `itl`, whose samples are gaps")
                    .help("take `tpot`, which is one sample a request"));
            }
            Ok((share, Some((metric, bound))))
        }
    }
}

fn share_of(bound: &str) -> Option<f64> {
    match bound.trim().strip_suffix('%') {
        Some(percent) => percentage(percent),
        None => decimal(bound),
    }
}

fn share_below_all(subject: &str, bound: &str, help: &str) -> Result<f64, Wrong> {
    match share_of(bound) {
        Some(share) if share > 0.0 && share < 1.0 => Ok(share),
        Some(1.0) => Err(Wrong::new("no number of samples proves 100 %")
            .help(format!("claim a share below it, such as `{subject} >= 99.9%`"))),
        _ => Err(Wrong::new("expected a percentage after the comparison").help(help)),
    }
}

/// What is left of all by `1%`: exactly 0.99, by the decimals that were typed.
fn all_but(bound: &str) -> Result<f64, Wrong> {
    let help = "write it as `error_rate <= 1%`";
    match share_of(bound) {
        Some(share) if share > 0.0 && share < 1.0 => {
            Ok(format!("{:.12}", 1.0 - share).parse().unwrap_or(1.0 - share))
        }
        Some(0.0) => Err(Wrong::new("no number of samples proves that there are no errors")
            .help("allow some, as in `error_rate <= 0.1%`")),
        _ => Err(Wrong::new("expected a percentage after the comparison").help(help)),
    }
}

/// `20/s`, `20 requests/s`, `500 tokens/s`.
fn counted(bound: &str) -> Result<(Counted, f64), Wrong> {
    let (number, unit) = bound.split_once('/').unwrap_or((bound, ""));
    let (number, noun) = match number.trim().split_once(char::is_whitespace) {
        Some((number, noun)) => (number, noun.trim()),
        None => (number.trim(), "requests"),
    };
    let of = match noun {
        "tokens" | "token" => Counted::Tokens,
        "requests" | "request" => Counted::Requests,
        other => {
            let label = match nearest(other, ["tokens", "requests"]) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("`{other}` can't be counted"),
            };
            return Err(Wrong::new(label).help("write `20/s`, `20 requests/s` or `500 tokens/s`"));
        }
    };
    let typed = if unit.is_empty() { number.to_owned() } else { format!("{number}/{unit}") };
    Ok((of, rate(&typed)?))
}

fn percentile_share(text: &str) -> Result<f64, Wrong> {
    let number = text.trim().strip_prefix('p');
    let wrong = |label: String| {
        Wrong::new(label).help("percentiles are `p50`, `p90`, `p95`, `p99`, `p99.9` and between")
    };
    match number.and_then(percentage) {
        Some(share) if share > 0.0 && share < 1.0 => Ok(share),
        Some(_) => Err(wrong(format!("`{}` is not between p0 and p100", text.trim()))),
        None => Err(wrong(format!("`{}` is no percentile", text.trim()))),
    }
}

fn metric_named(name: &str) -> Result<Metric, Wrong> {
    if let Some(metric) = METRICS.into_iter().find(|metric| metric.as_str() == name) {
        return Ok(metric);
    }
    let names = METRICS.map(Metric::as_str);
    let label = match nearest(name, names) {
        Some(meant) => format!("no metric `{name}`; did you mean `{meant}`?"),
        None => format!("no metric `{name}`"),
    };
    Err(Wrong::new(label).help(format!("metrics are {}", list(names, "and"))))
}

/// The left side is neither a subject nor a percentile of something.
fn no_subject(subject: &str, form: &str) -> Wrong {
    if METRICS.map(Metric::as_str).contains(&subject) {
        return Wrong::new(format!("a percentile of `{subject}` is needed"))
            .help(format!("write `p95({subject})`"));
    }
    match nearest(subject, SUBJECTS) {
        Some(meant) => Wrong::new(format!("did you mean `{meant}`?")).help(form),
        None => Wrong::new(format!("`{subject}` can't be measured")).help(form),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objectives_are_claims_of_a_share() {
        let bound = Duration::from_millis(800);
        assert_eq!(
            objective("p95(ttft) <= 800ms"),
            Ok(Objective::Latency { metric: Metric::Ttft, share: 0.95, bound })
        );
        assert_eq!(objective("p99.9( itl )<=800ms").map(Objective::share), Ok(Some(0.999)));
        assert_eq!(objective("success>=99%"), Ok(Objective::Success { share: 0.99 }));
        assert_eq!(objective("quality >= 0.95"), Ok(Objective::Quality { share: 0.95 }));
        let label = |text: &str| objective(text).map_err(|wrong| wrong.label).expect_err(text);
        assert_eq!(label("p95(ttft) < 800ms"), "write `<=` instead of `<`");
        assert_eq!(label("ttft <= 800ms"), "a percentile of `ttft` is needed");
        assert_eq!(label("sucess >= 99%"), "did you mean `success`?");
        assert_eq!(label("error-rate <= 1%"), "did you mean `error_rate`?");
        assert_eq!(label("p95(tftt) <= 800ms"), "no metric `tftt`; did you mean `ttft`?");
        assert_eq!(label("p100(ttft) <= 800ms"), "`p100` is not between p0 and p100");
        assert_eq!(label("success >= 100%"), "no number of samples proves 100 %");
        assert_eq!(label("error_rate <= 0%"), "no number of samples proves that there are no errors");
        assert_eq!(label("error_rate >= 1%"), "write `<=` instead of `>=`");
        assert_eq!(label("p95(ttft) <= 800"), "the unit is missing");
        assert_eq!(label(""), "a comparison is missing");
    }

    /// What an error rate leaves is as exact as a success that is typed.
    #[test]
    fn an_error_rate_is_the_rest_of_success() {
        for (errors, success) in
            [("1%", "99%"), ("0.1%", "99.9%"), ("0.3%", "99.7%"), ("7%", "93%"), ("0.02", "0.98")]
        {
            let share = objective(&format!("error_rate <= {errors}")).map(Objective::share);
            assert_eq!(share, objective(&format!("success >= {success}")).map(Objective::share), "{errors}");
        }
    }

    #[test]
    fn rates_are_of_requests_or_of_tokens() {
        let rate = |of, least| Ok(Objective::Rate { of, least });
        assert_eq!(objective("goodput >= 30/s"), rate(Counted::GoodRequests, 30.0));
        assert_eq!(objective("throughput >= 90/m"), rate(Counted::Requests, 1.5));
        assert_eq!(objective("throughput>=20 requests/s"), rate(Counted::Requests, 20.0));
        assert_eq!(objective("throughput >= 500 tokens/s"), rate(Counted::Tokens, 500.0));
        let label = |text: &str| objective(text).map_err(|wrong| wrong.label).expect_err(text);
        assert_eq!(label("goodput >= 30"), "the unit is missing");
        assert_eq!(label("goodput >= 30 tokens/s"), "goodput is in requests");
        assert_eq!(label("throughput >= 500 tokns/s"), "did you mean `tokens`?");
        assert_eq!(label("throughput >= 0/s"), "a rate must be more than 0");
        assert_eq!(label("goodput <= 30/s"), "write `>=` instead of `<=`");
    }

    #[test]
    fn guards_are_objectives_the_other_way_round() {
        assert_eq!(guard("success < 50%"), Ok((0.5, None)));
        assert_eq!(guard("error_rate > 10%"), Ok((0.9, None)));
        let bound = Duration::from_secs(10);
        assert_eq!(guard("p95(ttft) > 10s"), Ok((0.95, Some((Metric::Ttft, bound)))));
        let label = |text: &str| guard(text).map_err(|wrong| wrong.label).expect_err(text);
        assert_eq!(label("success >= 50%"), "write `<` instead of `>=`");
        assert_eq!(label("p95(ttft) <= 10s"), "write `>` instead of `<=`");
        assert_eq!(label("p95(itl) > 1s"), "no guard looks at `itl`, whose samples are gaps");
        assert_eq!(label("goodput < 3/s"), "no guard looks at `goodput`");
    }
}
