//! What a gateway makes of a request on its way to a node. Real ones pass on none of their clients' headers, and
//! write the body anew.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, header};
use serde_json::Value;

use super::gateway::Body;

/// The header in which a gateway with manners of its own tells of its retries.
pub(super) const RETRIES: &str = "x-own-retries";
const CLAIMED: &str = "x-squall-attempts";
const TRACE: &str = "traceparent";

/// How it treats what identifies a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Manner {
    /// All goes on as it came.
    #[default]
    Plain,
    /// No header goes on, the body is written anew, with words of its own before the user's.
    Rewrites,
    /// The trace goes on, with a span of its own; the message is worded anew.
    Traces,
    /// Nothing goes on that tells.
    Forgets,
}

impl Manner {
    /// The headers and the body that a node gets.
    pub(super) fn onward(self, headers: &HeaderMap, body: &Bytes) -> (HeaderMap, Bytes) {
        let hop = ["host", "connection", "content-length", "transfer-encoding"];
        if self == Self::Plain {
            let passed = headers.iter().filter(|(name, _)| !hop.contains(&name.as_str()));
            return (passed.map(|(name, value)| (name.clone(), value.clone())).collect(), body.clone());
        }
        let mut own = HeaderMap::new();
        own.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(trace) = headers.get(TRACE).filter(|_| self == Self::Traces) {
            let text = trace.to_str().unwrap_or_default();
            let spanned = [&text[..36], "00f067aa0ba902b7-01"].concat();
            own.extend(HeaderValue::try_from(spanned).map(|trace| (HeaderName::from_static(TRACE), trace)));
        }
        (own, self.anew(body))
    }

    fn anew(self, body: &Bytes) -> Bytes {
        let mut asked: Value = serde_json::from_slice(body).unwrap_or_default();
        for message in asked["messages"].as_array_mut().into_iter().flatten() {
            let words = message["content"].as_str().unwrap_or_default();
            let said = match words.split_once("(ref ") {
                Some((question, _)) if self != Self::Rewrites => question.to_owned(),
                _ => words.to_owned(),
            };
            message["content"] = format!("You are brief, and \"kind\".\n{said}").into();
        }
        asked.to_string().into()
    }

    /// Tells the client of `attempts`, of which a gateway with manners of its own counts those after the first.
    pub(super) fn claim(self, response: &mut Response<Body>, attempts: u32) {
        match self {
            Self::Plain => drop(response.headers_mut().insert(CLAIMED, attempts.into())),
            _ if attempts > 0 => drop(response.headers_mut().insert(RETRIES, (attempts - 1).into())),
            _ => {}
        }
    }
}
