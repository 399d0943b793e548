//! Faults on the timeline.

use std::time::Duration;

use super::super::diagnostic::Diagnostic;
use super::super::place::Placed;
use super::super::plan::{FaultPlan, Matching, NodeKind, NodePlan, OnTrap, Phase, PluginRef};
use super::super::raw::{self, OneOrMany};
use super::super::suggest::{list, nearest};
use super::{Resolver, Zero, typed};
use crate::clock::Nanos;
use crate::fault::built_in_names;
use crate::name::NodeName;

impl Resolver {
    pub(super) fn faults(
        &mut self,
        raw: &[Placed<raw::Phase>],
        phases: &[Phase],
        nodes: &[NodePlan],
    ) -> Vec<FaultPlan> {
        let all =
            raw.iter().zip(phases).enumerate().flat_map(|(phase, (raw, resolved))| {
                raw.fault.iter().map(move |fault| (phase, resolved, fault))
            });
        (0..)
            .zip(all)
            .map(|(index, (phase, resolved, fault))| {
                let (on, off) = self.window(fault, resolved);
                let plugin = self.plugin(fault);
                let touched = self.fault_nodes(fault, nodes);
                self.ours(fault, &touched, nodes);
                FaultPlan {
                    index,
                    plugin,
                    phase,
                    nodes: touched,
                    on,
                    off,
                    share: fault.share.as_ref().map_or(1.0, |share| self.share("share", share)),
                    matching: self.matching(fault.when.as_ref()),
                    with: serde_json::Value::Object(
                        fault.parameters.as_ref().map_or_else(Default::default, |with| with.value.clone()),
                    ),
                    on_trap: match fault.on_trap {
                        Some(raw::OnTrap::Skip) => OnTrap::Skip,
                        Some(raw::OnTrap::FailRun) | None => OnTrap::FailRun,
                    },
                }
            })
            .collect()
    }

    /// When the fault is switched on and off; inside its phase, so that a phase is what it says.
    fn window(&mut self, fault: &raw::Fault, phase: &Phase) -> (Nanos, Nanos) {
        let known = self.mistakes.len();
        let at = self.duration_or("at", fault.at.as_ref(), Zero::Allowed, Duration::ZERO);
        if self.mistakes.len() > known {
            return (phase.start, phase.end());
        }
        if let Some(raw) = fault.at.as_ref().filter(|_| at >= phase.duration) {
            self.mistake(
                Diagnostic::new(format!("the fault would begin after its phase `{}` has ended", phase.name))
                    .at(&raw.span, format!("the phase lasts {}", typed(phase.duration)))
                    .help("`at` counts from the phase's start; choose a smaller one, or lengthen the phase"),
            );
            return (phase.start, phase.end());
        }
        let rest = phase.duration.saturating_sub(at);
        let known = self.mistakes.len();
        let lasts = self.duration_or("for", fault.lasts.as_ref(), Zero::Refused, rest);
        // A `for` that is a mistake already is not also too long.
        let readable = self.mistakes.len() == known;
        if let Some(raw) = fault.lasts.as_ref().filter(|_| readable && lasts > rest) {
            self.mistake(
                Diagnostic::new(format!("the fault would outlast its phase `{}`", phase.name))
                    .at(&raw.span, format!("{} are left of the phase from `at` on", typed(rest)))
                    .help("leave `for` out to keep the fault on until the phase ends"),
            );
        }
        let on = phase.start + at;
        (on, on + lasts)
    }

    fn plugin(&mut self, fault: &raw::Fault) -> PluginRef {
        let name = fault.plugin.0.as_str();
        if built_in_names().contains(&name) {
            return PluginRef::BuiltIn(name.into());
        }
        let span = &fault.plugin.span;
        if raw::is_plugin_path(name) {
            return PluginRef::File(self.file("plugin", name, span));
        }
        let label = match nearest(name, built_in_names()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => "no such plugin".into(),
        };
        self.mistake(
            Diagnostic::new(format!("no built-in plugin is called `{name}`"))
                .at(span, label)
                .help(format!("built-in plugins: {}", list(built_in_names(), "and")))
                .help("a plugin of your own is given by its path, as in `\"plugins/mine.wasm\"`"),
        );
        PluginRef::BuiltIn(name.into())
    }

