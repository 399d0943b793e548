//! When a server says to come again: the load waits so long, and a proxy writes it down of its node.

use std::time::Duration;

use http::HeaderMap;
use http::header::{DATE, RETRY_AFTER};

/// What the server says of when to come again: in milliseconds, in seconds, or as a date.
/// Sources: RFC 9110, 10.2.3 and 5.6.7; `retry-after-ms` is `OpenAI`'s.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<f64>().ok();
    let seconds = number("retry-after-ms").map(|ms| ms / 1000.0).or_else(|| number(RETRY_AFTER.as_str()));
    match seconds {
        Some(seconds) => Duration::try_from_secs_f64(seconds).ok(),
        None => until(headers),
    }
}

/// A wait as ledgers have it.
pub(crate) fn milliseconds(wait: Duration) -> u64 {
    u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)
}

/// A date counts from that of the answer itself, since both are of one clock; this machine's may differ.
/// One that has passed asks for no wait.
fn until(headers: &HeaderMap) -> Option<Duration> {
    let date = |name| httpdate::parse_http_date(headers.get(name)?.to_str().ok()?.trim()).ok();
    let (asked, said) = (date(RETRY_AFTER)?, date(DATE)?);
    Some(asked.duration_since(said).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_of_seconds_and_another_header_has_milliseconds() {
        let header = |name: &'static str, value: &'static str| {
            retry_after(&HeaderMap::from_iter([(
                http::HeaderName::from_static(name),
                http::HeaderValue::from_static(value),
            )]))
        };
        assert_eq!(header("retry-after", "2"), Some(Duration::from_secs(2)));
        assert_eq!(header("retry-after-ms", "250"), Some(Duration::from_millis(250)));
        assert_eq!(header("retry-after", "-1"), None);
        assert_eq!(header("retry-after", "tomorrow"), None);
    }

    #[test]
    fn a_date_counts_from_that_of_the_answer() {
        let asked = |asked: &'static str, said: &'static str| {
            let headers =
                [(RETRY_AFTER, asked), (DATE, said)].into_iter().filter(|(_, value)| !value.is_empty());
            retry_after(&headers.map(|(name, value)| (name, http::HeaderValue::from_static(value))).collect())
        };
        let seven = Some(Duration::from_secs(7));
        assert_eq!(asked("Wed, 21 Oct 2015 07:28:07 GMT", "Wed, 21 Oct 2015 07:28:00 GMT"), seven);
        // The two forms of old that a reader must know (RFC 9110, 5.6.7).
        assert_eq!(asked("Wednesday, 21-Oct-15 07:28:07 GMT", "Wed Oct 21 07:28:00 2015"), seven);
        let past = asked("Wed, 21 Oct 2015 07:27:00 GMT", "Wed, 21 Oct 2015 07:28:00 GMT");
        assert_eq!(past, Some(Duration::ZERO));
        assert_eq!(asked("Wed, 21 Oct 2015 07:28:00 GMT", ""), None, "by which clock?");
        assert_eq!(asked("21.10.2015", "Wed, 21 Oct 2015 07:28:00 GMT"), None);
    }
}
