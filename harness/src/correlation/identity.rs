//! By what an attempt is known to serve a request, though a gateway stands between.
//!
//! A gateway may drop headers, give ids of its own, write the body anew. So a request carries its identity
//! three times: in [`REQUEST_HEADER`], as a tag at the end of its last user message, and in the id of its
//! trace, which whoever traces passes on. Each holds the request's number, so that nothing is looked up.

use http::HeaderMap;
use memchr::memmem;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::name::RequestId;

/// The header in which the load generator sends the request's identity.
pub const REQUEST_HEADER: &str = "x-squall-request";
/// W3C Trace Context, <https://www.w3.org/TR/trace-context/#traceparent-header>.
pub const TRACE_HEADER: &str = "traceparent";

const TAG_OPEN: &str = "(ref sq-";

/// What told which request an attempt serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KnownBy {
    /// [`REQUEST_HEADER`].
    Header,
    /// The tag in its message.
    Message,
    /// The trace that its client began.
    Trace,
}

/// Which request of this run (`run` is the seed) an attempt with these headers and this body serves.
pub fn identify(run: u64, headers: &HeaderMap, body: &[u8]) -> Option<(RequestId, KnownBy)> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let by_header = || Some((RequestId(text(REQUEST_HEADER)?.parse().ok()?), KnownBy::Header));
    let by_message = || Some((find_tag(run, body)?, KnownBy::Message));
    let by_trace = || Some((find_trace(run, text(TRACE_HEADER)?)?, KnownBy::Trace));
    by_header().or_else(by_message).or_else(by_trace)
}

/// The tag that makes the last user message of request `id` unique in this run (`run` is the seed).
pub fn tag(run: u64, id: RequestId) -> String {
    format!("{TAG_OPEN}{run:x}-{:x})", id.0)
}

/// What the last tag in a text holds, whichever run's it is.
pub fn last_tag(text: &[u8]) -> Option<&[u8]> {
    let at = memmem::rfind(text, TAG_OPEN.as_bytes())?;
    let rest = &text[at + TAG_OPEN.len()..];
    Some(&rest[..memchr::memchr(b')', rest)?])
}

/// Finds the tag of a request of this run in a request body, the last one where there are several.
pub fn find_tag(run: u64, body: &[u8]) -> Option<RequestId> {
    let (seed, id) = std::str::from_utf8(last_tag(body)?).ok()?.split_once('-')?;
    (u64::from_str_radix(seed, 16).ok()? == run).then_some(())?;
    u64::from_str_radix(id, 16).ok().map(RequestId)
}

/// Spreads ids over the whole range, so that who samples traces by their ids takes a fair share.
const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;
/// Its inverse modulo 2^64.
const GATHER: u64 = 0xF1DE_83E1_9937_733D;

/// What the traces of a run begin with, and what their ends are mixed with.
fn keys(run: u64) -> (u64, u64) {
    // Zero means "no trace".
    (xxh3_64_with_seed(b"trace", run).max(1), xxh3_64_with_seed(b"request", run))
}

/// The trace that request `id` begins: fixed by the seed and its id.
pub fn traceparent(run: u64, id: RequestId) -> String {
    let (begin, mask) = keys(run);
    let end = id.0.wrapping_mul(SPREAD) ^ mask;
    let span = (id.0 ^ run).max(1);
    format!("00-{begin:016x}{end:016x}-{span:016x}-01")
}

/// The request that began a trace of this run. Its span may be anybody's by now.
pub fn find_trace(run: u64, traceparent: &str) -> Option<RequestId> {
    let trace = traceparent.trim().split('-').nth(1).filter(|trace| trace.len() == 32)?;
    let trace = u128::from_str_radix(trace, 16).ok()?;
    let (begin, mask) = keys(run);
    let ours = (trace >> 64) as u64 == begin;
    ours.then(|| RequestId((trace as u64 ^ mask).wrapping_mul(GATHER)))
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    fn headers(all: &[(&'static str, &str)]) -> HeaderMap {
        let header = |(name, value): &(&'static str, &str)| {
            let value = HeaderValue::from_str(value).unwrap_or(HeaderValue::from_static(""));
            (HeaderName::from_static(name), value)
        };
        all.iter().map(header).collect()
    }

    #[test]
    fn a_tag_is_found_again_in_a_body_and_only_by_its_run() {
        let body = format!(r#"{{"messages":[{{"content":"hello {}"}}]}}"#, tag(7, RequestId(300)));
        assert_eq!(find_tag(7, body.as_bytes()), Some(RequestId(300)));
        assert_eq!(find_tag(8, body.as_bytes()), None);
        assert_eq!(find_tag(7, b"(ref sq-7-zz)"), None);
        assert_eq!(find_tag(7, b"(ref sq-7-1"), None);
    }

    #[test]
    fn a_trace_is_of_the_documented_form_and_tells_its_request() {
        for (run, id) in [(7, 3), (0, 0), (u64::MAX, u64::MAX), (7, 1 << 40)] {
            let trace = traceparent(run, RequestId(id));
            let parts: Vec<&str> = trace.split('-').collect();
            assert_eq!(parts.iter().map(|part| part.len()).collect::<Vec<_>>(), [2, 32, 16, 2]);
            assert_ne!(parts[2], "0000000000000000");
            let of_another_span = format!("00-{}-00f067aa0ba902b7-00", parts[1]);
            assert_eq!(find_trace(run, &of_another_span), Some(RequestId(id)));
            assert_eq!(find_trace(run ^ 1, &trace), None);
        }
        for none in ["", "00", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "00-zz-zz-01"] {
            assert_eq!(find_trace(7, none), None);
        }
    }

    #[test]
    fn what_a_gateway_leaves_of_an_identity_is_enough() {
        let (id, body) = (RequestId(5), format!("… {}", tag(7, RequestId(5))));
        let trace = traceparent(7, id);
        let known = |all: &[(&'static str, &str)], body: &str| identify(7, &headers(all), body.as_bytes());
        assert_eq!(
            known(&[(REQUEST_HEADER, "5"), (TRACE_HEADER, &trace)], &body),
            Some((id, KnownBy::Header))
        );
        assert_eq!(
            known(&[(REQUEST_HEADER, "mine"), (TRACE_HEADER, &trace)], &body),
            Some((id, KnownBy::Message))
        );
        assert_eq!(known(&[(TRACE_HEADER, &trace)], "rewritten"), Some((id, KnownBy::Trace)));
        assert_eq!(known(&[], "rewritten"), None);
    }
}
