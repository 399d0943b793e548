//! Which request an attempt serves, and what its attempts did: the join of the two ledgers, live.
//!
//! The load generator opens a request and closes it; the proxies report the attempts between.
//!
//! Invariant: a proxy reports before it writes. Whatever a client has seen, the join knows already.

mod identity;

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use crate::name::{NodeName, RequestId};

pub use identity::{
    KnownBy, REQUEST_HEADER, TRACE_HEADER, find_tag, find_trace, identify, last_tag, tag, traceparent,
};

/// The header that marks a hedge: the second send of a request whose first is still waited for.
pub const HEDGE_HEADER: &str = "x-squall-hedge";
/// The header in which a gateway may say how many attempts it made for this answer.
pub const ATTEMPTS_HEADER: &str = "x-squall-attempts";

/// Finished requests that are remembered, so that an attempt made after the end is known as such.
const REMEMBERED: usize = 65_536;
const SHARDS: usize = 16;

/// What the proxies saw of one request until it ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Joined {
    /// Attempts that reached a node.
    pub attempts: u32,
    /// The node whose answer was passed on last.
    pub node: Option<NodeName>,
    /// A verdict other than pass touched an attempt, or its node died under it.
    pub touched: bool,
    /// A node sent the final marker of a stream, or a whole answer without streaming.
    pub genuine_marker: bool,
    /// No attempt is known to be this request's, while there were some whose request nobody can tell: what a
    /// node sent for it is then not known.
    pub untold: bool,
}

/// Which of a request's sends an attempt serves. One whose header was dropped on the way counts as the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Which {
    /// The only one, or the one that was sent first.
    #[default]
    First,
    /// A hedge.
    Hedge,
}

/// An attempt's place among those of its request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seat {
    /// 0 for the first attempt of the request that the harness saw, 1 for the next.
    pub ordinal: u32,
    /// The client had its end already when this attempt came.
    pub after_end: bool,
}

/// A request that is open: its join, and what its hedge came to.
#[derive(Default)]
struct Open {
    joined: Joined,
    hedge: Option<Said>,
}

/// What attempts for a hedge said.
#[derive(Default)]
struct Said {
    node: Option<NodeName>,
    genuine_marker: bool,
}

#[derive(Default)]
struct Shard {
    open: HashMap<RequestId, Open>,
    /// Attempts so far of requests that ended, and the order in which to forget them.
    ended: HashMap<RequestId, u32>,
    order: VecDeque<RequestId>,
}

impl Shard {
    fn remember(&mut self, id: RequestId, attempts: u32) {
        if self.ended.insert(id, attempts).is_none() {
            self.order.push_back(id);
        }
        if self.order.len() > REMEMBERED / SHARDS
            && let Some(oldest) = self.order.pop_front()
        {
            self.ended.remove(&oldest);
        }
    }
}

/// The live join, shared by the load generator and every proxy.
#[derive(Default)]
pub struct Correlator {
    shards: [Mutex<Shard>; SHARDS],
    /// Attempts so far whose request nobody can tell.
    untold: AtomicU64,
}

impl Correlator {
    /// A join without requests.
    pub fn new() -> Self {
        Self::default()
    }

    fn shard(&self, id: RequestId) -> &Mutex<Shard> {
        &self.shards[(id.0 % SHARDS as u64) as usize]
    }

    /// The load generator is about to send `id`.
    pub fn begin(&self, id: RequestId) {
        self.shard(id).lock().open.insert(id, Open::default());
    }

    /// The load generator is about to send `id` again: what earlier sends came to says nothing of this one,
    /// only how many attempts they took and whether one was touched.
    pub fn again(&self, id: RequestId) {
        self.update(id, |open| {
            open.joined.node = None;
            open.joined.genuine_marker = false;
            open.hedge = None;
        });
    }

    /// An attempt for `id` reached a node's proxy.
    pub fn attempt(&self, id: RequestId) -> Seat {
        let mut shard = self.shard(id).lock();
        if let Some(Open { joined, .. }) = shard.open.get_mut(&id) {
            joined.attempts += 1;
            return Seat { ordinal: joined.attempts - 1, after_end: false };
        }
        let attempts = shard.ended.get(&id).copied().unwrap_or_default();
        shard.remember(id, attempts + 1);
        Seat { ordinal: attempts, after_end: true }
    }

