//! Parameters: the fault's `with` table, which the host hands over as JSON.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, Visitor};

use crate::Params;

/// Reads a fault's parameters, with an error for people: what is wrong, without JSON's positions,
/// which mean nothing to who wrote TOML.
pub fn parse<P: Params>(json: &str) -> Result<P, String> {
    // The host writes the table, so that this fails only for a host that is not ours.
    P::from_table(serde_json::from_str(json).map_err(|error| error.to_string())?)
}

/// A length of time, written `"20ms"`, `"1.5s"` or `"1m 30s"`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(u64);

impl Span {
    /// No time at all.
    pub const ZERO: Self = Self(0);

    /// In nanoseconds, as verdicts take it.
    pub const fn nanos(self) -> u64 {
        self.0
    }

    /// From nanoseconds.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// In whole seconds, rounded up.
    pub const fn ceil_secs(self) -> u64 {
        self.0.div_ceil(1_000_000_000)
    }

    fn read(text: &str) -> Option<Self> {
        let mut rest = text.trim();
        let mut total = 0.0;
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
            let number: f64 = rest[..digits].parse().ok()?;
            let after = rest[digits..].trim_start();
            let letters = after.find(|c: char| !c.is_alphabetic()).unwrap_or(after.len());
            let unit = match &after[..letters] {
                "ns" => 1.0,
                "us" | "µs" => 1e3,
                "ms" => 1e6,
                "s" => 1e9,
                "m" | "min" => 60e9,
                "h" => 3_600e9,
                _ => return None,
            };
            total += number * unit;
            rest = after[letters..].trim_start();
        }
        (!text.trim().is_empty() && total < u64::MAX as f64).then_some(Self(total.round() as u64))
    }
}

impl fmt::Display for Span {
    /// In the largest unit that it is a whole number of.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [
            (3_600_000_000_000, "h"),
            (60_000_000_000, "m"),
            (1_000_000_000, "s"),
            (1_000_000, "ms"),
            (1_000, "us"),
        ];
        let whole = units.iter().find(|(unit, _)| self.0 > 0 && self.0 % unit == 0);
        match whole {
            Some((unit, name)) => write!(f, "{}{name}", self.0 / unit),
            None if self.0 == 0 => f.write_str("0s"),
            None => write!(f, "{}ns", self.0),
        }
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Span;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a duration such as \"20ms\" or \"1.5s\"")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Span, E> {
                Span::read(text).ok_or_else(|| E::invalid_value(serde::de::Unexpected::Str(text), &self))
            }
        }
        from.deserialize_str(Text)
    }
}

/// A number of things, or a length of time: `5` or `"2s"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CountOrSpan {
    /// `5`.
    Count(u64),
    /// `"2s"`.
    Span(Span),
}

impl<'de> Deserialize<'de> for CountOrSpan {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Either;
        impl Visitor<'_> for Either {
            type Value = CountOrSpan;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a count such as 5 or a duration such as \"2s\"")
            }
            fn visit_u64<E: Error>(self, count: u64) -> Result<CountOrSpan, E> {
                Ok(CountOrSpan::Count(count))
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<CountOrSpan, E> {
                let span = Span::read(text);
                span.map(CountOrSpan::Span)
                    .ok_or_else(|| E::invalid_value(serde::de::Unexpected::Str(text), &self))
            }
        }
        from.deserialize_any(Either)
    }
}

/// A number of things, or a share of them: `12` or `0.5`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum CountOrShare {
    /// `12`.
    Count(u32),
    /// `0.5`: above 0 and below 1.
    Share(f64),
}

impl<'de> Deserialize<'de> for CountOrShare {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Either;
        impl Visitor<'_> for Either {
            type Value = CountOrShare;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a count such as 12 or a share between 0 and 1 such as 0.5")
            }
            fn visit_u64<E: Error>(self, count: u64) -> Result<CountOrShare, E> {
                let wrong = || E::invalid_value(serde::de::Unexpected::Unsigned(count), &self);
                u32::try_from(count).map(CountOrShare::Count).map_err(|_| wrong())
            }
            fn visit_f64<E: Error>(self, share: f64) -> Result<CountOrShare, E> {
                if share > 0.0 && share < 1.0 {
                    return Ok(CountOrShare::Share(share));
                }
                Err(E::invalid_value(serde::de::Unexpected::Float(share), &self))
            }
        }
        from.deserialize_any(Either)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_people_write_them() {
        for (text, nanos) in [
            ("20ms", 20_000_000),
            ("1.5s", 1_500_000_000),
            ("1m 30s", 90_000_000_000),
            ("250us", 250_000),
            (" 2 h ", 7_200_000_000_000),
            ("0s", 0),
        ] {
            assert_eq!(Span::read(text), Some(Span(nanos)), "{text}");
        }
        for text in ["", "20", "ms", "-1s", "1.2.3s", "5 parsecs", "1e3s", "99999999999h"] {
            assert_eq!(Span::read(text), None, "{text}");
        }
    }

    #[test]
    fn durations_are_written_as_they_are_read() {
        for text in ["20ms", "1500ms", "90s", "2h", "0s", "7ns"] {
            assert_eq!(Span::read(text).map(|span| span.to_string()).as_deref(), Some(text));
        }
    }
}
