//! How figures are written for people: one place, so that a figure reads the same everywhere.
//!
//! No figure is made to look better than it is: a share short of all is never written as 100%, and
//! what was not measured is a dash, never 0.

use std::fmt::Write as _;

use jiff::Timestamp;

use crate::{Alert, Counts, Method, Outcome, Report, Severity, Slo, Verdict};

/// What stands for a figure that there is none of.
pub const NONE: &str = "–";

/// Every end that is no success, the worst for a user first.
pub(crate) const FAILURES: [Outcome; 11] = [
    Outcome::Corrupt,
    Outcome::Invented,
    Outcome::Cut,
    Outcome::Empty,
    Outcome::Reset,
    Outcome::InBandError,
    Outcome::HttpError,
    Outcome::ConnectFailed,
    Outcome::Timeout,
    Outcome::Shed,
    Outcome::Aborted,
];

/// From here on digits say less than their number.
const UNREADABLE: f64 = 1e9;

/// `f` of a figure that there is; a dash otherwise.
pub fn maybe(figure: Option<f64>, f: impl Fn(f64) -> String) -> String {
    figure.filter(|figure| figure.is_finite()).map_or_else(|| NONE.into(), f)
}

/// `12,345`.
pub fn count(n: u64) -> String {
    grouped(&n.to_string())
}

/// `1 request`, `2 requests`.
pub fn counted(n: u64, one: &str) -> String {
    let s = if n == 1 { "" } else { "s" };
    format!("{} {one}{s}", count(n))
}

/// Milliseconds without their unit: `0.42`, `4.2`, `42`, `4,213`.
pub fn ms(ms: f64) -> String {
    match ms.abs() {
        size if !size.is_finite() => NONE.into(),
        size if size >= UNREADABLE => format!("{ms:.1e}"),
        size if size == 0.0 || size >= 99.95 => grouped(&format!("{ms:.0}")),
        size if size < 0.995 => format!("{ms:.2}"),
        _ => format!("{ms:.1}"),
    }
}

/// A latency with its unit, for axes and sentences: `42 ms`, `1.2 s`.
pub fn latency(millis: f64) -> String {
    if millis.abs() < 1_000.0 {
        return format!("{} ms", trimmed(ms(millis)));
    }
    seconds(millis / 1_000.0)
}

/// Seconds with their unit: `0.31 s`, `22.0 s`, `4,213 s`.
pub fn seconds(s: f64) -> String {
    match s.abs() {
        size if !size.is_finite() => NONE.into(),
        size if size >= UNREADABLE => format!("{s:.1e} s"),
        size if size < 9.995 => format!("{} s", trimmed(format!("{s:.2}"))),
        size if size < 999.95 => format!("{s:.1} s"),
        _ => format!("{} s", grouped(&format!("{s:.0}"))),
    }
}

/// A moment or a length of run time: `22.5 s`, `12:05`, `1:02:05`.
pub fn run_time(s: f64) -> String {
    if !(120.0..UNREADABLE).contains(&s) {
        return match s {
            s if s.is_finite() => seconds(s),
            _ => NONE.into(),
        };
    }
    clock(s)
}

/// Run time as a clock shows it: `0:20`, `12:05`, `1:02:05`.
pub fn clock(s: f64) -> String {
    let whole = s.round() as u64;
    let (hours, minutes, rest) = (whole / 3_600, whole / 60 % 60, whole % 60);
    if hours == 0 { format!("{minutes}:{rest:02}") } else { format!("{hours}:{minutes:02}:{rest:02}") }
}

/// `from–to` in run time.
pub fn span(start_s: f64, end_s: f64) -> String {
    let (start, end) = (run_time(start_s), run_time(end_s));
    match (start.strip_suffix(" s"), end.strip_suffix(" s")) {
        (Some(start), Some(end)) => format!("{}–{} s", whole(start), whole(end)),
        _ => format!("{start}–{end}"),
    }
}

/// Microseconds with their unit: `38 µs`, `1.2 ms`.
pub fn micros(us: f64) -> String {
    match us.abs() {
        size if !size.is_finite() => NONE.into(),
        size if size < 999.5 => format!("{us:.0} µs"),
        _ => latency(us / 1_000.0),
    }
}

/// A fraction as percent: `98.6%`, `99.95%`; 100% only of all, 0% only of none.
pub fn share(fraction: f64) -> String {
    if !fraction.is_finite() {
        return NONE.into();
    }
    let percent = fraction * 100.0;
    match percent {
        p if p.abs() >= UNREADABLE => format!("{p:.1e}%"),
        p if p > 99.99 && p < 100.0 => ">99.99%".into(),
        p if p > 0.0 && p < 0.01 => "<0.01%".into(),
        p if p <= 0.0 || p >= 100.0 || p.fract() == 0.0 => format!("{p:.0}%"),
        p if !(1.0..99.0).contains(&p) => format!("{p:.2}%"),
        p => format!("{p:.1}%"),
    }
}

