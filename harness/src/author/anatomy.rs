//! What a plugin's file is made of, before anything of it runs: imports, exports, versions, and every
//! mistake among them.

use std::collections::BTreeSet;

use serde::Serialize;
use wit_parser::Resolve;

use crate::fault::interface::{self, WIT};
use crate::fault::{Interface, Refusal, Shape, Specimen};

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
    /// Takes `bytes` apart. An error says why they are no WebAssembly that could be a component.
    pub fn of(bytes: &[u8]) -> Result<Self, Refusal> {
        let Shape { is_component, imports, exports } = Specimen::shape(bytes)?;
        let all = || imports.iter().chain(&exports);
        let versions: BTreeSet<&str> =
            all().filter_map(|interface| interface::version_of(&interface.name)).collect();
        let strange: Vec<&str> = versions.iter().copied().filter(|has| !interface::speaks(has)).collect();
        let mut mistakes = foreign(&imports);
        if strange.is_empty() {
            mistakes.extend(against_ours(&imports, &exports)?);
        } else {
            mistakes.extend(strange.iter().map(|has| Refusal::Version { has: (*has).into() }.to_string()));
        }
        let names = |interfaces: &[Interface]| interfaces.iter().map(|one| one.name.clone()).collect();
        Ok(Self {
            form: if is_component { "component" } else { "core module" },
            bytes: bytes.len(),
            version: versions.last().map(|version| (*version).to_owned()),
            imports: names(&imports),
            exports: names(&exports),
            mistakes,
        })
    }
}

fn foreign(imports: &[Interface]) -> Vec<String> {
    let foreign = imports.iter().filter(|import| interface::version_of(&import.name).is_none());
    foreign.map(|import| Refusal::Import(import.name.clone()).to_string()).collect()
}

/// What its interfaces have more or less than those of the same name here.
fn against_ours(imports: &[Interface], exports: &[Interface]) -> Result<Vec<String>, Refusal> {
    let mut ours = Resolve::default();
    let package = ours.push_str("fault.wit", WIT);
    let package = package.map_err(|error| Refusal::Interface(error.to_string()))?;
    let functions = |name: &str| {
        let short = bare(name).strip_prefix("squall:fault/")?;
        let id = ours.packages[package].interfaces.get(short)?;
        Some(ours.interfaces[*id].functions.keys().map(String::as_str).collect::<Vec<_>>())
    };
    let mut mistakes = Vec::new();
    for Interface { name, functions: has } in
        imports.iter().filter(|i| interface::version_of(&i.name).is_some())
    {
        let Some(known) = functions(name) else {
            mistakes
                .push(format!("it imports `{name}`, which squall:fault@{} has not", interface::version()));
            continue;
        };
        let unknown = has.iter().filter(|function| !known.contains(&function.as_str()));
        mistakes
            .extend(unknown.map(|function| format!("it imports `{function}` of `{name}`, which has none")));
    }
    let Some(plugin) = exports.iter().find(|export| bare(&export.name) == PLUGIN) else {
        mistakes.push(format!("it does not export `{PLUGIN}@{}`", interface::version()));
        return Ok(mistakes);
    };
    let should = functions(PLUGIN).unwrap_or_default();
    let missing = should.iter().filter(|function| !plugin.functions.iter().any(|has| has == *function));
    mistakes.extend(missing.map(|function| format!("its `{PLUGIN}` lacks the function `{function}`")));
    Ok(mistakes)
}

/// A name without its version.
fn bare(name: &str) -> &str {
    name.split('@').next().unwrap_or_default()
}
