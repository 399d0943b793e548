//! Values that are typed as text: durations, rates, shares, lengths, objectives.
//!
//! Each reader says in its error what would be right. The patterns are the schema's view of the same
//! texts: whatever a reader takes, its pattern matches (a test holds that).

use std::fmt;
use std::time::Duration;

use super::plan::{Length, Think, Turns};
use super::raw::NumberOrText;
use crate::traffic::{MAX_TOKENS, MOST_TURNS};

mod objective;

pub(super) use objective::{guard, objective};

pub(super) const DURATION_PATTERN: &str = r"^\s*([0-9]+(\.[0-9]+)?\s*(ns|nsec|us|usec|ms|msec|s|sec|seconds?|m|min|minutes?|h|hr|hrs|hours?|d|days?)\s*)+$";
pub(super) const RATE_PATTERN: &str = r"^\s*[0-9]+(\.[0-9]+)?\s*/\s*(s|m|h)\s*$";
pub(super) const CLOCK_PATTERN: &str = r"^\s*([01]?[0-9]|2[0-3]):[0-5][0-9]\s*$";
pub(super) const THINK_PATTERN: &str = r"^\s*([0-9]|exponential\s*\(|uniform\s*\(|lognormal\s*\()";

/// The units of a duration. No months and years: `1M` beside `1m` is a trap, and nobody tests that long.
const UNITS: [&str; 22] = [
    "ns", "nsec", "us", "usec", "ms", "msec", "s", "sec", "second", "seconds", "m", "min", "minute",
    "minutes", "h", "hr", "hrs", "hour", "hours", "d", "day", "days",
];

/// Arrivals a second beyond which a rate is a typing error.
const FASTEST: f64 = 1e6;

/// What a text should have been.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    /// What is wrong, at the place itself.
    pub(super) label: String,
    /// What would be right.
    pub(super) help: Option<String>,
}

impl Wrong {
    fn new(label: impl Into<String>) -> Self {
        Self { label: label.into(), help: None }
    }

    fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.label)?;
        self.help.as_ref().map_or(Ok(()), |help| write!(f, "; {help}"))
    }
}

/// `20s`, `60ms`, `1m30s`.
pub(super) fn duration(text: &str) -> Result<Duration, Wrong> {
    let bare = text.trim();
    if !bare.is_empty() && bare.chars().all(|c| c.is_ascii_digit() || c == '.') {
        return Err(Wrong::new("the unit is missing")
            .help(format!("write `\"{bare}s\"` for seconds or `\"{bare}ms\"` for milliseconds")));
    }
    for unit in bare.split(|c: char| !c.is_alphabetic()).filter(|unit| !unit.is_empty()) {
        if !UNITS.contains(&unit) {
            return Err(Wrong::new(format!("`{unit}` is no unit of time"))
                .help("units are `ns`, `us`, `ms`, `s`, `m`, `h` and `d`, as in `\"1m30s\"`"));
        }
    }
    let read = if is_spans(bare) { humantime::parse_duration(bare).ok() } else { None };
    read.ok_or_else(|| {
        Wrong::new("expected a duration").help("write it as `\"20s\"`, `\"60ms\"` or `\"1m30s\"`")
    })
}

/// Numbers, each with a unit: humantime would also read `1 0s`, as ten seconds.
fn is_spans(mut text: &str) -> bool {
    while !text.is_empty() {
        let number = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let after = text[number..].trim_start();
        let unit = after.find(|c: char| !c.is_alphabetic()).unwrap_or(after.len());
        if decimal(&text[..number]).is_none() || unit == 0 {
            return false;
        }
        text = after[unit..].trim_start();
    }
    true
}

/// `40/s`, in requests a second; more than 0.
pub(super) fn rate(text: &str) -> Result<f64, Wrong> {
    match rate_or_silence(text)? {
        rate if rate > 0.0 => Ok(rate),
        _ => Err(wrong_rate("a rate must be more than 0")),
    }
}