/// `part` of `whole` as percent.
pub fn share_of(part: u64, whole: u64) -> String {
    if whole == 0 { NONE.into() } else { share(part as f64 / whole as f64) }
}

/// An interval of shares, rounded outwards so that it claims no more than it knows.
pub(crate) fn interval(lower: f64, upper: f64) -> String {
    if !lower.is_finite() || !upper.is_finite() {
        return NONE.into();
    }
    // What is exact in decimals must not be pushed outwards by its binary form.
    let hundredths = |share: f64| (share * 1e4 * 1e6).round() / 1e6;
    let (low, high) = (hundredths(lower).floor() / 100.0, hundredths(upper).ceil() / 100.0);
    format!("{low:.2}–{high:.2}%")
}

/// `84 MiB`.
pub(crate) fn bytes(n: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if n < 1_024 {
        return format!("{n} B");
    }
    let mut size = n as f64 / 1_024.0;
    let mut unit = 0;
    while size >= 1_023.5 && unit + 1 < UNITS.len() {
        size /= 1_024.0;
        unit += 1;
    }
    let digits = usize::from(size < 9.95);
    format!("{size:.digits$} {}", UNITS[unit])
}

/// The first twelve digits of a digest.
pub(crate) fn short(digest: &str) -> String {
    digest.chars().take(12).collect()
}

/// Wall time, as people write it; what is no RFC 3339 stays as it is.
pub(crate) fn wall_time(at: &str) -> String {
    match at.parse::<Timestamp>() {
        Ok(at) => at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
        Err(_) => at.into(),
    }
}

/// An outcome's or a check's name, as words: `HTTP error`.
pub(crate) fn words(name: &str) -> String {
    match name {
        "http_error" => "HTTP error".into(),
        "in_band_error" => "in-band error".into(),
        name => name.replace('_', " "),
    }
}

/// Requests by every end that is no success: `9 HTTP error, 2 cut`; a dash when all succeeded.
pub(crate) fn failures(counts: &Counts) -> String {
    let mut text = String::new();
    for (outcome, n) in failed_by(counts) {
        let comma = if text.is_empty() { "" } else { ", " };
        // Writing into a String can't fail.
        let _ = write!(text, "{comma}{} {}", count(n), words(outcome.as_str()));
    }
    if text.is_empty() { NONE.into() } else { text }
}

/// The ends that are no success and that occurred.
pub(crate) fn failed_by(counts: &Counts) -> impl Iterator<Item = (Outcome, u64)> {
    let mut counts = *counts;
    FAILURES.into_iter().map(move |outcome| (outcome, *counts.of(outcome))).filter(|(_, n)| *n > 0)
}

/// All but `ok`.
pub(crate) fn failed(counts: &Counts) -> u64 {
    failed_by(counts).fold(0, |sum, (_, n)| sum.saturating_add(n))
}

/// Why the run was ended before its time, unless a reason of the verdict says so already.
pub(crate) fn aborted(report: &Report) -> Option<&str> {
    let why = report.aborted.as_deref()?;
    (!report.reasons.iter().any(|reason| reason.contains(why))).then_some(why)
}

/// The share that succeeded of the requests that ended by themselves.
pub(crate) fn success(counts: &Counts) -> String {
    share_of(counts.ok, counts.ok.saturating_add(failed(counts) - counts.aborted))
}

/// What was observed of an objective: a latency in ms where it is on one, a rate where it is on one, a
/// share otherwise.
pub(crate) fn observed(slo: &Slo) -> String {
    if slo.rate.is_some() {
        return maybe(slo.observed, a_second);
    }
    match (slo.objective.contains('('), slo.observed) {
        (true, Some(ms)) => latency(ms),
        // With failures as the largest samples, this percentile is a failure.
        (true, None) if slo.samples > 0 => "a failure".into(),
        (false, Some(fraction)) => share(fraction),
        (_, None) => NONE.into(),
    }
}

/// `31.4/s`.
pub fn a_second(rate: f64) -> String {
    if rate.abs() >= UNREADABLE { format!("{rate:.1e}/s") } else { format!("{rate:.1}/s") }
}

/// What an objective claims of its samples, as its bounds have it.
pub(crate) fn target(slo: &Slo) -> String {
    if slo.rate.is_some() { a_second(slo.target) } else { share(slo.target) }
}

