//! The fleet and the target.

use std::time::Duration;

use reqwest::Url;

use super::super::diagnostic::Diagnostic;
use super::super::either::TextOr;
use super::super::place::{Placed, Span};
use super::super::plan::{
    Api, Command, Encoding, Entry, Http, NodeKind, NodePlan, Promises, RouterPolicy, SimSpec, Target,
    Tokenizer,
};
use super::super::raw::{self, DurationText};
use super::super::suggest::{list, nearest};
use super::{Resolver, Zero};
use crate::name::NodeName;
use crate::tokens::encoding_of;

const READY_WITHIN: Duration = Duration::from_secs(30);
const TTFT: Duration = Duration::from_millis(60);
const ITL: Duration = Duration::from_millis(8);
const PREFILL: u32 = 20_000;
const SLOTS: u32 = 32;
const QUEUE: u32 = 256;
const SLOWDOWN: f64 = 0.5;

/// Names that the harness gives to processes of its own.
const TAKEN: [&str; 2] = ["router", "target"];

/// What is started, as it was typed.
struct RawCommand<'a> {
    argv: &'a Placed<Vec<Placed<String>>>,
    ready: Option<&'a Placed<String>>,
    ready_within: Option<&'a Placed<DurationText>>,
}

impl Resolver {
    pub(super) fn nodes(&mut self, raw: &[Placed<raw::Node>]) -> Vec<NodePlan> {
        self.unique("nodes", raw.iter().map(|node| &node.name));
        raw.iter().map(|node| self.node(node)).collect()
    }

    fn node(&mut self, raw: &Placed<raw::Node>) -> NodePlan {
        self.node_name(&raw.name);
        let zone = raw.zone.as_ref().map_or_else(String::new, |zone| self.text("`zone`", zone));
        let kinds = [
            ("sim", raw.sim.as_ref().map(|sim| &sim.span)),
            ("command", raw.command.as_ref().map(|command| &command.span)),
            ("url", raw.url.as_ref().map(|url| &url.span)),
        ];
        self.exactly_one("[[node]]", &raw.span, &kinds, "sim = {}");
        self.ready_has_command(raw.command.is_some(), raw.ready.as_ref(), raw.ready_within.as_ref());
        let kind = match raw {
            Placed { value: raw::Node { command: Some(argv), ready, ready_within, .. }, .. } => {
                let command = RawCommand { argv, ready: ready.as_ref(), ready_within: ready_within.as_ref() };
                NodeKind::Command(self.command(&command, &[]))
            }
            Placed { value: raw::Node { url: Some(url), .. }, .. } => NodeKind::Url(self.origin(url)),
            _ => NodeKind::Sim(self.sim(raw.sim.as_ref())),
        };
        let access = self.access(raw.key.as_ref(), &raw.headers, raw.ca.as_ref());
        if let (NodeKind::Sim(_), Some(key)) = (&kind, &raw.key) {
            self.mistake(
                Diagnostic::new("a simulated node asks for no key")
                    .at(&key.span, "nobody reads this")
                    .help("take `key` away, or give the node a `url` or a `command`"),
            );
        }
        self.ca_has_https(raw.ca.as_ref(), raw.url.as_ref());
        // A simulated node speaks both; of others that is not known.
        let usual = if matches!(kind, NodeKind::Sim(_)) { None } else { Some(Http::One) };
        let http = raw.http.as_ref().map_or(usual, |http| self.http(http));
        NodePlan { name: NodeName::from(raw.name.as_str()), zone, kind, access, http }
    }

    /// A name is a part of file names and of placeholders.
    fn node_name(&mut self, name: &Placed<String>) {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        if !name.starts_with(|c: char| c.is_ascii_alphanumeric()) || !name.chars().all(allowed) {
            self.mistake(
                Diagnostic::new(format!("`{}` is no name for a node", name.escape_debug()))
                    .at(&name.span, "letters, digits, `.`, `_` and `-`, with a letter or digit first"),
            );
        } else if TAKEN.contains(&name.as_str()) {
            self.mistake(
                Diagnostic::new(format!("a node can't be called `{}`", name.value))
                    .at(&name.span, "Squall calls a process of its own so"),
            );
        }
    }