fn wrong_rate(label: &str) -> Wrong {
    Wrong::new(label).help("write it as `\"40/s\"`, or by the minute as `\"90/m\"`")
}

/// `40/s` or `0/s`, in requests a second.
pub(super) fn rate_or_silence(text: &str) -> Result<f64, Wrong> {
    let wrong = wrong_rate;
    let Some((number, unit)) = text.split_once('/') else {
        let label = if decimal(text).is_some() { "the unit is missing" } else { "expected a rate" };
        return Err(wrong(label));
    };
    let seconds = match unit.trim() {
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3_600.0,
        _ => return Err(wrong("a rate is by `s`, `m` or `h`")),
    };
    let number = decimal(number).ok_or_else(|| wrong("expected a number before the `/`"))?;
    let rate = number / seconds;
    if rate > FASTEST {
        return Err(wrong("no more than 1000000/s"));
    }
    Ok(rate)
}

/// `14:30`, since midnight.
pub(super) fn time_of_day(text: &str) -> Result<Duration, Wrong> {
    let wrong = || Wrong::new("expected a time of day").help("write it as `\"14:30\"`, from 00:00 to 23:59");
    let (hours, minutes) = text.trim().split_once(':').ok_or_else(wrong)?;
    let number = |part: &str, longest: usize| {
        let digits = (1..=longest).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| part.parse::<u64>().ok()).flatten()
    };
    match (number(hours, 2), number(minutes, 2)) {
        (Some(hours @ 0..24), Some(minute @ 0..60)) if minutes.len() == 2 => {
            Ok(Duration::from_mins(60 * hours + minute))
        }
        _ => Err(wrong()),
    }
}

/// `2s`, `exponential(2s)`, `uniform(1s, 5s)` or `lognormal(3s, 2s)`.
pub(super) fn think(text: &str) -> Result<Think, Wrong> {
    const HELP: &str = "write `\"2s\"`, `\"exponential(2s)\"` with its mean, `\"uniform(1s, 5s)\"`, or \
                        `\"lognormal(3s, 2s)\"` with mean and standard deviation";
    let Some((name, rest)) = text.trim().split_once('(') else {
        return duration(text).map(Think::Fixed);
    };
    let name = name.trim();
    let Some(inside) = rest.strip_suffix(')') else {
        return Err(Wrong::new("the closing bracket is missing").help(HELP));
    };
    let parts: Vec<Duration> = inside.split(',').map(duration).collect::<Result<_, _>>()?;
    match (name, parts.as_slice()) {
        ("exponential", &[mean]) => Ok(Think::Exponential(mean)),
        ("uniform", &[least, most]) if least <= most => Ok(Think::Uniform { least, most }),
        ("uniform", [_, _]) => Err(Wrong::new("the shortest comes first").help(HELP)),
        ("lognormal", &[mean, sd]) if !mean.is_zero() => Ok(Think::Lognormal { mean, sd }),
        ("lognormal", [_, _]) => Err(Wrong::new("the mean must be more than 0").help(HELP)),
        ("exponential", _) => Err(Wrong::new("expected one duration in the brackets").help(HELP)),
        ("uniform" | "lognormal", _) => Err(Wrong::new("expected two durations in the brackets").help(HELP)),
        _ => Err(Wrong::new(format!("`{name}` is not a distribution that is known here")).help(HELP)),
    }
}