    fn fault_nodes(&mut self, fault: &Placed<raw::Fault>, nodes: &[NodePlan]) -> Vec<NodeName> {
        let all = || nodes.iter().map(|node| node.name.clone()).collect();
        if nodes.is_empty() {
            self.mistake(
                Diagnostic::new("a fault needs a node: faults act in the proxy before one")
                    .at(&fault.plugin.span, "the scenario has no node")
                    .help("add `[[node]]`, or take the fault away"),
            );
            return all();
        }
        let Some(given) = &fault.nodes else { return all() };
        if matches!(&given.value, OneOrMany::Many(names) if names.is_empty()) {
            self.mistake(
                Diagnostic::new("the fault has no node to act on")
                    .at(&given.span, "the list is empty")
                    .help("leave `nodes` out for all of them"),
            );
        }
        let known: Vec<&str> = nodes.iter().map(|node| node.name.as_str()).collect();
        let mut touched = Vec::new();
        for name in given.names() {
            if let Some(index) = self.find("node", &name, &name.span, &known)
                && !touched.contains(&nodes[index].name)
            {
                touched.push(nodes[index].name.clone());
            }
        }
        touched
    }

    /// Only what the harness started can it kill or stop.
    fn ours(&mut self, fault: &Placed<raw::Fault>, touched: &[NodeName], nodes: &[NodePlan]) {
        let Some(verb) = done_to_processes(fault) else { return };
        let zone = parameter(fault, "zone");
        let url = nodes.iter().find(|node| {
            touched.contains(&node.name)
                && matches!(node.kind, NodeKind::Url(_))
                && zone.is_none_or(|zone| zone == node.zone)
        });
        if let Some(node) = url {
            let span = fault.nodes.as_ref().map_or(&fault.plugin.span, |nodes| &nodes.span);
            let name = &node.name;
            self.mistake(
                Diagnostic::new(format!("node `{name}` can't be {verb}: it runs already, at a `url`"))
                    .at(span, format!("only what Squall started can be {verb}"))
                    .help("start the node by `command`, or name other `nodes`"),
            );
        }
    }

    fn matching(&mut self, raw: Option<&raw::When>) -> Matching {
        let Some(when) = raw else { return Matching::default() };
        if let Some(path) = when.path.as_ref().filter(|path| !path.starts_with('/')) {
            self.mistake(
                Diagnostic::new("`path` is compared from its start, which is a `/`")
                    .at(&path.span, "this matches nothing")
                    .help(format!("write `\"/{}\"`", path.value)),
            );
        }
        if let Some(header) = &when.header
            && let Err(error) = header.name.parse::<http::HeaderName>()
        {
            self.mistake(
                Diagnostic::new("no header can have this name").at(&header.name.span, error.to_string()),
            );
        }
        Matching {
            model: when.model.clone(),
            path: when.path.as_ref().map(|path| path.value.clone()),
            header: when
                .header
                .as_ref()
                .map(|header| (header.name.to_lowercase(), header.value.value.clone())),
            streaming: when.streaming,
        }
    }
}

/// What a built-in fault does to the processes of its nodes, if anything.
fn done_to_processes(fault: &raw::Fault) -> Option<&'static str> {
    match (fault.plugin.0.as_str(), parameter(fault, "how")) {
        ("flap", Some("refuse")) => None,
        ("flap", Some("pause")) | ("node-pause", _) => Some("paused"),
        ("node-kill" | "crash-loop" | "zone-outage" | "flap", _) => Some("killed"),
        _ => None,
    }
}

/// A text among the plugin's own parameters, which it reads itself.
fn parameter<'a>(fault: &'a raw::Fault, name: &str) -> Option<&'a str> {
    fault.parameters.as_ref()?.value.get(name)?.as_str()
}