    fn sim(&mut self, raw: Option<&Placed<raw::Sim>>) -> SimSpec {
        let sim = raw.map(|sim| &sim.value);
        let slowdown = sim.and_then(|sim| sim.slowdown.as_ref());
        SimSpec {
            ttft: self.duration_or("ttft", sim.and_then(|sim| sim.ttft.as_ref()), Zero::Allowed, TTFT),
            itl: self.duration_or("itl", sim.and_then(|sim| sim.itl.as_ref()), Zero::Allowed, ITL),
            prefill: self.count_or("prefill", sim.and_then(|sim| sim.prefill.as_ref()), 1, PREFILL),
            slots: self.count_or("slots", sim.and_then(|sim| sim.slots.as_ref()), 1, SLOTS),
            queue: self.count_or("queue", sim.and_then(|sim| sim.queue.as_ref()), 0, QUEUE),
            slowdown: slowdown.map_or(SLOWDOWN, |slowdown| {
                self.number("slowdown", slowdown, "0 or more", |slowdown| slowdown >= 0.0)
            }),
            cold_start: self.duration_or(
                "cold_start",
                sim.and_then(|sim| sim.cold_start.as_ref()),
                Zero::Allowed,
                Duration::ZERO,
            ),
        }
    }

    pub(super) fn target(&mut self, raw: &Placed<raw::Target>, nodes: &[NodePlan]) -> Target {
        let api = self.api(raw.api.as_ref());
        let model = self.text("`model`", &raw.model);
        let access = self.access(raw.key.as_ref(), &raw.headers, raw.ca.as_ref());
        self.nodes_in_headers(raw, nodes);
        self.ca_has_https(raw.ca.as_ref(), raw.url.as_ref());
        let entries = [
            ("router", raw.router.as_ref().map(|router| &router.span)),
            ("url", raw.url.as_ref().map(|url| &url.span)),
            ("command", raw.command.as_ref().map(|command| &command.span)),
            ("node", raw.node.as_ref().map(|node| &node.span)),
        ];
        self.exactly_one("[target]", &raw.span, &entries, "router = {}");
        self.ready_has_command(raw.command.is_some(), raw.ready.as_ref(), raw.ready_within.as_ref());
        if nodes.is_empty() && raw.url.is_none() {
            self.mistake(
                Diagnostic::new("the scenario has no node")
                    .at(&raw.span, "this target needs at least one")
                    .help("add `[[node]]` with `name = \"a\"` and `sim = {}`"),
            );
        }
        if let Some(also) = raw.also.first().filter(|_| raw.url.is_none()) {
            self.mistake(
                Diagnostic::new("`also` stands beside a `url`, and there is none")
                    .at(&also.span, "nothing is sent here")
                    .help("make the first of them the `url`"),
            );
        }
        let entry = self.entry(raw, nodes);
        let http = raw.http.as_ref().and_then(|http| self.http(http));
        let tokenizer = self.tokenizer(raw.tokenizer.as_ref(), &model, nodes);
        let promises = raw.promises.as_ref().map(|raw| self.promises(raw, &entry)).unwrap_or_default();
        Target { api, model, entry, access, http, tokenizer, promises }
    }

    fn promises(&mut self, raw: &raw::Promises, entry: &Entry) -> Promises {
        if let (Entry::Router(_), Some(attempts)) = (entry, &raw.attempts) {
            self.mistake(
                Diagnostic::new("the built-in router's attempts are known")
                    .at(&attempts.span, "this is for gateways")
                    .help("take `attempts` away: it is held to its own bound"),
            );
        }
        Promises {
            attempts: raw.attempts.as_ref().map(|attempts| self.count_or("attempts", Some(attempts), 1, 1)),
            sticky: raw.sticky,
            retry_after: raw.retry_after,
            models: raw.models.iter().map(|model| self.text("a model's name", model)).collect(),
            retries_in: raw.retries_in.iter().map(|name| self.header_name(name)).collect(),
            wait_told: raw.wait_told,
        }
    }

