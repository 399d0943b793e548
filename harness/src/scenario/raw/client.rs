//! What a client does about failure, as it is typed.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::super::place::Placed;
use super::{DurationText, NumberOrText};

/// What a client does about failure, and when it leaves.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "client")]
pub(in crate::scenario) struct Client {
    /// Send again what failed before any content had come.
    #[schemars(example = json!({"attempts": 3, "base": "500ms", "max": "8s"}))]
    pub(in crate::scenario) retries: Option<Placed<Retries>>,
    /// Send a second time what has not begun to be answered, and take the answer that begins first.
    #[schemars(example = json!({"after": "400ms"}))]
    pub(in crate::scenario) hedge: Option<Placed<Hedge>>,
    /// Leave on purpose, as a reader who has seen enough; that is no failure of the service.
    #[schemars(example = json!({"after": "10s"}))]
    pub(in crate::scenario) leave: Option<Placed<Leave>>,
}

/// How a client sends again what failed.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "retries")]
pub(in crate::scenario) struct Retries {
    /// Sends of one request at most, the first included.
    #[schemars(example = 3)]
    pub(in crate::scenario) attempts: Placed<u32>,
    /// The wait before the second send, doubled before each after it; `500ms` when it is left out.
    #[schemars(example = &"500ms")]
    pub(in crate::scenario) base: Option<Placed<DurationText>>,
    /// The longest wait; `8s` when it is left out.
    #[schemars(example = &"8s")]
    pub(in crate::scenario) max: Option<Placed<DurationText>>,
    /// Draw each wait from its half up, so that clients do not come back all at once; `true` when it is left out.
    #[schemars(example = false)]
    #[serde(default = "super::words::yes")]
    pub(in crate::scenario) jitter: bool,
    /// After what: HTTP statuses, `connect` (no connection), `broken` (before any content), `timeout`. When it is
    /// left out, what the SDKs of providers have: 408, 409, 429, 500, 502, 503, 504 and the three words.
    #[schemars(example = json!([429, 503, "connect"]))]
    pub(in crate::scenario) on: Option<Vec<Placed<NumberOrText>>>,
    /// Wait as long as `Retry-After` says, up to a minute; `true` when it is left out.
    #[schemars(example = false)]
    #[serde(default = "super::words::yes")]
    pub(in crate::scenario) retry_after: bool,
}

/// When a client sends a request a second time while it waits for the first: to the next of the target's URLs,
/// where it has several. The answer whose content begins first is taken, the other send is cancelled.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "hedge")]
pub(in crate::scenario) struct Hedge {
    /// From a send, if no content has come by then; the p95 of the time to first token is usual.
    #[schemars(example = &"400ms")]
    pub(in crate::scenario) after: Placed<DurationText>,
}

/// When a client leaves on purpose: after a time, or with so many tokens, whichever is first.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "leave")]
pub(in crate::scenario) struct Leave {
    /// From the first send.
    #[schemars(example = &"10s")]
    pub(in crate::scenario) after: Option<Placed<DurationText>>,
    /// Events with content.
    #[schemars(example = 20)]
    pub(in crate::scenario) tokens: Option<Placed<u32>>,
}