/// What the truth of an objective lies between.
pub(crate) fn bounds(slo: &Slo) -> String {
    match slo.rate {
        // Too few blocks to know anything.
        Some(_) if slo.samples < slo.needed || !slo.upper.is_finite() || !slo.lower.is_finite() => {
            NONE.into()
        }
        Some(_) if slo.upper.abs() >= UNREADABLE => format!("{:.1e}–{:.1e}/s", slo.lower, slo.upper),
        Some(_) => {
            format!("{:.1}–{:.1}/s", (slo.lower * 10.0).floor() / 10.0, (slo.upper * 10.0).ceil() / 10.0)
        }
        None => interval(slo.lower, slo.upper),
    }
}

/// The phases that an objective counts, and what else it says of which requests and times.
pub(crate) fn during(slo: &Slo) -> String {
    let more = [
        slo.node.as_ref().map(|node| format!("node {node}")),
        slo.cohort.map(|cohort| format!("cohort {}", cohort.as_str())),
        slo.model.as_ref().map(|model| format!("model {model}")),
        slo.window.as_ref().map(|window| {
            format!(
                "worst of {} of {}: {}",
                counted(window.windows, "window"),
                seconds(window.length_s),
                span(window.from_s, window.to_s)
            )
        }),
    ];
    [Some(slo.during.join(", "))].into_iter().chain(more).flatten().collect::<Vec<_>>().join("; ")
}

/// How an objective's bounds came about, in a few words.
pub(crate) fn method(slo: &Slo) -> String {
    match (slo.method, slo.effective_samples, slo.design_effect) {
        (None, ..) => NONE.into(),
        (Some(Method::ClopperPearsonEffective), Some(effective), Some(effect)) => format!(
            "Clopper-Pearson on {} effective samples (design effect {effect:.1}: misses come together)",
            count(effective.round() as u64)
        ),
        (Some(Method::ClopperPearson | Method::ClopperPearsonEffective), ..) => "Clopper-Pearson".into(),
        (Some(Method::BatchMeans), ..) => {
            format!("Student's t over {} of {}", counted(slo.samples, "block"), maybe(slo.block_s, seconds))
        }
    }
}

/// `14.4`: a burn rate.
pub(crate) fn times(rate: f64) -> String {
    match rate {
        rate if !rate.is_finite() || rate.abs() >= UNREADABLE => format!("{rate:.1e}"),
        rate if rate.abs() < 0.05 && rate.abs() > 0.0 => "<0.1".into(),
        rate if rate.abs() < 100.0 => format!("{}", (rate * 10.0).round() / 10.0),
        rate => count(rate.round() as u64),
    }
}

/// A long time, in its two largest units: `28 d`, `5 h 36 min`, `4 min 40 s`.
pub(crate) fn long(time_s: f64) -> String {
    const UNITS: [(f64, &str); 4] = [(86_400.0, "d"), (3_600.0, "h"), (60.0, "min"), (1.0, "s")];
    if !time_s.is_finite() || time_s.abs() >= UNREADABLE {
        return format!("{time_s:.1e} s");
    }
    let Some(place) = UNITS.iter().position(|(unit, _)| time_s.round() >= *unit) else {
        return seconds(time_s);
    };
    let (unit, name) = UNITS[place];
    let Some((next, next_name)) = UNITS.get(place + 1) else { return format!("{time_s:.0} s") };
    let rounded = (time_s / next).round() * next;
    let (whole, rest) = ((rounded / unit).floor(), (rounded % unit / next).round());
    if rest > 0.0 { format!("{whole:.0} {name} {rest:.0} {next_name}") } else { format!("{whole:.0} {name}") }
}

/// When an alert is raised.
pub(crate) fn raised(alert: &Alert) -> String {
    match alert.after_s {
        None => "never".into(),
        Some(after) if alert.within => long(after),
        Some(after) => format!("{}, longer than this", long(after)),
    }
}

/// What the storm spent of an objective's error budget, in a sentence.
pub(crate) fn outage(slo: &Slo) -> Option<String> {
    let budget = slo.budget.as_ref()?;
    let storm = budget.storm.as_ref()?;
    Some(format!(
        "{}: this outage, at this length ({}), spends {} of the {} budget of {} (burn rate {})",
        slo.name,
        long(storm.length_s),
        share(storm.spent?),
        long(budget.window_s),
        share(budget.target),
        times(storm.burn_rate?)
    ))
}

