//! How figures are written in sentences.

use std::time::Duration;

use squall_report::Outcome;

/// `0.31s`, `8s`: seconds, to the millisecond.
pub(super) fn seconds(duration: Duration) -> String {
    let text = format!("{:.3}", duration.as_secs_f64());
    format!("{}s", text.trim_end_matches('0').trim_end_matches('.'))
}

/// `10.7 %`; with as many digits as keep what is not all, or not none, from looking so.
pub(super) fn percent(share: f64) -> String {
    let value = share * 100.0;
    let text = (1..=4)
        .map(|digits| format!("{value:.digits$}"))
        .find(|text| {
            let shown: f64 = text.parse().unwrap_or(value);
            (shown > 0.0 || share <= 0.0) && (shown < 100.0 || share >= 1.0)
        })
        .unwrap_or_else(|| format!("{value}"));
    format!("{} %", text.trim_end_matches('0').trim_end_matches('.'))
}

/// `1 request`, `3 requests`.
pub(super) fn count(number: u64, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// `a`, `a and b`, `a, b and c`.
pub(super) fn list(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// How a request ended, for a sentence.
pub(super) fn outcome(outcome: Outcome, status: Option<u16>) -> String {
    match (outcome, status) {
        (Outcome::HttpError, Some(status)) => format!("HTTP error {status}"),
        (Outcome::HttpError, None) => "HTTP error".into(),
        (Outcome::Invented, _) => "invented final marker".into(),
        (Outcome::InBandError, _) => "in-band error".into(),
        (other, _) => other.as_str().replace('_', " "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_short_and_never_rounded_to_all_or_none() {
        assert_eq!(seconds(Duration::from_millis(310)), "0.31s");
        assert_eq!(seconds(Duration::from_secs(80)), "80s");
        assert_eq!(seconds(Duration::ZERO), "0s");
        assert_eq!(percent(0.107), "10.7 %");
        assert_eq!(percent(0.05), "5 %");
        assert_eq!(percent(0.0), "0 %");
        assert_eq!(percent(1.0), "100 %");
        assert_eq!(percent(0.999_9), "99.99 %");
        assert_eq!(percent(0.000_02), "0.002 %");
        assert_eq!(percent(0.8), "80 %");
        assert_eq!(list(&["a".into(), "b".into(), "c".into()]), "a, b and c");
        assert_eq!(count(1, "request"), "1 request");
        assert_eq!(outcome(Outcome::HttpError, Some(502)), "HTTP error 502");
    }
}
