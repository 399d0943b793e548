//! What formats share: columns of CSV, numbers of tokens, times in seconds.

use super::super::MAX_TOKENS;
use super::BLOCK_TOKENS;

/// The columns of a CSV file whose fields hold no commas and no quotes: every trace format's here. A
/// stray quote is part of its field, so that it can't swallow the rest of the file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Columns<const N: usize> {
    /// Where each column is, in the order asked for.
    places: [usize; N],
    width: usize,
}

impl<const N: usize> Columns<N> {
    /// Finds `names` in `header`; `what` is what has such a header.
    pub(super) fn find(header: &str, names: [&str; N], what: &str) -> Result<Self, String> {
        let mut places = [0; N];
        for (place, name) in places.iter_mut().zip(names) {
            *place = header.split(',').position(|column| column.trim() == name).ok_or_else(|| {
                format!(
                    "no column {name}; {what} begins with a header that has {}, this file with {:?}",
                    names.join(","),
                    start(header)
                )
            })?;
        }
        Ok(Self { places, width: header.split(',').count() })
    }

    /// The fields of `line`, in the order asked for.
    pub(super) fn fields<'a>(&self, line: &'a str) -> Result<[&'a str; N], String> {
        let mut fields = [""; N];
        let mut width = 0;
        for (column, field) in line.split(',').enumerate() {
            width += 1;
            for (slot, _) in fields.iter_mut().zip(self.places).filter(|(_, place)| *place == column) {
                *slot = field.trim();
            }
        }
        if width != self.width {
            let cut = if width < self.width { "; the row is cut off" } else { "" };
            return Err(format!("{width} fields where the header has {}{cut}", self.width));
        }
        Ok(fields)
    }
}

/// Where a column is that not every file of the format has.
pub(super) fn optional_column(header: &str, name: &str) -> Option<usize> {
    header.split(',').position(|column| column.trim() == name)
}

/// The start of a line, for a message.
pub(super) fn start(line: &str) -> String {
    line.chars().take(80).collect()
}

/// Tokens of a prompt.
pub(super) fn input_tokens(text: &str, name: &str) -> Result<u32, String> {
    input(text.parse().ok(), &format!("{text:?}"), name)
}

/// Tokens of an answer; 0 is a request that got none.
pub(super) fn output_tokens(text: &str, name: &str) -> Result<Option<u32>, String> {
    output(text.parse().ok(), &format!("{text:?}"), name)
}

/// The same of a number, where it is one that fits.
pub(super) fn input(number: Option<u64>, text: &str, name: &str) -> Result<u32, String> {
    match number.and_then(|number| u32::try_from(number).ok()) {
        Some(0) => Err(format!("{name} is 0; a prompt has at least one token")),
        Some(tokens) if tokens <= MAX_TOKENS => Ok(tokens),
        _ => Err(format!("{name} {text} is not a whole number from 1 to {MAX_TOKENS}")),
    }
}

/// The same of an answer.
pub(super) fn output(number: Option<u64>, text: &str, name: &str) -> Result<Option<u32>, String> {
    match number.and_then(|number| u32::try_from(number).ok()) {
        Some(tokens) if tokens <= MAX_TOKENS => Ok((tokens > 0).then_some(tokens)),
        _ => Err(format!("{name} {text} is not a whole number up to {MAX_TOKENS}")),
    }
}

/// Checks that a prompt has a block for each id.
pub(super) fn blocks(ids: &[u64], input_tokens: u32) -> Result<(), String> {
    let blocks = input_tokens.div_ceil(BLOCK_TOKENS) as usize;
    if ids.len() > blocks {
        return Err(format!(
            "{} hash_ids, but {input_tokens} tokens are {blocks} blocks of {BLOCK_TOKENS}",
            ids.len()
        ));
    }
    Ok(())
}

/// A decimal number of `10^scale` nanoseconds, as nanoseconds: exact to the nanosecond, the rest cut
/// off. A number with an exponent, as programs write small ones, goes through a double.
pub(super) fn nanos(text: &str, scale: u8) -> Option<i128> {
    if text.contains(['e', 'E']) {
        let number = text.parse::<f64>().ok()? * 10_f64.powi(scale.into());
        return (number.is_finite() && number.abs() < 1e27).then_some(number.round() as i128);
    }
    let (negative, digits) = text.strip_prefix('-').map_or((false, text), |digits| (true, digits));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    // More digits of seconds than any calendar has.
    if !all_digits(whole) || !all_digits(fraction) || whole.len() > 18 {
        return None;
    }
    let fine = fraction.bytes().map(|digit| i128::from(digit - b'0')).chain(std::iter::repeat(0));
    let nanos = fine.take(scale.into()).fold(whole.parse::<i128>().ok()?, |sum, digit| sum * 10 + digit);
    Some(if negative { -nanos } else { nanos })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn seconds_are_exact_to_the_nanosecond() {
        for (text, want) in [
            ("5", 5_000_000_000),
            ("28943983.0", 28_943_983_000_000_000),
            ("0.1", 100_000_000),
            ("604800.123456789", 604_800_123_456_789),
            ("1.9999999999", 1_999_999_999),
            ("-0.5", -500_000_000),
            ("1e-05", 10_000),
        ] {
            assert_eq!(nanos(text, 9), Some(want), "{text}");
        }
        assert_eq!(nanos("27482.25", 6), Some(27_482_250_000), "milliseconds");
        for text in ["", ".", "5.", ".5", "NaN", "inf", "1e400", "1_0", "+1", "--1", "0x1"] {
            assert_eq!(nanos(text, 9), None, "{text}");
        }
    }

    #[test]
    fn columns_are_found_by_name_and_a_row_has_them_all() {
        let columns = Columns::find("a,b , c", ["c", "a"], "a test").expect("there");
        assert_eq!(columns.fields("1,2, 3 "), Ok(["3", "1"]));
        assert_eq!(columns.fields("1,2"), Err("2 fields where the header has 3; the row is cut off".into()));
        assert_eq!(columns.fields("1,2,3,4"), Err("4 fields where the header has 3".into()));
        let missing = Columns::find("a,b", ["c", "a"], "a test").expect_err("missing");
        assert_eq!(missing, "no column c; a test begins with a header that has c,a, this file with \"a,b\"");
    }

    proptest! {
        #[test]
        fn any_nanoseconds_are_read_back(ns in 0_i64..i64::MAX) {
            let text = format!("{}.{:09}", ns / 1_000_000_000, ns % 1_000_000_000);
            prop_assert_eq!(nanos(&text, 9), Some(i128::from(ns)));
        }

        #[test]
        fn any_text_is_a_time_or_none(text in "[-+0-9.eE]{0,40}") {
            let _ = nanos(&text, 9);
        }
    }
}
