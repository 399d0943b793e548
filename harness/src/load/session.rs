//! What all exchanges of a run share: the HTTP client, the key, and whom to tell.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Body, Client, Method, Request, Url, redirect};
use tokio_util::sync::CancellationToken;
use xxhash_rust::xxh3::xxh3_128_with_seed;

use super::dialect::{self, Question};
use super::exchange::Ask;
use super::meter::Meter;
use super::{LoadContext, LoadError};
use crate::answer::Answer;
use crate::clock::{Clock, Nanos};
use crate::correlation::{Correlator, REQUEST_HEADER};
use crate::name::RequestId;
use crate::record::{Record, Recorder};
use crate::scenario::plan::{Key, NodeKind, Plan};
use crate::tokens::Tokenizer;
use crate::traffic::{Prompt, TrafficError};

/// W3C Trace Context, <https://www.w3.org/TR/trace-context/#traceparent-header>.
const TRACEPARENT: &str = "traceparent";
/// Servers close connections that are idle (uvicorn and Node.js after 5 s). Sending on one just then
/// fails for no fault of the service, so the client closes them first.
const IDLE_CONNECTION: Duration = Duration::from_secs(4);
/// What an error says is cut to so many characters.
const LONGEST_ERROR: usize = 200;

/// What all exchanges of a run share.
pub(super) struct Session {
    pub(super) plan: Arc<Plan>,
    pub(super) clock: Clock,
    pub(super) recorder: Recorder,
    pub(super) correlator: Arc<Correlator>,
    /// Ends everything that is in flight.
    pub(super) over: CancellationToken,
    pub(super) client: Client,
    pub(super) meter: Meter,
    pub(super) secret: Secret,
    /// There are proxies between, which know of each final marker whether a node sent it.
    pub(super) markers_are_known: bool,
    in_flight: Arc<AtomicU64>,
    /// Every node is a simulated one, whose answers are known.
    pub(super) answers_are_known: bool,
    pub(super) tokenizer: Arc<Tokenizer>,
    url: Url,
}

impl Session {
    pub(super) fn new(context: LoadContext) -> Result<Self, LoadError> {
        let LoadContext { plan, clock, base_url, recorder, correlator, stop, in_flight } = context;
        let secret = Secret::read(plan.target.key.as_ref())?;
        let url = format!("{}{}", base_url.trim_end_matches('/'), plan.target.api.path());
        let url = Url::parse(&url).map_err(|error| LoadError::Address(error.to_string()))?;
        let client = client(&plan, &secret, url.scheme() == "https")?;
        let sims = plan.nodes.iter().filter(|node| matches!(node.kind, NodeKind::Sim(_))).count();
        Ok(Self {
            clock,
            recorder,
            correlator,
            // A child: the load can end what is in flight without ending the run.
            over: stop.child_token(),
            client,
            meter: Meter::new(),
            secret,
            markers_are_known: !plan.nodes.is_empty(),
            in_flight,
            tokenizer: Tokenizer::load(&plan.target.tokenizer).map_err(TrafficError::from)?,
            answers_are_known: sims > 0 && sims == plan.nodes.len(),
            url,
            plan,
        })
    }

    /// Makes a request ready to be sent.
    pub(super) fn ask(
        &self,
        id: RequestId,
        intended: Nanos,
        prompt: &Prompt,
        output_tokens: u32,
    ) -> Result<Ask, LoadError> {
        let question = Question {
            model: &self.plan.target.model,
            messages: prompt.conversation.messages(),
            tools: &prompt.tools,
            tokens: output_tokens,
            stream: self.plan.traffic.stream,
        };
        let unmade = |error: &dyn std::error::Error| LoadError::Request { id, error: error.to_string() };
        let body = dialect::body(self.plan.target.api, question).map_err(|error| unmade(&error))?;
        let trace = traceparent(self.plan.seed, id);
        let trace = HeaderValue::try_from(trace).map_err(|error| unmade(&error))?;
        let mut request = Request::new(Method::POST, self.url.clone());
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.extend(dialect::headers(self.plan.target.api));
        headers.insert(HeaderName::from_static(REQUEST_HEADER), id.0.into());
        headers.insert(HeaderName::from_static(TRACEPARENT), trace);
        *request.body_mut() = Some(Body::from(body));
        let answer = self.answers_are_known.then(|| Answer::to(&question.fixes_answer(self.plan.target.api)));
        let (input_tokens, expect) = (prompt.input_tokens, prompt.expect.clone());
        Ok(Ask { id, intended, input_tokens, output_tokens, keep: false, within: None, answer, expect, request })
    }

    /// The target, for goose, which wants to know one.
    pub(super) fn origin(&self) -> String {
        self.url.origin().ascii_serialization()
    }

    /// Waits until `at`, or until the load is over.
    pub(super) async fn until(&self, at: Nanos) {
        tokio::select! {
            () = self.clock.sleep_until(at) => {}
            () = self.over.cancelled() => {}
        }
    }

