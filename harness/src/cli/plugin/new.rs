//! `squall plugin new`: a project to begin with.

use std::path::PathBuf;

use squall::author::project;

use super::print;
use crate::cli::exit::Exit;

/// Make a project for a plugin of your own, in Rust: it builds as it stands
///
/// The folder gets about 30 lines of plugin with one parameter and one hook, an exchange to replay with what
/// the plugin should decide on it, and Squall's SDK with the interface, which is not on crates.io. Nothing
/// that exists is overwritten.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  squall plugin new late
  squall plugin new late --dir plugins/late")]
pub(crate) struct Args {
    /// Its name: letters a to z, digits and hyphens
    name: String,
    /// The folder to make [default: ./NAME]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<Exit> {
    let Args { name, dir } = args;
    let dir = dir.clone().unwrap_or_else(|| PathBuf::from(name));
    let files = project::create(&dir, name)?;
    let wasm = dir.join(format!("{name}.wasm"));
    let (dir, wasm) = (dir.display(), wasm.display());
    print(&format!(
        "made {dir} with {} files; the plugin is {dir}/src/lib.rs\nnext:\n  squall plugin build {dir}\n  \
         squall plugin check {wasm}\n  squall plugin test {wasm}\n",
        files.len(),
    ))?;
    Ok(Exit::Pass)
}
