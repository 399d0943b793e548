//! The failover policy: one request, as many attempts as it takes and the limits allow.
//!
//! Until the first byte of an answer's body is here nothing has gone to the client, so a failed
//! attempt can be made again elsewhere. From then on the answer is what it is.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use http::{Response, StatusCode};
use http_body_util::BodyExt as _;
use tokio::task::JoinSet;

use super::budget::Budget;
use super::health;
use super::meters::Meters;
use super::pool::{Pool, Ticket, Trouble};
use super::relay::Relay;
use super::reply::{self, Body};
use super::upstream::{Answer, Failure, Outgoing, Sender, strip};
use super::{Tuning, Upstream};
use crate::api::Api;
use crate::clock::Clock;

/// The policy at work. Its health checks end with it.
#[derive(Debug)]
pub(super) struct Failover {
    nodes: Vec<Upstream>,
    tuning: Tuning,
    clock: Clock,
    budget: Budget,
    sender: Sender,
    meters: Arc<Meters>,
    pool: Arc<Pool>,
    _checks: JoinSet<()>,
}

/// How an attempt ended.
#[expect(clippy::large_enum_variant, reason = "taken apart as soon as it is returned")]
enum Ended {
    /// With the first byte of an answer.
    Answered(Answer),
    /// Without one.
    Failed(Failure),
    /// Its node was found dead while it waited; another has room.
    Moved(Ticket),
}

/// An answer that asks for another try, kept for when there is none.
struct Kept {
    answer: Answer,
    ticket: Ticket,
}

impl Failover {
    /// Starts checking the nodes at once.
    pub(super) fn start(nodes: Vec<Upstream>, tuning: Tuning, clock: Clock, meters: Arc<Meters>) -> Self {
        let pool = Pool::new(tuning, clock, Arc::clone(&meters));
        let mut checks = JoinSet::new();
        for (index, node) in nodes.iter().enumerate() {
            checks.spawn(health::check(Arc::clone(&pool), index, node.clone(), tuning));
        }
        let (budget, sender) = (Budget::new(&tuning), Sender::new(&tuning, true));
        Self { nodes, tuning, clock, budget, sender, meters, pool, _checks: checks }
    }

    /// Whether any node is known to serve.
    pub(super) fn ready(&self) -> bool {
        self.pool.any_alive()
    }

    /// For each node, whether it is fully in rotation.
    pub(super) fn healthy(&self) -> Vec<bool> {
        self.pool.healthy()
    }

    /// Answers a request by the nodes.
    pub(super) async fn forward(&self, request: &Outgoing) -> Response<Body> {
        self.budget.request(self.clock.now());
        let Some(mut ticket) = self.pool.pick(&[]) else { return no_node(request.api()) };
        let mut tried = vec![ticket.node];
        let mut kept: Option<Kept> = None;
        loop {
            let next = match self.attempt(&ticket, request, &tried).await {
                Ended::Answered(answer) if !asks_for_another(answer.head.status) => {
                    ticket.succeeded();
                    return self.pass_on(request.api(), answer, ticket, tried.len());
                }
                Ended::Answered(answer) => {
                    // 429 is no trouble: the node is well, and has enough to do.
                    if answer.head.status.is_server_error() {
                        ticket.troubled(Trouble::Failed);
                    }
                    match self.another(&tried) {
                        Some(next) => {
                            kept = Some(Kept { answer, ticket });
                            next
                        }
                        None => return self.pass_on(request.api(), answer, ticket, tried.len()),
                    }
                }
                Ended::Failed(failure) => {
                    ticket.troubled(failure.trouble());
                    match (self.another(&tried), kept.take()) {
                        (Some(next), before) => {
                            kept = before;
                            next
                        }
                        (None, Some(before)) => {
                            return self.pass_on(request.api(), before.answer, before.ticket, tried.len());
                        }
                        (None, None) => {
                            return failed(request.api(), &self.nodes[ticket.node], &failure, tried.len());
                        }
                    }
                }
                Ended::Moved(next) => next,
            };
            tried.push(next.node);
            ticket = next;
        }
    }

    async fn attempt(&self, ticket: &Ticket, request: &Outgoing, tried: &[usize]) -> Ended {
        self.meters.nodes[ticket.node].attempts.fetch_add(1, Ordering::Relaxed);
        let answer = self.sender.answer(&self.nodes[ticket.node], request);
        let answer = tokio::time::timeout(self.tuning.first_byte_timeout, answer);
        tokio::pin!(answer);
        let answer = tokio::select! {
            biased;
            answer = &mut answer => answer,
            () = ticket.node_gone() => match self.another(tried) {
                Some(next) => return Ended::Moved(next),
                // With nowhere to go, waiting may still bring an answer.
                None => answer.await,
            },
        };
        match answer {
            Ok(Ok(answer)) => Ended::Answered(answer),
            Ok(Err(failure)) => Ended::Failed(failure),
            Err(_) => Ended::Failed(Failure::Late),
        }
    }

    /// A place for one more attempt, within the limits on retries.
    fn another(&self, tried: &[usize]) -> Option<Ticket> {
        if tried.len() > self.tuning.retries as usize {
            return None;
        }
        let ticket = self.pool.pick(tried)?;
        if !self.budget.take(self.clock.now()) {
            self.meters.retries_denied.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        self.meters.retries.fetch_add(1, Ordering::Relaxed);
        Some(ticket)
    }

    fn pass_on(&self, api: Api, answer: Answer, ticket: Ticket, attempts: usize) -> Response<Body> {
        let Answer { mut head, first, rest } = answer;
        strip(&mut head.headers);
        let meters = Arc::clone(&self.meters);
        let name = self.nodes[ticket.node].name.clone();
        let relay = Relay::new(api, &head.headers, first, rest, ticket, meters);
        reply::mark(&mut head.headers, attempts, Some(&name));
        reply::passed_on(head, relay.boxed_unsync())
    }
}

/// Whether another node may answer better.
fn asks_for_another(status: StatusCode) -> bool {
    status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS
}

fn no_node(api: Api) -> Response<Body> {
    let message = "no node is healthy, or those that were are on trial; try again in a moment";
    let mut response = reply::error(api, StatusCode::SERVICE_UNAVAILABLE, "no_healthy_node", message);
    reply::mark(response.headers_mut(), 0, None);
    response
}

/// The answer when every attempt that could be made failed.
fn failed(api: Api, node: &Upstream, failure: &Failure, attempts: usize) -> Response<Body> {
    let status = match failure {
        Failure::Late => StatusCode::GATEWAY_TIMEOUT,
        Failure::Unreachable(_) | Failure::Lost(_) => StatusCode::BAD_GATEWAY,
    };
    let message = format!("{attempts} attempts failed, the last on node {}: {failure}", node.name);
    let mut response = reply::error(api, status, "all_attempts_failed", &message);
    reply::mark(response.headers_mut(), attempts, None);
    response
}
