//! Builds a plugin's project: cargo, then the component around the core module that it made.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};

use serde::Deserialize;

use super::toolchain::{NoToolchain, TARGET, Toolchain};
use crate::fault::{Refusal, Specimen};

/// Why there is no plugin.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// No project.
    #[error("there is no {}; `squall plugin new NAME` makes a project", .0.display())]
    NoProject(PathBuf),
    /// Its manifest names no package.
    #[error("{} has no [package] with a name", .0.display())]
    NoPackage(PathBuf),
    /// Nothing to build with.
    #[error("{0}")]
    NoToolchain(#[from] NoToolchain),
    /// Cargo could not be run or read.
    #[error("cannot run cargo: {0}")]
    Cargo(std::io::Error),
    /// Cargo has said why.
    #[error("cargo could not build it ({0}; its words are above)")]
    Failed(ExitStatus),
    /// No core module came out.
    #[error("cargo made no WebAssembly module of it: its Cargo.toml needs [lib] crate-type = [\"cdylib\"]")]
    NoModule,
    /// What came out is no plugin.
    #[error("what cargo made of it is no plugin: {0}")]
    Refused(#[from] Refusal),
    /// A file could not be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// A plugin that was built.
pub struct Built {
    /// The component: `NAME.wasm` in the project's folder.
    pub path: PathBuf,
    /// The toolchain that built it.
    pub toolchain: String,
    /// It, compiled.
    pub specimen: Specimen,
}

/// Builds the project in `dir`. Cargo's words go to stderr.
pub fn build(dir: &Path) -> Result<Built, BuildError> {
    let manifest = dir.join("Cargo.toml");
    let name = package_name(&manifest)?;
    let toolchain = Toolchain::find(dir)?;
    let module = cargo(dir, &manifest, &name, &toolchain)?;
    let bytes = std::fs::read(&module).map_err(|source| BuildError::File { path: module, source })?;
    let path = dir.join(format!("{name}.wasm"));
    let specimen = Specimen::new(path.display().to_string(), &bytes)?;
    let written = std::fs::write(&path, specimen.bytes());
    written.map_err(|source| BuildError::File { path: path.clone(), source })?;
    Ok(Built { path, toolchain: toolchain.name, specimen })
}

#[derive(Deserialize)]
struct Manifest {
    package: Option<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
}

fn package_name(manifest: &Path) -> Result<String, BuildError> {
    let text = std::fs::read_to_string(manifest).map_err(|_| BuildError::NoProject(manifest.to_owned()))?;
    let parsed = toml::from_str::<Manifest>(&text).ok().and_then(|manifest| manifest.package);
    parsed.map(|package| package.name).ok_or_else(|| BuildError::NoPackage(manifest.to_owned()))
}

/// A line of what cargo says; those of other kinds lack the rest.
#[derive(Deserialize)]
struct Message {
    manifest_path: Option<PathBuf>,
    #[serde(default)]
    filenames: Vec<PathBuf>,
}

/// Runs cargo, and finds the module among what it made.
fn cargo(dir: &Path, manifest: &Path, name: &str, toolchain: &Toolchain) -> Result<PathBuf, BuildError> {
    let file = |source| BuildError::File { path: manifest.to_owned(), source };
    let manifest = manifest.canonicalize().map_err(file)?;
    let mut command = toolchain.build();
    command.current_dir(dir).arg("--message-format=json-render-diagnostics");
    for option in remapped(manifest.parent().unwrap_or(dir), name) {
        command.args(["--config", &option]);
    }
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().map_err(BuildError::Cargo)?;
    let mut module = None;
    for line in child.stdout.take().map(BufReader::new).into_iter().flat_map(BufReader::lines) {
        let Ok(message) = serde_json::from_str::<Message>(&line.map_err(BuildError::Cargo)?) else {
            continue;
        };
        if message.manifest_path.is_some_and(|path| path == manifest) {
            let made = message.filenames.into_iter();
            module = made.into_iter().find(|file| file.extension().is_some_and(|e| e == "wasm")).or(module);
        }
    }
    let status = child.wait().map_err(BuildError::Cargo)?;
    if !status.success() {
        return Err(BuildError::Failed(status));
    }
    module.ok_or(BuildError::NoModule)
}

/// Panics name source files: without the folders of whoever built it, the same sources give the same bytes.
fn remapped(dir: &Path, name: &str) -> Vec<String> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")));
    let folders = [(Some(dir.to_owned()), name), (home, "cargo")];
    let flags = folders.into_iter().filter_map(|(from, to)| {
        let flag = format!("--remap-path-prefix={}=/{to}", from?.to_str()?);
        Some(toml::Value::String(flag).to_string())
    });
    let flags: Vec<String> = flags.collect();
    vec![format!("target.{TARGET}.rustflags=[{}]", flags.join(", "))]
}