/// `6`, `uniform(2, 8)` or `geometric(5)`.
pub(super) fn turns(value: &NumberOrText) -> Result<Turns, Wrong> {
    let wrong = |label: String| {
        Wrong::new(label).help(
            "write `6`, `\"uniform(2, 8)\"` with the fewest and the most, or `\"geometric(5)\"` with the mean",
        )
    };
    let out_of_range = || wrong(format!("a session has from 1 to {MOST_TURNS} turns"));
    let within = |turns: f64| (1.0..=f64::from(MOST_TURNS)).contains(&turns);
    let whole = |turns: f64| (within(turns) && turns.fract() == 0.0).then_some(turns as u32);
    let text = match value {
        NumberOrText::Integer(turns) => {
            return whole(*turns as f64).map(Turns::Fixed).ok_or_else(out_of_range);
        }
        NumberOrText::Float(_) => return Err(wrong("turns are whole".into())),
        NumberOrText::Text(text) => text.trim(),
    };
    let Some((name, inside)) = text.strip_suffix(')').and_then(|text| text.split_once('(')) else {
        return Err(wrong("expected a number of turns or a distribution".into()));
    };
    let numbers: Option<Vec<f64>> = inside.split(',').map(decimal).collect();
    match (name.trim(), numbers.as_deref()) {
        ("uniform", Some(&[least, most])) => match (whole(least), whole(most)) {
            (Some(least), Some(most)) if least <= most => Ok(Turns::Uniform { least, most }),
            (Some(_), Some(_)) => Err(wrong("the fewest come first".into())),
            _ => Err(out_of_range()),
        },
        ("geometric", Some(&[mean])) if within(mean) => Ok(Turns::Geometric { mean }),
        ("geometric", Some([_])) => Err(out_of_range()),
        ("uniform", _) => Err(wrong("expected two numbers in the brackets".into())),
        ("geometric", _) => Err(wrong("expected one number in the brackets".into())),
        (name, _) => Err(wrong(format!("`{name}` is not a distribution that is known here"))),
    }
}

/// Digits, with or without a fraction: no sign, no exponent, no `inf`.
fn decimal(text: &str) -> Option<f64> {
    let text = text.trim();
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    (digits(whole) && digits(fraction)).then(|| text.parse().ok()).flatten()
}

/// A percentage as a share: `99.9` is exactly 0.999, which a division would miss by a bit.
fn percentage(text: &str) -> Option<f64> {
    decimal(text)?;
    format!("{}e-2", text.trim()).parse().ok()
}

/// `0.3` or `"30%"`.
pub(super) fn share(value: &NumberOrText) -> Result<f64, Wrong> {
    let wrong = Wrong::new("expected a share from 0 to 1, or a percentage");
    let share = match value {
        NumberOrText::Integer(number) => *number as f64,
        NumberOrText::Float(number) => *number,
        NumberOrText::Text(text) => {
            let read = match text.trim().strip_suffix('%') {
                Some(percent) => percentage(percent),
                None => decimal(text),
            };
            read.ok_or_else(|| wrong.clone().help("write it as `0.3` or `\"30%\"`"))?
        }
    };
    match share {
        share if (0.0..=1.0).contains(&share) => Ok(share),
        share
            if share > 1.0
                && share <= 100.0
                && !matches!(value, NumberOrText::Text(text) if text.contains('%')) =>
        {
            Err(wrong.help(format!("for {share} percent write `\"{share}%\"`")))
        }
        _ => Err(wrong.help("write it as `0.3` or `\"30%\"`")),
    }
}

