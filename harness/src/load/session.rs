//! What all exchanges of a run share: the HTTP client, the key, and whom to tell.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::header::{ACCEPT_ENCODING, CONTENT_TYPE, HeaderName, HeaderValue};
use reqwest::{Body, Certificate, Client, Method, Request, Url, redirect};
use tokio_util::sync::CancellationToken;

use super::dialect::{self, Question};
use super::exchange::Ask;
use super::meter::Meter;
use super::{LoadContext, LoadError};
use crate::access::{self, AccessError, Secrets};
use crate::answer::Answer;
use crate::clock::{Clock, Nanos};
use crate::correlation::{Correlator, REQUEST_HEADER, TRACE_HEADER, traceparent};
use crate::name::RequestId;
use crate::record::{Record, Recorder};
use crate::scenario::plan::{Entry, Http, NodeKind, Plan};
use crate::tokens::Tokenizer;
use crate::traffic::{Prompt, TrafficError};

/// Servers close connections that are idle (uvicorn and Node.js after 5 s). Sending on one just then
/// fails for no fault of the service, so the client closes them first.
const IDLE_CONNECTION: Duration = Duration::from_secs(4);
/// Not compressed.
pub(super) const IDENTITY: HeaderValue = HeaderValue::from_static("identity");
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
    secrets: Secrets,
    /// There are proxies between, which know of each final marker whether a node sent it.
    pub(super) markers_are_known: bool,
    pub(super) in_flight: Arc<AtomicU64>,
    /// Every node is a simulated one, whose answers are known.
    pub(super) answers_are_known: bool,
    pub(super) tokenizer: Arc<Tokenizer>,
    /// Where requests go: each send to the next.
    urls: Vec<Url>,
}

impl Session {
    pub(super) fn new(context: LoadContext) -> Result<Self, LoadError> {
        let LoadContext { plan, clock, base_url, recorder, correlator, stop, in_flight } = context;
        let access = plan.nodes.iter().map(|node| &node.access).chain([&plan.target.access]);
        let secrets = Secrets::of(access)?;
        let url = |base: &String| {
            let url = format!("{}{}", base.trim_end_matches('/'), plan.target.api.path());
            Url::parse(&url).map_err(|error| LoadError::Address(error.to_string()))
        };
        let more = match &plan.target.entry {
            Entry::Url(urls) => urls.get(1..).unwrap_or_default(),
            Entry::Router(_) | Entry::Command(_) | Entry::Node(_) => &[],
        };
        let urls: Vec<Url> = [&base_url].into_iter().chain(more).map(url).collect::<Result<_, _>>()?;
        let client = client(&plan, urls.iter().any(|url| url.scheme() == "https"))?;
        let sims = plan.nodes.iter().filter(|node| matches!(node.kind, NodeKind::Sim(_))).count();
        Ok(Self {
            clock,
            recorder,
            correlator,
            // A child: the load can end what is in flight without ending the run.
            over: stop.child_token(),
            client,
            meter: Meter::new(),
            secrets,
            markers_are_known: !plan.nodes.is_empty(),
            in_flight,
            tokenizer: Tokenizer::load(&plan.target.tokenizer).map_err(TrafficError::from)?,
            answers_are_known: sims > 0 && sims == plan.nodes.len(),
            urls,
            plan,
        })
    }

    /// Where a request goes after so many sends.
    pub(super) fn url(&self, sends: u32) -> &Url {
        &self.urls[sends as usize % self.urls.len()]
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
        let mut request = Request::new(Method::POST, self.url(0).clone());
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.extend(dialect::headers(self.plan.target.api));
        headers.insert(HeaderName::from_static(REQUEST_HEADER), id.0.into());
        headers.insert(HeaderName::from_static(TRACE_HEADER), trace);
        *request.body_mut() = Some(Body::from(body));
        let answer = self.answers_are_known.then(|| Answer::to(&question.fixes_answer(self.plan.target.api)));
        let (input_tokens, expect) = (prompt.input_tokens, prompt.expect.clone());
        Ok(Ask {
            id,
            intended,
            input_tokens,
            output_tokens,
            keep: false,
            within: None,
            answer,
            expect,
            request,
        })
    }

    /// What an error says, without secrets, and not longer than a row may have it.
    pub(super) fn tidy(&self, error: &str) -> String {
        self.secrets.tidy(error, LONGEST_ERROR)
    }

    /// The target, for goose, which wants to know one.
    pub(super) fn origin(&self) -> String {
        self.url(0).origin().ascii_serialization()
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

/// A client that does what it is told and nothing else: no proxy of the environment, no redirect, no
/// retry, and a connection for every request in flight. It asks for nothing compressed, which would hold events
/// back; a server that compresses by gzip nonetheless is understood.
fn client(plan: &Plan, tls: bool) -> Result<Client, LoadError> {
    let mut headers = access::headers(&plan.target.access, plan.target.api)?;
    if !headers.contains_key(ACCEPT_ENCODING) {
        headers.insert(ACCEPT_ENCODING, IDENTITY);
    }
    let client = match plan.target.http {
        None => Client::builder(),
        Some(Http::One) => Client::builder().http1_only(),
        Some(Http::Two) => Client::builder().http2_prior_knowledge(),
    };
    let client = match &plan.target.access.ca {
        Some(path) => client.tls_certs_only(authorities(path)?),
        None if tls => client,
        // Reading the system's certificates takes milliseconds in which the first requests are due, and
        // fails where there are none.
        None => client.tls_certs_only([]),
    };
    client
        .user_agent(concat!("squall/", env!("CARGO_PKG_VERSION")))
        .default_headers(headers)
        .no_proxy()
        .redirect(redirect::Policy::none())
        .retry(reqwest::retry::never())
        .gzip(true)
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

fn authorities(path: &Path) -> Result<Vec<Certificate>, AccessError> {
    let unfit = |why: String| AccessError::Certificates { path: path.to_owned(), why };
    let all = Certificate::from_pem_bundle(&access::certificates(path)?)
        .map_err(|error| unfit(error.without_url().to_string()))?;
    if all.is_empty() { Err(unfit("there are none in it".into())) } else { Ok(all) }
}
