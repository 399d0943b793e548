//! Active health checks: `GET /health` of each node, on a connection made for it, by HTTP/1.1, or by HTTP/2 of a
//! node that speaks nothing else.
//!
//! A new connection each time, since one that is kept says nothing of whether the node still accepts.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, Uri, Version};

use super::pool::{Pool, Trouble};
use super::upstream::{Failure, Outgoing, Sender};
use super::{Tuning, Upstream};

/// Checks node `index` for ever.
pub(super) async fn check(pool: Arc<Pool>, index: usize, node: Upstream, tuning: Tuning) {
    let sender = Sender::new(&tuning, false);
    let mut checks = Checks { sender, node, tuning, spoken: None };
    loop {
        pool.checked(index, checks.next().await);
        // At once when an attempt raised a doubt, but never without a pause.
        tokio::time::sleep(tuning.check_every / 10).await;
        let _ = tokio::time::timeout(tuning.check_every * 9 / 10, pool.suspected(index)).await;
    }
}

/// The health checks of a node.
struct Checks {
    sender: Sender,
    node: Upstream,
    tuning: Tuning,
    /// By which version it answered first. It is asked by no other from then on: of a node that dies, each
    /// connection that is lost would cost it a second.
    spoken: Option<Version>,
}

impl Checks {
    async fn next(&mut self) -> Result<(), Trouble> {
        let mut answer = self.ask(self.spoken.unwrap_or(Version::HTTP_11)).await;
        // What speaks HTTP/2 alone hangs up on a request by 1.1, without an answer (RFC 9113, 3.4), or says so.
        let another = match &answer {
            Ok(status) => asks_for_another(*status),
            Err(failure) => matches!(failure, Failure::Lost(_)),
        };
        let by_2 = self.spoken.is_none() && another;
        if by_2 {
            answer = self.ask(Version::HTTP_2).await;
        }
        if answer.is_ok() {
            self.spoken.get_or_insert(if by_2 { Version::HTTP_2 } else { Version::HTTP_11 });
        }
        match answer {
            Ok(status) if is_healthy(status) => Ok(()),
            Err(Failure::Unreachable(_)) => Err(Trouble::Unreachable),
            Ok(_) | Err(Failure::Lost(_) | Failure::Late) => Err(Trouble::Unhealthy),
        }
    }

    async fn ask(&self, version: Version) -> Result<StatusCode, Failure> {
        let page = Uri::from_static("/health");
        let request = Outgoing::new(Method::GET, &page, HeaderMap::new(), Bytes::new()).by(version);
        let head = self.sender.head(&self.node, &request);
        let head = tokio::time::timeout(self.tuning.check_timeout, head).await;
        Ok(head.map_err(|_| Failure::Late)??.status())
    }
}

/// It does not speak the version that it was asked by.
fn asks_for_another(status: StatusCode) -> bool {
    status == StatusCode::UPGRADE_REQUIRED || status == StatusCode::HTTP_VERSION_NOT_SUPPORTED
}

/// A node that has no such page is taken for healthy, since it answers.
fn is_healthy(status: StatusCode) -> bool {
    status.is_success() || status == StatusCode::NOT_FOUND || status == StatusCode::METHOD_NOT_ALLOWED
}
