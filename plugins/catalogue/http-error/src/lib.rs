//! `http-error`: answers with a provider's own error; the node never sees the request.

use squall_plugin::{
    Attempt, Canned, CountOrSpan, Header, Hooks, Plugin, RequestHead, RequestVerdict, Shape, Span,
    error_status, export, params,
};

params! {
    /// Answers with a provider's own error; the node never sees the request.
    struct Params {
        /// the status, 400 to 599
        status: u16 = 503, "529";
        /// whose error body it has
        shape: Shape = Shape::Openai, "\"anthropic\"";
        /// this text instead of a provider's
        body: Option<String> = None, "\"upstream connect error\"";
        /// sends Retry-After, in whole seconds
        retry_after: Option<Span> = None, "\"2s\"";
        /// fails and works in turn, counted in requests or in time
        burst: Option<BurstParams> = None, "{ on = \"2s\", off = \"8s\" }";
    }
}

params! {
    /// A burst and the calm after it.
    struct BurstParams {
        /// how long it fails
        on: CountOrSpan, "5";
        /// how long it works
        off: CountOrSpan, "20";
    }
}

/// When it answers: always, or in bursts. A burst comes first.
enum Burst {
    Always,
    Requests { on: u64, off: u64, seen: u64 },
    Time { on: u64, off: u64 },
}

impl Burst {
    fn new(params: Option<BurstParams>) -> Result<Self, String> {
        let burst = match params.map(|burst| (burst.on, burst.off)) {
            None => return Ok(Self::Always),
            Some((CountOrSpan::Count(on), CountOrSpan::Count(off))) => Self::Requests { on, off, seen: 0 },
            Some((CountOrSpan::Span(on), CountOrSpan::Span(off))) => {
                Self::Time { on: on.nanos(), off: off.nanos() }
            }
            Some(_) => {
                return Err(
                    "`burst.on` and `burst.off` count the same: both requests (5) or both time (\"2s\")"
                        .into(),
                );
            }
        };
        match burst {
            Self::Requests { on: 0, .. } | Self::Time { on: 0, .. } => {
                Err("`burst.on` must be above 0, or no error is ever sent".into())
            }
            burst => Ok(burst),
        }
    }

    fn is_on(&mut self, attempt: &Attempt) -> bool {
        match self {
            Self::Always => true,
            Self::Requests { on, off, seen } => {
                let at = *seen % on.saturating_add(*off);
                *seen += 1;
                at < *on
            }
            Self::Time { on, off } => attempt.since_start % on.saturating_add(*off) < *on,
        }
    }
}

struct HttpError {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: String,
    burst: Burst,
}

impl Plugin for HttpError {
    type Params = Params;

    fn new(params: Params) -> Result<Self, String> {
        let status = error_status(params.status)?;
        let body = params.body.unwrap_or_else(|| params.shape.error(status).to_string());
        let kind =
            if body.starts_with(['{', '[']) { "application/json" } else { "text/plain; charset=utf-8" };
        let mut headers = vec![("content-type", kind.to_string())];
        headers.extend(params.retry_after.map(|after| ("retry-after", after.ceil_secs().to_string())));
        Ok(Self { status, headers, body, burst: Burst::new(params.burst)? })
    }

    fn hooks(&self) -> Hooks {
        Hooks::REQUEST
    }

    fn request(&mut self, attempt: &Attempt, _: &RequestHead) -> RequestVerdict {
        if !self.burst.is_on(attempt) {
            return RequestVerdict::Pass;
        }
        let header = |(name, value): &(&str, String)| Header {
            name: name.to_string(),
            value: value.clone().into_bytes(),
        };
        RequestVerdict::Respond(Canned {
            status: self.status,
            headers: self.headers.iter().map(header).collect(),
            body: self.body.clone().into_bytes(),
        })
    }
}

export!(HttpError);
