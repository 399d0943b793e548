//! Starting the processes of the fleet, and waiting until they are ready.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::time::Duration;

use super::FleetError;
use super::process::{Output, Process};
use super::reaper::Reaper;
use crate::proxy::Manner;
use crate::scenario::plan::{Command, Http, NodeKind, NodePlan, SimSpec};
use crate::tls::{Tls, TlsError};

/// Between two looks at whether a process is ready.
const READY_POLL: Duration = Duration::from_millis(25);
/// How long one such look may take.
const READY_PROBE: Duration = Duration::from_secs(2);
/// How long one of Squall's own servers may take to listen; its cold start comes on top.
const LISTEN_WITHIN: Duration = Duration::from_secs(20);

/// How long the router may take until a node is healthy for it.
pub(super) const ROUTER_READY: Duration = Duration::from_secs(20);

/// What every start needs.
#[derive(Clone)]
pub struct Launcher {
    /// Squall's own program, for its other verbs.
    pub program: PathBuf,
    /// The folder for logs.
    pub logs: PathBuf,
    /// The scenario's folder, for `{dir}`.
    pub scenario_dir: PathBuf,
    /// The model that simulated nodes serve.
    pub model: String,
    /// Ends what is left when the harness is gone.
    pub reaper: Reaper,
    /// For readiness checks.
    pub http: reqwest::Client,
}

/// A node's process, once it is ready; none for a node that runs elsewhere.
pub(super) struct Launched {
    pub(super) process: Option<Process>,
    pub(super) address: SocketAddr,
    /// How its proxy is to speak to it.
    pub(super) manner: Manner,
}

/// How a node that runs elsewhere is spoken to. By TLS it is asked by its own name, as its certificate has it.
fn manner(origin: &str, node: &NodePlan) -> Result<Manner, TlsError> {
    let access = &node.access;
    let mut manner = Manner::with(access, node.http)?;
    if let Ok(url) = reqwest::Url::parse(origin)
        && url.scheme() == "https"
        && let Some(host) = url.host_str()
    {
        manner.tls = Some(Tls::new(host, access.ca.as_deref())?);
        let authority = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        manner.host = http::HeaderValue::try_from(authority).ok();
    }
    Ok(manner)
}

impl Launcher {
    /// Starts a node and waits until it is ready.
    pub(super) async fn node(&self, node: &NodePlan) -> Result<Launched, FleetError> {
        let who = node.name.as_str();
        match &node.kind {
            NodeKind::Sim(spec) => {
                let mut launched = self.sim(who, spec).await?;
                launched.manner.http = node.http;
                Ok(launched)
            }
            NodeKind::Command(command) => {
                let (process, ready) = self.command(who, command, &[]).await?;
                let address = address_of(who, &ready).await?;
                let manner = Manner::with(&node.access, node.http)?;
                Ok(Launched { process: Some(process), address, manner })
            }
            NodeKind::Url(origin) => {
                let address = address_of(who, origin).await?;
                let unreachable =
                    |why: String| FleetError::Unreachable { who: who.into(), url: origin.clone(), why };
                let stream = tokio::net::TcpStream::connect(address).await;
                let stream = stream.map_err(|error| unreachable(error.to_string()))?;
                let manner = manner(origin, node)?;
                if let Some(tls) = &manner.tls {
                    let secured =
                        tokio::time::timeout(READY_PROBE, tls.secure(stream, node.http.unwrap_or(Http::One)))
                            .await;
                    let secured = secured.map_err(|_| unreachable("it does not answer by TLS".into()))?;
                    secured.map_err(|error| unreachable(error.to_string()))?;
                }
                Ok(Launched { process: None, address, manner })
            }
        }
    }

    async fn sim(&self, who: &str, spec: &SimSpec) -> Result<Launched, FleetError> {
        let duration = |d: Duration| humantime::format_duration(d).to_string().replace(' ', "");
        let argv = [
            self.program.display().to_string(),
            "sim".into(),
            format!("--name={who}"),
            format!("--model={}", self.model),
            format!("--ttft={}", duration(spec.ttft)),
            format!("--itl={}", duration(spec.itl)),
            format!("--prefill={}", spec.prefill),
            format!("--slots={}", spec.slots),
            format!("--queue={}", spec.queue),
            format!("--slowdown={}", spec.slowdown),
            format!("--cold-start={}", duration(spec.cold_start)),
            "--listen=127.0.0.1:0".into(),
        ];
        let (process, address) = self.own_server(who, &argv).await?;
        let health = format!("http://{address}/health");
        self.wait_ready(&process, &health, spec.cold_start + LISTEN_WITHIN).await?;
        Ok(Launched { process: Some(process), address, manner: Manner::default() })
    }

    /// Starts one of Squall's own servers and learns where it listens.
    pub(super) async fn own_server(
        &self,
        who: &str,
        argv: &[String],
    ) -> Result<(Process, SocketAddr), FleetError> {
        Process::start_listening(argv, &self.output(who), &self.reaper, LISTEN_WITHIN).await
    }

