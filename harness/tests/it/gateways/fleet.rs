//! The gateway's nodes: which of them are well, which of them wants to be left alone, whose turn it is.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use parking_lot::Mutex;
use squall::clock::{Clock, Nanos};
use tokio::task::JoinSet;

use super::defect::Defect;
use super::manner::Manner;

/// Between two health checks of a node.
const CHECK_EVERY: Duration = Duration::from_millis(50);
/// An answer that has not begun by then does not come.
const PATIENCE: Duration = Duration::from_secs(2);
/// Of a gateway that works for nobody, so that a run of seconds shows it.
const SHORT_PATIENCE: Duration = Duration::from_millis(700);
/// For how long the defects that follow a death or a return go on.
const HERD_FOR: Duration = Duration::from_secs(2);
const FORGETS: std::ops::Range<Duration> = Duration::from_millis(1_600)..Duration::from_millis(2_400);
const SLOW_FOR: Duration = Duration::from_millis(1_800);

type Http = Client<HttpConnector, Full<Bytes>>;

/// Nodes beyond these serve another model.
const NODES: usize = 3;

/// The nodes of one run.
pub(super) struct Fleet {
    pub(super) defect: Option<Defect>,
    pub(super) manner: Manner,
    nodes: Vec<Node>,
    clock: Clock,
    http: Http,
    turn: AtomicUsize,
    /// The node of each conversation, by its first message.
    homes: Mutex<HashMap<u64, usize>>,
    /// Clients whose connections stay open though nobody uses them again.
    leaked: Mutex<Vec<Http>>,
    wrongs: AtomicU64,
    checks: Mutex<JoinSet<()>>,
}

struct Node {
    origin: String,
    state: Mutex<State>,
}

#[derive(Clone, Copy, Default)]
struct State {
    down_since: Option<Nanos>,
    died: Option<Nanos>,
    back_since: Option<Nanos>,
    waits_until: Nanos,
}

/// Why an attempt came to nothing.
pub(super) struct Failed;

impl Fleet {
    pub(super) fn start(origins: Vec<String>, defect: Option<Defect>, manner: Manner) -> Arc<Self> {
        let nodes = origins.into_iter().map(|origin| Node { origin, state: Mutex::default() }).collect();
        let fleet = Arc::new(Self {
            defect,
            manner,
            nodes,
            clock: Clock::start(),
            http: http(),
            turn: AtomicUsize::new(0),
            homes: Mutex::default(),
            leaked: Mutex::default(),
            wrongs: AtomicU64::new(0),
            checks: Mutex::new(JoinSet::new()),
        });
        for index in 0..fleet.nodes.len() {
            let checked = Arc::downgrade(&fleet);
            fleet.checks.lock().spawn(async move {
                while let Some(fleet) = checked.upgrade() {
                    fleet.check(index).await;
                    drop(fleet);
                    tokio::time::sleep(CHECK_EVERY).await;
                }
            });
        }
        fleet
    }

    pub(super) fn has(&self, origins: &[String]) -> bool {
        self.nodes.iter().map(|node| &node.origin).eq(origins)
    }

    pub(super) fn is(&self, defect: Defect) -> bool {
        self.defect == Some(defect)
    }

    /// It did what it should not.
    pub(super) fn wrong(&self) -> u64 {
        self.wrongs.fetch_add(1, Ordering::Relaxed)
    }

    pub(super) fn wrongs(&self) -> u64 {
        self.wrongs.load(Ordering::Relaxed)
    }