/// What was done to an objective's error budget, a sentence each.
pub(crate) fn budget(slo: &Slo) -> Vec<String> {
    let Some(budget) = &slo.budget else { return Vec::new() };
    let gone = budget.exhausted_after_s.map(|after| {
        let alert = budget.alerts.iter().filter(|alert| alert.severity == Severity::Page);
        let first =
            alert.filter_map(|alert| Some((alert.after_s?, alert))).min_by(|a, b| a.0.total_cmp(&b.0));
        let paged = match first {
            None => "no alert would page".to_owned(),
            Some((after, alert)) => format!(
                "the alert on {} over {} and {} would page after {}{}",
                times(alert.burn_rate),
                long(alert.long_s),
                long(alert.short_s),
                long(after),
                if alert.within { "" } else { ", if it lasted so long" }
            ),
        };
        format!("At this rate the whole budget is gone in {}; {paged}", long(after))
    });
    outage(slo).into_iter().chain(gone).collect()
}

/// A verdict as a mark and a word: no colour is needed to tell them apart.
pub(crate) fn mark(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "✓ pass",
        Verdict::Fail => "✗ fail",
        Verdict::Inconclusive => "? inconclusive",
        Verdict::NotChecked => "– not checked",
    }
}

/// A line of text that came from outside: without line ends and whatever else steers a terminal.
pub fn line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// At most `most` characters, the last an ellipsis where there were more.
pub fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.into();
    }
    let kept: String = text.chars().take(most.saturating_sub(1)).collect();
    kept + "…"
}

/// `1234567.8` → `1,234,567.8`.
fn grouped(number: &str) -> String {
    let (sign, digits) = number.strip_prefix('-').map_or(("", number), |digits| ("-", digits));
    let (whole, fraction) = digits.find('.').map_or((digits, ""), |dot| digits.split_at(dot));
    let mut text = String::from(sign);
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text + fraction
}

/// `1.50` → `1.5`, `2.00` → `2`.
fn trimmed(number: String) -> String {
    if number.contains('.') { number.trim_end_matches('0').trim_end_matches('.').into() } else { number }
}

/// `20.0` → `20`.
fn whole(number: &str) -> &str {
    number.strip_suffix(".0").unwrap_or(number)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn figures_read_as_people_write_them() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([0.0, 0.4217, 4.217, 42.17, 4217.4].map(ms), ["0", "0.42", "4.2", "42.2", "4,217"]);
        assert_eq!([20.0, 421.7, 1_000.0, 1_250.0].map(latency), ["20 ms", "422 ms", "1 s", "1.25 s"]);
        assert_eq!([0.3149, 22.0, 4_213.0].map(seconds), ["0.31 s", "22.0 s", "4,213 s"]);
        assert_eq!([22.5, 725.0, 3_725.0].map(run_time), ["22.5 s", "12:05", "1:02:05"]);
        assert_eq!([38.2, 1_234.0].map(micros), ["38 µs", "1.2 ms"]);
        assert_eq!([512, 88_080_384, 8_912_896].map(bytes), ["512 B", "84 MiB", "8.5 MiB"]);
        assert_eq!(span(20.0, 40.0), "20–40 s");
        assert_eq!(span(100.0, 140.0), "100.0 s–2:20");
        assert_eq!(wall_time("2026-11-24T15:57:30.5Z"), "2026-11-24 15:57:30 UTC");
        assert_eq!(wall_time("yesterday"), "yesterday");
    }

    #[test]
    fn what_is_no_figure_is_a_dash() {
        for f in [ms, latency, seconds, run_time, micros, share] {
            assert_eq!(f(f64::NAN), NONE.to_owned(), "of NaN");
        }
        assert_eq!(maybe(None, ms), NONE);
        assert_eq!(share_of(0, 0), NONE);
        assert_eq!(interval(f64::NAN, 1.0), NONE);
    }

    #[test]
    fn an_interval_is_rounded_outwards() {
        assert_eq!(interval(0.989_996, 0.999_91), "98.99–100.00%");
        assert_eq!(interval(0.95, 0.99), "95.00–99.00%");
    }

    #[test]
    fn text_from_outside_can_not_steer_a_terminal() {
        assert_eq!(line("trap:\n\x1b[31mred"), "trap:  [31mred");
    }

    proptest! {
        #[test]
        fn only_all_is_100_percent_and_only_none_is_0(part in 0..=u64::MAX, whole in 1..=u64::MAX) {
            let part = part % whole;
            let text = share_of(part, whole);
            // Beyond 2^53 neighbours are one number.
            prop_assume!(part as f64 / (whole as f64) < 1.0);
            prop_assert!(text != "100%" && !text.starts_with("100."), "{part} of {whole}: {text}");
            prop_assert_eq!(text == "0%", part == 0, "{} of {}", part, whole);
        }

        #[test]
        fn nothing_is_too_large_to_write(figure in any::<f64>(), n in any::<u64>()) {
            for f in [ms, latency, seconds, run_time, micros, share] {
                prop_assert!(f(figure).chars().count() < 24, "{}", f(figure));
            }
            prop_assert!(bytes(n).len() < 12);
        }
    }
}