    /// Starts a command with its placeholders filled in, and waits until it is ready. Returns its
    /// readiness URL.
    pub(super) async fn command(
        &self,
        who: &str,
        command: &Command,
        nodes: &[(String, String)],
    ) -> Result<(Process, String), FleetError> {
        let known = self.placeholders(nodes)?;
        let argv = command.argv.iter().map(|word| fill(who, word, &known)).collect::<Result<Vec<_>, _>>()?;
        let ready = fill(who, &command.ready, &known)?;
        let process = Process::start(&argv, &self.output(who), &self.reaper)?;
        self.wait_ready(&process, &ready, command.ready_within).await?;
        Ok((process, ready))
    }

    /// Waits until `url` answers with success.
    pub(super) async fn wait_ready(
        &self,
        process: &Process,
        url: &str,
        within: Duration,
    ) -> Result<(), FleetError> {
        let mut exit = process.exit();
        let mut last = "nothing was tried".to_owned();
        let poll = async {
            loop {
                match self.http.get(url).timeout(READY_PROBE).send().await {
                    Ok(response) if response.status().is_success() => return,
                    Ok(response) => last = format!("{url} answered {}", response.status()),
                    Err(error) => last = format!("{url}: {}", root_cause(&error)),
                }
                tokio::time::sleep(READY_POLL).await;
            }
        };
        tokio::select! {
            ready = tokio::time::timeout(within, poll) => match ready {
                Ok(()) => Ok(()),
                Err(_) => Err(process.error(&format!("was not ready within {within:?} ({last})"))),
            },
            status = exit.wait_for(Option::is_some) => {
                let status = status.ok().and_then(|status| *status).map_or("unknown".into(), |s| s.to_string());
                Err(process.error(&format!("ended before it was ready ({status})")))
            }
        }
    }

    fn output<'a>(&'a self, who: &'a str) -> Output<'a> {
        Output { logs: &self.logs, who }
    }

    fn placeholders(&self, nodes: &[(String, String)]) -> Result<BTreeMap<String, String>, FleetError> {
        let mut known = BTreeMap::from([
            ("port".to_owned(), free_port()?.to_string()),
            ("dir".to_owned(), self.scenario_dir.display().to_string()),
        ]);
        known.extend(nodes.iter().map(|(name, url)| (format!("node.{name}"), url.clone())));
        Ok(known)
    }
}

/// Replaces `{name}` by what it stands for. Braces around anything that is no name (JSON in an
/// argument, say) stay as they are.
fn fill(who: &str, text: &str, known: &BTreeMap<String, String>) -> Result<String, FleetError> {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(open) = rest.find('{') {
        let (before, after) = rest.split_at(open);
        filled.push_str(before);
        let is_name =
            |name: &&str| !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || "._-".contains(c));
        let name = after[1..].split_once('}').map(|(name, _)| name).filter(is_name);
        let Some(name) = name else {
            filled.push('{');
            rest = &after[1..];
            continue;
        };
        let value = known.get(name).ok_or_else(|| FleetError::Placeholder {
            who: who.into(),
            placeholder: name.into(),
            known: known.keys().map(|key| format!("{{{key}}}")).collect::<Vec<_>>().join(", "),
        })?;
        filled.push_str(value);
        rest = &after[name.len() + 2..];
    }
    filled.push_str(rest);
    Ok(filled)
}

/// A port that was free a moment ago.
fn free_port() -> Result<u16, FleetError> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(FleetError::Port)?;
    Ok(listener.local_addr().map_err(FleetError::Port)?.port())
}

/// The socket address behind a URL's host and port.
async fn address_of(who: &str, url: &str) -> Result<SocketAddr, FleetError> {
    let unreachable = |why: String| FleetError::Unreachable { who: who.into(), url: url.into(), why };
    let parsed = reqwest::Url::parse(url).map_err(|error| unreachable(error.to_string()))?;
    let host = parsed.host_str().ok_or_else(|| unreachable("it names no host".into()))?;
    let port = parsed.port_or_known_default().ok_or_else(|| unreachable("it names no port".into()))?;
    let mut addresses =
        tokio::net::lookup_host((host, port)).await.map_err(|error| unreachable(error.to_string()))?;
    addresses.next().ok_or_else(|| unreachable("its host has no address".into()))
}

/// The innermost cause of an error: what a person wants to know.
fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known() -> BTreeMap<String, String> {
        BTreeMap::from([("port".into(), "80".into()), ("node.a".into(), "http://x/v1".into())])
    }

    #[test]
    fn placeholders_are_filled_and_other_braces_left_alone() {
        let filled = fill("g", r#"--a={node.a} --p {port} {"json": {}} {"#, &known());
        assert_eq!(filled.ok().as_deref(), Some(r#"--a=http://x/v1 --p 80 {"json": {}} {"#));
    }

    #[test]
    fn an_unknown_placeholder_is_named_with_those_that_exist() {
        let error = fill("g", "{node.b}", &known()).map_err(|error| error.to_string());
        assert_eq!(
            error.err().as_deref(),
            Some(
                "the command of `g` has the placeholder `{node.b}`, which names nothing; there are {node.a}, {port}"
            )
        );
    }
}
