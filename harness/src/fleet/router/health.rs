//! Active health checks: `GET /health` of each node, on a connection made for it.
//!
//! A new connection each time, since one that is kept says nothing of whether the node still accepts.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, Uri};

use super::pool::{Pool, Trouble};
use super::upstream::{Failure, Outgoing, Sender};
use super::{Tuning, Upstream};

/// Checks node `index` for ever.
pub(super) async fn check(pool: Arc<Pool>, index: usize, node: Upstream, tuning: Tuning) {
    let sender = Sender::new(&tuning, false);
    let request = Outgoing::new(Method::GET, &Uri::from_static("/health"), HeaderMap::new(), Bytes::new());
    loop {
        let result = match tokio::time::timeout(tuning.check_timeout, sender.head(&node, &request)).await {
            Ok(Ok(response)) if is_healthy(response.status()) => Ok(()),
            Ok(Err(Failure::Unreachable(_))) => Err(Trouble::Unreachable),
            Ok(Ok(_) | Err(_)) | Err(_) => Err(Trouble::Unhealthy),
        };
        pool.checked(index, result);
        // At once when an attempt raised a doubt, but never without a pause.
        tokio::time::sleep(tuning.check_every / 10).await;
        let _ = tokio::time::timeout(tuning.check_every * 9 / 10, pool.suspected(index)).await;
    }
}

/// A node that has no such page is taken for healthy, since it answers.
fn is_healthy(status: StatusCode) -> bool {
    status.is_success() || status == StatusCode::NOT_FOUND || status == StatusCode::METHOD_NOT_ALLOWED
}