    fn tokenizer(&mut self, raw: Option<&Placed<String>>, model: &str, nodes: &[NodePlan]) -> Tokenizer {
        let all_simulated = || nodes.iter().all(|node| matches!(node.kind, NodeKind::Sim(_)));
        let Some(name) = raw else {
            return match encoding_of(model) {
                Some(encoding) => Tokenizer::Encoding(encoding),
                None if !nodes.is_empty() && all_simulated() => Tokenizer::Words,
                None => Tokenizer::Encoding(Encoding::O200kBase),
            };
        };
        if name.ends_with(".json") || name.contains('/') {
            return Tokenizer::File(self.file("tokenizer", name, &name.span));
        }
        let known: Vec<Tokenizer> =
            Encoding::ALL.into_iter().map(Tokenizer::Encoding).chain([Tokenizer::Words]).collect();
        if let Some(tokenizer) = known.into_iter().find(|known| known.to_string() == name.value) {
            return tokenizer;
        }
        let names: Vec<&str> = Encoding::ALL.iter().map(|known| known.name()).chain(["words"]).collect();
        self.find("tokenizer", name, &name.span, &names);
        Tokenizer::Words
    }

    fn entry(&mut self, raw: &raw::Target, nodes: &[NodePlan]) -> Entry {
        let names: Vec<&str> = nodes.iter().map(|node| node.name.as_str()).collect();
        if let Some(url) = &raw.url {
            let all = std::iter::once(url).chain(&raw.also);
            for url in all.clone() {
                self.url(url);
            }
            Entry::Url(all.map(|url| url.value.clone()).collect())
        } else if let Some(argv) = &raw.command {
            let (ready, ready_within) = (raw.ready.as_ref(), raw.ready_within.as_ref());
            Entry::Command(self.command(&RawCommand { argv, ready, ready_within }, &names))
        } else if let Some(node) = &raw.node {
            self.find("node", node, &node.span, &names);
            Entry::Node(NodeName::from(node.as_str()))
        } else {
            let failover = raw.router.as_ref().is_none_or(|router| router.failover);
            Entry::Router(RouterPolicy { failover })
        }
    }