    /// The node for the next attempt of a conversation; none where all were tried, are down, or wait.
    pub(super) fn pick(&self, conversation: u64, tried: &[usize]) -> Option<usize> {
        let now = self.clock.now();
        let fit = |index: &usize| !tried.contains(index) && self.fit(*index, now);
        let mut homes = self.homes.lock();
        let count = self.nodes.len().min(NODES);
        if let Some(herd) = (0..count).find(|index| fit(index) && self.draws_a_herd(*index, now)) {
            self.wrong();
            return Some(herd);
        }
        if let Some(home) = homes.get(&conversation).filter(|home| fit(home)) {
            if !self.is(Defect::LosesSessions) {
                return Some(*home);
            }
            self.wrong();
        }
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let next = (0..count).map(|step| (turn + step) % count).find(fit)?;
        homes.insert(conversation, next);
        Some(next)
    }

    fn fit(&self, index: usize, now: Nanos) -> bool {
        let state = *self.nodes[index].state.lock();
        if state.waits_until > now {
            return false;
        }
        let Some(down) = state.down_since else {
            let shunned = self.is(Defect::NeverGoesBack) && state.died.is_some();
            if shunned {
                self.wrong();
            }
            return !shunned;
        };
        let defies = match self.defect {
            Some(Defect::KeepsSendingToTheDead) => true,
            Some(Defect::ForgetsTheDead) => FORGETS.contains(&(now - down)),
            _ => false,
        };
        if defies {
            self.wrong();
        }
        defies
    }

    fn draws_a_herd(&self, index: usize, now: Nanos) -> bool {
        let back = self.nodes[index].state.lock().back_since;
        self.is(Defect::HerdsToTheReturned) && back.is_some_and(|back| now - back < HERD_FOR)
    }

    /// A death is so fresh that a gateway which is slow to recover turns requests away.
    pub(super) fn shaken(&self) -> bool {
        let now = self.clock.now();
        let fresh = |node: &Node| node.state.lock().died.is_some_and(|died| now - died < SLOW_FOR);
        self.is(Defect::RecoversSlowly) && self.nodes.iter().any(fresh)
    }

    /// One attempt.
    pub(super) async fn send(
        &self,
        index: usize,
        head: &http::request::Parts,
        body: Bytes,
    ) -> Result<Response<Incoming>, Failed> {
        let patience = if self.is(Defect::OutlivesItsClient) { SHORT_PATIENCE } else { PATIENCE };
        let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
        let (headers, body) = self.manner.onward(&head.headers, &body);
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = head.method.clone();
        *request.uri_mut() = format!("{}{path}", self.nodes[index].origin).parse().map_err(|_| Failed)?;
        *request.headers_mut() = headers;
        match tokio::time::timeout(patience, self.http().request(request)).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(_)) => {
                self.down(index);
                Err(Failed)
            }
            Err(_) => Err(Failed),
        }
    }

    fn http(&self) -> Http {
        if !self.is(Defect::LeaksConnections) {
            return self.http.clone();
        }
        self.wrong();
        let another = http();
        self.leaked.lock().push(another.clone());
        another
    }

    /// It can't be reached, or it broke off.
    pub(super) fn down(&self, index: usize) {
        let now = self.clock.now();
        let mut state = self.nodes[index].state.lock();
        if state.down_since.is_none() {
            state.down_since = Some(now);
            state.died = Some(now);
        }
    }

    /// It asks to be left alone for so long.
    pub(super) fn waits(&self, index: usize, wait: Duration) {
        let until = self.clock.now() + wait;
        self.nodes[index].state.lock().waits_until = until;
    }

    async fn check(&self, index: usize) {
        let Ok(uri) = format!("{}/health", self.nodes[index].origin).parse() else { return };
        let asked = tokio::time::timeout(PATIENCE, self.http.get(uri)).await;
        if asked.is_ok_and(|answer| answer.is_ok_and(|answer| answer.status().is_success())) {
            let mut state = self.nodes[index].state.lock();
            if state.down_since.take().is_some() {
                state.back_since = Some(self.clock.now());
            }
        } else {
            self.down(index);
        }
    }
}

fn http() -> Http {
    // A connection that died while idle is an attempt that failed: it is for the gateway to make another.
    Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .retry_canceled_requests(false)
        .build_http()
}
