//! What clients do about failure, as flags: `[traffic.client]`, and the URLs that they turn to.

use super::text::{Text, quoted, seconds};

/// What clients do about failure.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Clients")]
pub(super) struct ClientArgs {
    /// Send a request again, so often at most, when it fails before any content has come
    #[arg(long, value_name = "N", visible_alias = "max-retries")]
    retries: Option<u32>,
    /// Send a request a second time when no content has come by then, and take the answer that begins first
    #[arg(long, value_name = "DURATION")]
    hedge_after: Option<String>,
    /// Leave after this time, as a reader who has seen enough; that is no failure of the service
    #[arg(long, value_name = "DURATION")]
    leave_after: Option<String>,
    /// Leave with so many tokens
    #[arg(long, value_name = "N")]
    leave_with_tokens: Option<u32>,
    /// The base URL that a request goes to when it is sent again; may be given more than once
    #[arg(long, value_name = "URL")]
    also: Vec<String>,
}

impl ClientArgs {
    /// The line of `[target]`.
    pub(super) fn target(&self, text: &mut Text) {
        if !self.also.is_empty() {
            let urls: Vec<String> =
                self.also.iter().map(|url| quoted(&super::address::Address::of(url).base)).collect();
            text.line(&format!("also = [{}]", urls.join(", ")), "--also");
        }
    }

    /// The table `[traffic.client]`, if any of it is given.
    pub(super) fn table(&self, text: &mut Text) {
        let retries = self.retries.map(|retries| retries.saturating_add(1));
        let leave = [
            self.leave_after.as_deref().map(|after| format!("after = {}", quoted(&seconds(after)))),
            self.leave_with_tokens.map(|tokens| format!("tokens = {tokens}")),
        ];
        let leave: Vec<String> = leave.into_iter().flatten().collect();
        let leave = (!leave.is_empty()).then(|| leave.join(", "));
        let hedge = self.hedge_after.as_deref();
        if retries.is_none() && hedge.is_none() && leave.is_none() {
            return;
        }
        text.head("[traffic.client]");
        if let Some(attempts) = retries {
            text.line(&format!("retries = {{ attempts = {attempts} }}"), "--retries, and the first");
        }
        if let Some(after) = hedge {
            text.line(&format!("hedge = {{ after = {} }}", quoted(&seconds(after))), "--hedge-after");
        }
        if let Some(leave) = leave {
            text.line(&format!("leave = {{ {leave} }}"), "--leave-after, --leave-with-tokens");
        }
    }
}
