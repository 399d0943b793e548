//! Finds a Rust toolchain that builds for plugins' target.
//!
//! Two will do: one with the target's standard library (rustup's, or a distribution's package), and
//! Debian's `rustc-web`, which has the library's sources instead and builds it along.

use std::path::{Path, PathBuf};
use std::process::Command;

/// What plugins are built for.
pub const TARGET: &str = "wasm32-unknown-unknown";
/// Debian's packages.
const DEBIAN: &str = "rustc-web cargo-web rust-web-src lld-19";
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const DEBIAN_CARGO: &str = "/usr/bin/cargo";
/// The linkers that Debian's `lld` packages bring, newest first.
const LINKERS: std::ops::RangeInclusive<u32> = 14..=30;

/// Nothing here builds plugins.
#[derive(Debug, thiserror::Error)]
#[error(
    "no Rust toolchain here builds for {TARGET}:\n  - {on_path}\n  - {debian}\n\
     hint: install one of\n  rustup target add {TARGET}\n  apt-get install {DEBIAN}"
)]
pub struct NoToolchain {
    on_path: String,
    debian: String,
}

/// A toolchain that builds plugins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Toolchain {
    /// `rustc --version`, and whose it is.
    pub name: String,
    cargo: PathBuf,
    /// Debian's own way.
    debian: Option<Debian>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Debian {
    linker: PathBuf,
}

impl Toolchain {
    /// The first that will do in `dir`, whose `rust-toolchain.toml` may choose one.
    pub fn find(dir: &Path) -> Result<Self, NoToolchain> {
        let on_path = match on_path(dir) {
            Ok(found) => return Ok(found),
            Err(why) => why,
        };
        debian().map_err(|debian| NoToolchain { on_path, debian })
    }

    /// `cargo build`, for the target.
    pub fn build(&self) -> Command {
        let mut command = Command::new(&self.cargo);
        command.args(["build", "--release", "--lib", "--target", TARGET]);
        if let Some(Debian { linker }) = &self.debian {
            // Building the standard library is unstable, and this compiler is released: it must be told.
            command.args(["-Z", "build-std=std,panic_abort"]);
            command.env("RUSTC", DEBIAN_RUSTC).env("RUSTC_BOOTSTRAP", "1");
            command.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker);
        }
        command
    }
}

fn on_path(dir: &Path) -> Result<Toolchain, String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let run = |args: &[&str]| {
        let output = Command::new(&rustc).args(args).current_dir(dir).output();
        let output = output.map_err(|error| format!("no `rustc` on the PATH ({error})"))?;
        let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        output.status.success().then_some(text).ok_or_else(|| {
            let said = String::from_utf8_lossy(&output.stderr);
            format!("`rustc` on the PATH fails: {}", said.lines().next().unwrap_or_default())
        })
    };
    let version = run(&["--version"])?;
    let library = run(&["--print", "target-libdir", "--target", TARGET])?;
    if !has_library(Path::new(&library)) {
        return Err(format!("the one on the PATH ({version}) lacks the target"));
    }
    Ok(Toolchain { name: version, cargo: "cargo".into(), debian: None })
}

fn has_library(dir: &Path) -> bool {
    let mut entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    entries.any(|entry| entry.file_name().to_string_lossy().starts_with("libstd-"))
}

fn debian() -> Result<Toolchain, String> {
    let missing = |what: &str| format!("Debian's lacks {what}");
    let run = |args: &[&str]| -> Result<String, String> {
        let output = Command::new(DEBIAN_RUSTC).args(args).output().map_err(|_| missing(DEBIAN_RUSTC))?;
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let version = run(&["--version"])?;
    if !Path::new(DEBIAN_CARGO).exists() {
        return Err(missing(DEBIAN_CARGO));
    }
    let sources = Path::new(&run(&["--print", "sysroot"])?).join("lib/rustlib/src/rust/library/std");
    if !sources.is_dir() {
        return Err(missing("the standard library's sources"));
    }
    let linker = linker().ok_or_else(|| missing("`wasm-ld` on the PATH"))?;
    let name = format!("{version}, Debian's");
    Ok(Toolchain { name, cargo: DEBIAN_CARGO.into(), debian: Some(Debian { linker }) })
}

fn linker() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let folders: Vec<PathBuf> = std::env::split_paths(&path).filter(|dir| dir.is_absolute()).collect();
    let names = LINKERS.rev().map(|version| format!("wasm-ld-{version}")).chain(["wasm-ld".into()]);
    names.flat_map(|name| folders.iter().map(move |dir| dir.join(&name))).find(|file| file.is_file())
}
