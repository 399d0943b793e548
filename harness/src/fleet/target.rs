//! The target: what the load is sent to.

use std::sync::Arc;

use super::launch::Launcher;
use super::process::Process;
use super::{Fleet, FleetError};
use crate::scenario::plan::{Entry, Header, HeaderSource, Plan, RouterPolicy};

/// A target that is ready.
pub struct Target {
    /// Its base URL, up to and with `/v1`.
    pub base_url: String,
    process: Option<Process>,
}

impl Target {
    /// Starts the target of `plan` over a fleet that is ready.
    pub async fn start(plan: &Plan, fleet: &Fleet, launcher: &Launcher) -> Result<Self, FleetError> {
        match &plan.target.entry {
            Entry::Router(policy) => router(*policy, fleet, launcher).await,
            Entry::Url(urls) => {
                // The load knows the others by the plan.
                let base_url = urls.first().map(|url| url.trim_end_matches('/').to_owned());
                Ok(Self { base_url: base_url.unwrap_or_default(), process: None })
            }
            Entry::Node(node) => {
                let base_url = fleet.proxied_url(node).unwrap_or_default();
                Ok(Self { base_url, process: None })
            }
            Entry::Command(command) => {
                let nodes: Vec<_> = fleet
                    .proxied_origins()
                    .into_iter()
                    .map(|(name, origin)| (name.to_string(), format!("{origin}/v1")))
                    .collect();
                let (process, ready) = launcher.command("target", command, &nodes).await?;
                Ok(Self { base_url: format!("{}/v1", origin(&ready)), process: Some(process) })
            }
        }
    }

    /// Waits until the target's process ends by itself; for ever when it has none.
    pub async fn ended(&self) {
        match &self.process {
            Some(process) => {
                let _ = process.exit().wait_for(Option::is_some).await;
            }
            None => std::future::pending().await,
        }
    }

    /// Ends what was started for it.
    pub async fn shut_down(self) {
        if let Some(process) = self.process {
            process.end().await;
        }
    }
}

/// The plan with the addresses of nodes in the target's headers, where these name any (`{node.a}`): some gateways
/// are told by each request where their nodes are.
pub fn with_addresses(plan: &Arc<Plan>, fleet: &Fleet) -> Arc<Plan> {
    let names_one =
        |header: &Header| matches!(&header.value, HeaderSource::Text(text) if text.contains("{node."));
    if !plan.target.access.headers.iter().any(names_one) {
        return Arc::clone(plan);
    }
    let mut told = Plan::clone(plan);
    for header in &mut told.target.access.headers {
        if let HeaderSource::Text(text) = &mut header.value {
            for (name, origin) in fleet.proxied_origins() {
                *text = text.replace(&format!("{{node.{name}}}"), &format!("{origin}/v1"));
            }
        }
    }
    Arc::new(told)
}

async fn router(policy: RouterPolicy, fleet: &Fleet, launcher: &Launcher) -> Result<Target, FleetError> {
    let mut argv =
        vec![launcher.program.display().to_string(), "router".into(), "--listen=127.0.0.1:0".into()];
    argv.extend(fleet.proxied_origins().into_iter().map(|(name, origin)| format!("--node={name}={origin}")));
    if !policy.failover {
        argv.push("--no-failover".into());
    }
    let (process, address) = launcher.own_server("router", &argv).await?;
    launcher.wait_ready(&process, &format!("http://{address}/health"), super::launch::ROUTER_READY).await?;
    Ok(Target { base_url: format!("http://{address}/v1"), process: Some(process) })
}

/// The scheme, host and port of a URL.
fn origin(url: &str) -> String {
    reqwest::Url::parse(url).map_or_else(|_| url.to_owned(), |url| url.origin().ascii_serialization())
}