    fn api(&mut self, raw: Option<&Placed<String>>) -> Api {
        let Some(name) = raw else { return Api::OpenaiChat };
        Api::called(name).unwrap_or_else(|| {
            let names = Api::ALL.map(Api::name);
            let label = match nearest(name, names) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => "Squall does not speak it".into(),
            };
            self.mistake(
                Diagnostic::new(format!("no API is called `{}`", name.value))
                    .at(&name.span, label)
                    .help(format!("APIs: {}", list(names, "and"))),
            );
            Api::OpenaiChat
        })
    }

    fn ready_has_command(
        &mut self,
        command: bool,
        ready: Option<&Placed<String>>,
        within: Option<&Placed<DurationText>>,
    ) {
        if command {
            return;
        }
        let given =
            [("ready", ready.map(|ready| &ready.span)), ("ready_within", within.map(|within| &within.span))];
        for (key, span) in given {
            if let Some(span) = span {
                self.mistake(
                    Diagnostic::new(format!("`{key}` belongs to a `command`, and there is none"))
                        .at(span, "nothing is started that it could wait for")
                        .help(format!("add `command`, or take `{key}` away")),
                );
            }
        }
    }

    fn command(&mut self, raw: &RawCommand<'_>, nodes: &[&str]) -> Command {
        if raw.argv.first().is_none_or(|program| program.trim().is_empty()) {
            self.mistake(
                Diagnostic::new("`command` names no program")
                    .at(&raw.argv.span, "expected a program and its arguments")
                    .help("write it as `command = [\"program\", \"--port\", \"{port}\"]`"),
            );
        }
        for word in raw.argv.iter().chain(raw.ready) {
            self.placeholders(word, nodes);
        }
        if let Some(ready) = raw.ready {
            self.ready(ready);
        } else {
            self.mistake(
                Diagnostic::new("a `command` needs `ready`: the URL that answers when it can be used")
                    .at(&raw.argv.span, "`ready` is missing beside this")
                    .help("add, for example, `ready = \"http://127.0.0.1:{port}/health\"`"),
            );
        }
        Command {
            argv: raw.argv.iter().map(|word| word.value.clone()).collect(),
            ready: raw.ready.map_or_else(String::new, |ready| ready.value.clone()),
            ready_within: self.duration_or("ready_within", raw.ready_within, Zero::Refused, READY_WITHIN),
        }
    }

    /// A header names no node but those that there are; all else in it is as it stands.
    fn nodes_in_headers(&mut self, raw: &raw::Target, nodes: &[NodePlan]) {
        for header in raw.headers.values() {
            let TextOr::Text(text) = &header.value else { continue };
            for after in text.split("{node.").skip(1) {
                let Some((name, _)) = after.split_once('}') else { continue };
                if !nodes.iter().any(|node| node.name.as_str() == name) {
                    self.mistake(
                        Diagnostic::new(format!("unknown placeholder `{{node.{name}}}`"))
                            .at(&header.span, "no node has this name"),
                    );
                }
            }
        }
    }

    /// Every `{name}` stands for something. Braces around anything else are the command's own.
    fn placeholders(&mut self, word: &Placed<String>, nodes: &[&str]) {
        let known: Vec<String> = ["port".to_owned(), "dir".to_owned()]
            .into_iter()
            .chain(nodes.iter().map(|node| format!("node.{node}")))
            .collect();
        for after in word.split('{').skip(1) {
            let Some((name, _)) = after.split_once('}') else { continue };
            let is_name = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || "._-".contains(c));
            if !is_name || known.iter().any(|known| known == name) {
                continue;
            }
            let label = match nearest(name, known.iter().map(String::as_str)) {
                Some(meant) => format!("did you mean `{{{meant}}}`?"),
                None => "it stands for nothing".into(),
            };
            let all: Vec<String> = known.iter().map(|known| format!("{{{known}}}")).collect();
            self.mistake(
                Diagnostic::new(format!("unknown placeholder `{{{name}}}`"))
                    .at(&word.span, label)
                    .help(format!("placeholders: {}", list(all.iter().map(String::as_str), "and"))),
            );
        }
    }

    fn ready(&mut self, ready: &Placed<String>) {
        // What a placeholder will be is not known yet, only that a port is a number.
        if !ready.contains("{node.") {
            let filled = Placed { value: ready.replace("{port}", "1"), span: ready.span.clone() };
            self.url(&filled);
        }
    }

    /// An HTTP URL, without a secret in it.
    fn url(&mut self, url: &Placed<String>) -> Option<Url> {
        match Url::parse(url) {
            Ok(parsed) if !parsed.username().is_empty() || parsed.password().is_some() => {
                // The URL goes into reports; the snippet shows only what the file's reader sees anyway.
                self.mistake(
                    Diagnostic::new("a URL must not hold a password")
                        .at(&url.span, "this is written into reports")
                        .help("put the secret into an environment variable: `key = { env = \"NAME\" }`"),
                );
                None
            }
            Ok(parsed) if matches!(parsed.scheme(), "http" | "https") => Some(parsed),
            Ok(parsed) => self.no_url(&url.span, &format!("`{}` is not HTTP", parsed.scheme())),
            Err(error) => self.no_url(&url.span, &error.to_string()),
        }
    }

    fn no_url(&mut self, span: &Span, why: &str) -> Option<Url> {
        self.mistake(
            Diagnostic::new("this is no HTTP URL")
                .at(span, why)
                .help("write it as `\"http://127.0.0.1:8000\"`"),
        );
        None
    }

    /// A node's URL: scheme, host and port, since the proxy keeps paths as they are.
    fn origin(&mut self, url: &Placed<String>) -> String {
        let Some(parsed) = self.url(url) else { return String::new() };
        let origin = parsed.origin().ascii_serialization();
        if parsed.path() != "/" || parsed.query().is_some() || parsed.fragment().is_some() {
            self.mistake(
                Diagnostic::new("a node's `url` has no path: requests bring their own")
                    .at(&url.span, "expected scheme, host and port only")
                    .help(format!("write `url = \"{origin}\"`")),
            );
        }
        origin
    }
}