/// `200` or `lognormal(600, 400)`.
pub(super) fn length(value: &NumberOrText) -> Result<Length, Wrong> {
    let wrong = |label: &str| {
        Wrong::new(label)
            .help("write `200`, or `\"lognormal(600, 400)\"` with mean and standard deviation in tokens")
    };
    let tokens = |number: f64| (1.0..=f64::from(MAX_TOKENS)).contains(&number);
    let out_of_range = || wrong(&format!("a length is from 1 to {MAX_TOKENS} tokens"));
    match value {
        NumberOrText::Integer(number) => match u32::try_from(*number) {
            Ok(number) if tokens(f64::from(number)) => Ok(Length::Fixed(number)),
            _ => Err(out_of_range()),
        },
        NumberOrText::Float(_) => Err(wrong("tokens are whole")),
        NumberOrText::Text(text) => {
            let Some((name, rest)) = text.trim().split_once('(') else {
                return Err(wrong("expected a number of tokens or a distribution"));
            };
            if name.trim() != "lognormal" {
                return Err(wrong(&format!("`{}` is not a distribution that is known here", name.trim())));
            }
            let parameters = rest.strip_suffix(')').and_then(|inside| inside.split_once(','));
            let numbers = parameters.and_then(|(mean, sd)| Some((decimal(mean)?, decimal(sd)?)));
            match numbers {
                Some((mean, sd)) if tokens(mean) && sd <= f64::from(MAX_TOKENS) => {
                    Ok(Length::Lognormal { mean, sd })
                }
                Some(_) => Err(out_of_range()),
                None => Err(wrong("expected two numbers in the brackets")),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn matches(pattern: &str, text: &str) -> bool {
        jsonschema::is_valid(&json!({ "pattern": pattern }), &json!(text))
    }

    #[test]
    fn durations_have_units() {
        assert_eq!(duration("1m30s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("1.5s"), Ok(Duration::from_millis(1_500)));
        assert_eq!(duration(" 2 min "), Ok(Duration::from_mins(2)));
        for bad in [
            "",
            "20",
            "1M",
            "1 year",
            "-1s",
            "s",
            "1e3s",
            "1s-",
            "20 s s",
            "1 0s",
            "1. 5s",
            "99999999999999999999s",
        ] {
            assert!(duration(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn rates_are_by_a_unit_of_time() {
        assert_eq!(rate("40/s"), Ok(40.0));
        assert_eq!(rate("90 / m"), Ok(1.5));
        for bad in ["", "40", "40/", "/s", "0/s", "-1/s", "inf/s", "1e3/s", "40/day", "9999999/s"] {
            assert!(rate(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn silence_is_a_rate_only_where_it_may_be() {
        assert_eq!(rate_or_silence("0/s"), Ok(0.0));
        assert_eq!(rate("0/s").map_err(|wrong| wrong.label), Err("a rate must be more than 0".into()));
    }

    #[test]
    fn times_of_day_are_clocks() {
        assert_eq!(time_of_day("14:30"), Ok(Duration::from_mins(870)));
        assert_eq!(time_of_day(" 8:05 "), Ok(Duration::from_mins(485)));
        for bad in ["", "14", "14:3", "24:00", "12:60", "-1:00", "+1:00", "14h", "014:00", "14:30:00"] {
            assert!(time_of_day(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn turns_are_a_number_or_a_distribution() {
        let text = |text: &str| turns(&NumberOrText::Text(text.into()));
        assert_eq!(turns(&NumberOrText::Integer(6)), Ok(Turns::Fixed(6)));
        assert_eq!(text("uniform(2, 8)"), Ok(Turns::Uniform { least: 2, most: 8 }));
        assert_eq!(text(" geometric ( 4.5 )"), Ok(Turns::Geometric { mean: 4.5 }));
        for (bad, label) in [
            ("6", "expected a number of turns or a distribution"),
            ("uniform(8, 2)", "the fewest come first"),
            ("uniform(0, 2)", "a session has from 1 to 1000 turns"),
            ("uniform(1.5, 2)", "a session has from 1 to 1000 turns"),
            ("uniform(2)", "expected two numbers in the brackets"),
            ("geometric(0.5)", "a session has from 1 to 1000 turns"),
            ("geometric()", "expected one number in the brackets"),
            ("normal(5)", "`normal` is not a distribution that is known here"),
        ] {
            assert_eq!(text(bad).map_err(|wrong| wrong.label), Err(label.into()), "{bad}");
        }
        for bad in [NumberOrText::Integer(0), NumberOrText::Integer(1_001), NumberOrText::Float(2.0)] {
            assert!(turns(&bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn thinking_is_a_duration_or_a_distribution() {
        let seconds = Duration::from_secs;
        assert_eq!(think("2s"), Ok(Think::Fixed(seconds(2))));
        assert_eq!(think("exponential(2s)"), Ok(Think::Exponential(seconds(2))));
        assert_eq!(think("uniform(1s, 5s)"), Ok(Think::Uniform { least: seconds(1), most: seconds(5) }));
        assert_eq!(think("lognormal(3s, 2s)"), Ok(Think::Lognormal { mean: seconds(3), sd: seconds(2) }));
        let label = |text: &str| think(text).map_err(|wrong| wrong.label).expect_err(text);
        assert_eq!(label("2"), "the unit is missing");
        assert_eq!(label("uniform(5s, 1s)"), "the shortest comes first");
        assert_eq!(label("uniform(5s)"), "expected two durations in the brackets");
        assert_eq!(label("exponential(1s, 2s)"), "expected one duration in the brackets");
        assert_eq!(label("lognormal(0s, 2s)"), "the mean must be more than 0");
        assert_eq!(label("normal(1s, 2s)"), "`normal` is not a distribution that is known here");
        assert_eq!(label("uniform(1s, 5s"), "the closing bracket is missing");
        assert_eq!(label("uniform(1, 5s)"), "the unit is missing");
    }

    #[test]
    fn shares_are_exact() {
        let text = |text: &str| share(&NumberOrText::Text(text.into()));
        assert_eq!(text("99.9%"), Ok(0.999));
        assert_eq!(text("0.3"), Ok(0.3));
        assert_eq!(share(&NumberOrText::Integer(1)), Ok(1.0));
        assert_eq!(
            share(&NumberOrText::Integer(30)).map_err(|wrong| wrong.help),
            Err(Some("for 30 percent write `\"30%\"`".into()))
        );
        for bad in ["", "%", "101%", "-1", "NaN", "1.1"] {
            assert!(text(bad).is_err(), "{bad:?}");
        }
        assert!(share(&NumberOrText::Float(f64::NAN)).is_err());
    }

    #[test]
    fn lengths_are_numbers_or_distributions() {
        let text = |text: &str| length(&NumberOrText::Text(text.into()));
        assert_eq!(text("lognormal(600, 400)"), Ok(Length::Lognormal { mean: 600.0, sd: 400.0 }));
        assert_eq!(length(&NumberOrText::Integer(200)), Ok(Length::Fixed(200)));
        assert!(length(&NumberOrText::Integer(0)).is_err());
        for bad in [
            "",
            "200",
            "normal(1, 2)",
            "lognormal(600)",
            "lognormal(0, 1)",
            "lognormal(600, -1)",
            "lognormal(",
        ] {
            assert!(text(bad).is_err(), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn what_a_reader_takes_its_pattern_matches(text in r"[0-9]{0,3}[. ]{0,1}[0-9]{0,2} {0,1}(ns|ms|s|m|min|h|day|days|M|x|/s|/m|/d){0,2}") {
            if duration(&text).is_ok() {
                prop_assert!(matches(DURATION_PATTERN, &text));
            }
            if rate(&text).is_ok() {
                prop_assert!(matches(RATE_PATTERN, &text));
            }
        }

        #[test]
        fn what_a_clock_or_a_thinker_takes_its_pattern_matches(
            clock in "[0-9]{0,3}:[0-9]{0,3} {0,1}",
            thinker in r" {0,1}(exponential|uniform|lognormal|) {0,1}\(?[0-2]?(s|ms)?(, 3s)?\)?",
        ) {
            if time_of_day(&clock).is_ok() {
                prop_assert!(matches(CLOCK_PATTERN, &clock));
            }
            if think(&thinker).is_ok() {
                prop_assert!(matches(THINK_PATTERN, &thinker));
            }
        }

        #[test]
        fn no_text_is_a_panic(text in ".*") {
            let value = NumberOrText::Text(text.clone());
            let _ = (duration(&text), rate(&text), objective(&text), guard(&text), share(&value), length(&value));
            let _ = (time_of_day(&text), think(&text));
        }
    }
}
