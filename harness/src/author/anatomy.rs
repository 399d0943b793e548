//! What a plugin's file is made of, before anything of it runs: imports, exports, versions, and every
//! mistake among them.

use std::collections::BTreeSet;

use serde::Serialize;
use wit_component::DecodedWasm;
use wit_parser::{InterfaceId, Resolve, WorldItem};

use crate::fault::interface::{self, WIT};
use crate::fault::{Refusal, Specimen};

/// The interface that a plugin must export.
const PLUGIN: &str = "squall:fault/plugin";

/// A plugin's file, taken apart.
#[derive(Clone, Debug, Serialize)]
pub struct Anatomy {
    /// `component` or `core module`.
    pub form: &'static str,
    /// The file's size.
    pub bytes: usize,
    /// The version of `squall:fault` that it is built for; none when it names none.
    pub version: Option<String>,
    /// What it imports.
    pub imports: Vec<String>,
    /// What it exports.
    pub exports: Vec<String>,
    /// Why Squall will not run it; empty when it will.
    pub mistakes: Vec<String>,
}

impl Anatomy {
    /// Takes `bytes` apart. An error says why they are no WebAssembly with a component's type.
    pub fn of(bytes: &[u8]) -> Result<Self, Refusal> {
        let component = Specimen::component_of(bytes)?;
        let form = if component == bytes { "component" } else { "core module" };
        let unreadable = |error: anyhow::Error| Refusal::Invalid(error.root_cause().to_string());
        let DecodedWasm::Component(resolve, world) = wit_component::decode(&component).map_err(unreadable)?
        else {
            return Err(Refusal::Interface("it is a package of interfaces, with no code in it".into()));
        };
        let world = &resolve.worlds[world];
        let named = |(key, _): (&_, &_)| resolve.name_world_key(key);
        let imports: Vec<String> = world.imports.iter().map(named).collect();
        let exports: Vec<String> = world.exports.iter().map(named).collect();
        let versions: BTreeSet<String> = imports
            .iter()
            .chain(&exports)
            .filter_map(|name| interface::version_of(name))
            .map(str::to_owned)
            .collect();
        let mut mistakes = foreign(&imports);
        let strange: Vec<&String> = versions.iter().filter(|version| !interface::speaks(version)).collect();
        mistakes.extend(strange.iter().map(|has| Refusal::Version { has: (*has).clone() }.to_string()));
        if strange.is_empty() {
            let items = world.imports.iter().chain(&world.exports);
            let interfaces = items.filter_map(|(_, item)| match item {
                WorldItem::Interface { id, .. } => Some(*id),
                _ => None,
            });
            mistakes.extend(against_ours(&resolve, interfaces, &exports)?);
        }
        Ok(Self {
            form,
            bytes: bytes.len(),
            version: versions.into_iter().next_back(),
            imports,
            exports,
            mistakes,
        })
    }
}

fn foreign(imports: &[String]) -> Vec<String> {
    let foreign = imports.iter().filter(|name| interface::version_of(name).is_none());
    foreign.map(|name| Refusal::Import(name.clone()).to_string()).collect()
}

/// What its interfaces have more or less than those of the same name here.
fn against_ours(
    theirs: &Resolve,
    interfaces: impl Iterator<Item = InterfaceId>,
    exports: &[String],
) -> Result<Vec<String>, Refusal> {
    let mut ours = Resolve::default();
    let package = ours.push_str("fault.wit", WIT);
    let package = package.map_err(|error| Refusal::Interface(error.to_string()))?;
    let bare = |name: &str| name.split('@').next().unwrap_or_default().to_owned();
    let mut mistakes = Vec::new();
    if !exports.iter().any(|name| bare(name) == PLUGIN) {
        mistakes.push(format!("it does not export `{PLUGIN}@{}`", interface::version()));
    }
    for id in interfaces {
        let Some(name) = theirs.id_of(id).map(|name| bare(&name)) else { continue };
        let Some(short) = name.strip_prefix("squall:fault/") else { continue };
        let Some(own) = ours.packages[package].interfaces.get(short) else {
            mistakes.push(format!("it names `{name}`, which squall:fault@{} has not", interface::version()));
            continue;
        };
        let (has, should) = (&theirs.interfaces[id].functions, &ours.interfaces[*own].functions);
        if name == PLUGIN {
            let missing = should.keys().filter(|function| !has.contains_key(*function));
            mistakes
                .extend(missing.map(|function| format!("its `{PLUGIN}` lacks the function `{function}`")));
        } else {
            let unknown = has.keys().filter(|function| !should.contains_key(*function));
            mistakes.extend(
                unknown.map(|function| format!("it imports `{function}` of `{name}`, which has none")),
            );
        }
    }
    Ok(mistakes)
}