    /// Records the arrival of a request, and finds it a place among those in flight; without one it is shed.
    pub(super) fn arrive(&self, ask: &Ask) -> Option<InFlight> {
        self.recorder.record(Record::Arrival(ask.intended));
        let place = self.enter(self.plan.traffic.limits.in_flight.into());
        if place.is_none() {
            self.shed(ask);
        }
        place
    }

    /// A place among the requests in flight, unless there are `most` already.
    pub(super) fn enter(&self, most: u64) -> Option<InFlight> {
        let enter = |now| (now < most).then_some(now + 1);
        let before = self.in_flight.fetch_update(Ordering::Relaxed, Ordering::Relaxed, enter).ok()?;
        self.meter.in_flight(before + 1);
        Some(InFlight(Arc::clone(&self.in_flight)))
    }
}

/// A request in flight; it is so until this is dropped.
pub(super) struct InFlight(Arc<AtomicU64>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The target's key, if it has one. It is never shown: what errors say goes through [`Secret::tidy`].
pub(super) struct Secret(Option<String>);

impl Secret {
    fn read(key: Option<&Key>) -> Result<Self, LoadError> {
        let Some(Key { env }) = key else { return Ok(Self(None)) };
        let value = std::env::var(env).ok().filter(|value| !value.is_empty());
        match value {
            Some(value) => Ok(Self(Some(value))),
            None => Err(LoadError::KeyMissing { env: env.clone() }),
        }
    }

    /// The header that carries it, where there is one and it can be sent.
    fn header(&self, prefix: &str) -> Option<Result<HeaderValue, http::header::InvalidHeaderValue>> {
        let key = self.0.as_ref()?;
        let value = HeaderValue::try_from(format!("{prefix}{key}"));
        Some(value.map(|mut value| {
            value.set_sensitive(true);
            value
        }))
    }

    /// The text without the key, which servers like to repeat, and not longer than a row may have it.
    pub(super) fn tidy(&self, text: &str) -> String {
        match &self.0 {
            Some(key) => text.replace(key.as_str(), "[key]").chars().take(LONGEST_ERROR).collect(),
            None => text.chars().take(LONGEST_ERROR).collect(),
        }
    }
}

/// A client that does what it is told and nothing else: no proxy of the environment, no redirect, no
/// retry, no compression (which would hold events back), and a connection for every request in flight.
fn client(plan: &Plan, secret: &Secret, tls: bool) -> Result<Client, LoadError> {
    let mut headers = HeaderMap::new();
    let (name, prefix) = dialect::key_header(plan.target.api);
    if let Some(value) = secret.header(prefix) {
        headers.insert(name, value.map_err(|_| LoadError::KeyUnfit)?);
    }
    let mut client = Client::builder();
    if !tls {
        // Reading the system's certificates takes milliseconds in which the first requests are due, and
        // fails where there are none.
        client = client.tls_certs_only([]);
    }
    client
        .user_agent(concat!("squall/", env!("CARGO_PKG_VERSION")))
        .default_headers(headers)
        .no_proxy()
        .redirect(redirect::Policy::none())
        .retry(reqwest::retry::never())
        .no_gzip()
        .no_brotli()
        .no_zstd()
        .no_deflate()
        .connect_timeout(plan.traffic.limits.connect)
        .tcp_nodelay(true)
        .pool_max_idle_per_host(usize::MAX)
        .pool_idle_timeout(IDLE_CONNECTION)
        .build()
        .map_err(|error| LoadError::Client(error.without_url().to_string()))
}

/// The trace that a request begins: fixed by the seed and its id.
fn traceparent(seed: u64, id: RequestId) -> String {
    let hash = xxh3_128_with_seed(&id.0.to_le_bytes(), seed);
    // Zero means "no trace".
    let (trace, span) = (hash.max(1), (id.0 ^ seed).max(1));
    format!("00-{trace:032x}-{span:016x}-01")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_is_of_the_documented_form_and_fixed() {
        let trace = traceparent(7, RequestId(3));
        assert_eq!(trace, traceparent(7, RequestId(3)));
        assert_ne!(trace, traceparent(8, RequestId(3)));
        let parts: Vec<&str> = trace.split('-').collect();
        assert_eq!(parts.iter().map(|part| part.len()).collect::<Vec<_>>(), [2, 32, 16, 2]);
        assert!(traceparent(0, RequestId(0)).contains("-0000000000000001-"));
    }

    #[test]
    fn the_key_is_taken_out_before_the_text_is_cut() {
        let secret = Secret(Some("sk-1234567890".into()));
        let text = format!("{}sk-1234567890 is wrong", "x".repeat(195));
        let tidy = secret.tidy(&text);
        assert_eq!(tidy, format!("{}[key]", "x".repeat(195)));
        assert_eq!(Secret(None).tidy("é".repeat(300).as_str()).chars().count(), 200);
        assert!(secret.header("Bearer ").is_some_and(|value| value.is_ok_and(|value| value.is_sensitive())));
    }
}