    /// An attempt reached a node's proxy, and nobody can tell for which request.
    pub fn untold(&self) {
        self.untold.fetch_add(1, Ordering::Relaxed);
    }

    /// A fault's verdict, or the death of its node, touched an attempt of `id`.
    pub fn touch(&self, id: RequestId) {
        self.update(id, |open| open.joined.touched = true);
    }

    /// The response of `node` is about to be passed on.
    pub fn answered(&self, id: RequestId, which: Which, node: &NodeName) {
        self.update(id, |open| match which {
            Which::First => open.joined.node = Some(node.clone()),
            Which::Hedge => open.hedge.get_or_insert_default().node = Some(node.clone()),
        });
    }

    /// The node's own final marker is about to be passed on.
    pub fn marker(&self, id: RequestId, which: Which) {
        self.update(id, |open| match which {
            Which::First => open.joined.genuine_marker = true,
            Which::Hedge => open.hedge.get_or_insert_default().genuine_marker = true,
        });
    }

    /// The client's exchange ended, with the answer to `which`; what its attempts did until now.
    pub fn finish(&self, id: RequestId, which: Which) -> Joined {
        let mut shard = self.shard(id).lock();
        let Open { mut joined, hedge } = shard.open.remove(&id).unwrap_or_default();
        if let (Which::Hedge, Some(Said { node, genuine_marker })) = (which, hedge) {
            joined = Joined { node, genuine_marker, ..joined };
        }
        shard.remember(id, joined.attempts);
        joined.untold = joined.attempts == 0 && self.untold.load(Ordering::Relaxed) > 0;
        joined
    }

    fn update(&self, id: RequestId, change: impl FnOnce(&mut Open)) {
        if let Some(open) = self.shard(id).lock().open.get_mut(&id) {
            change(open);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_before_and_after_the_end_are_told_apart() {
        let join = Correlator::new();
        let id = RequestId(1);
        join.begin(id);
        assert_eq!(join.attempt(id), Seat { ordinal: 0, after_end: false });
        join.touch(id);
        assert_eq!(join.attempt(id), Seat { ordinal: 1, after_end: false });
        join.answered(id, Which::First, &"b".into());
        join.marker(id, Which::First);
        let joined = join.finish(id, Which::First);
        assert_eq!(
            joined,
            Joined {
                attempts: 2,
                node: Some("b".into()),
                touched: true,
                genuine_marker: true,
                untold: false
            }
        );
        join.begin(RequestId(2));
        join.attempt(RequestId(2));
        join.marker(RequestId(2), Which::First);
        join.again(RequestId(2));
        assert_eq!(join.finish(RequestId(2), Which::First), Joined { attempts: 1, ..Joined::default() });
        assert_eq!(join.attempt(id), Seat { ordinal: 2, after_end: true });
    }

    #[test]
    fn a_request_without_attempts_is_unknown_once_some_can_be_nobody_s() {
        let join = Correlator::new();
        let ends = |id| {
            join.begin(RequestId(id));
            join.finish(RequestId(id), Which::First).untold
        };
        assert!(!ends(1), "no node was asked");
        join.untold();
        assert!(ends(2));
        join.begin(RequestId(3));
        join.attempt(RequestId(3));
        assert!(!join.finish(RequestId(3), Which::First).untold, "its own attempt is known");
    }

    #[test]
    fn what_a_hedge_came_to_counts_where_its_answer_was_taken() {
        let join = Correlator::new();
        for (which, node, genuine_marker) in [(Which::First, "a", false), (Which::Hedge, "b", true)] {
            let id = RequestId(3);
            join.begin(id);
            join.attempt(id);
            join.attempt(id);
            join.answered(id, Which::Hedge, &"b".into());
            join.answered(id, Which::First, &"a".into());
            join.marker(id, Which::Hedge);
            let expected =
                Joined { attempts: 2, node: Some(node.into()), genuine_marker, ..Joined::default() };
            assert_eq!(join.finish(id, which), expected);
        }
        // A gateway dropped the header: whatever is known is the request's.
        join.begin(RequestId(4));
        join.answered(RequestId(4), Which::First, &"a".into());
        assert_eq!(join.finish(RequestId(4), Which::Hedge).node, Some("a".into()));
    }
}
