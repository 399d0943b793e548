//! The control arm: the same traffic without the faults, in a process of its own, before the storm.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::bail;

use super::super::exit::Exit;
use super::super::interrupt::Interrupt;
use super::Args;

/// The control arm's folder, in that of the storm.
const FOLDER: &str = "control";

/// Runs the control arm into the folder of the run, and says where it is.
pub(super) fn control(args: &Args, dir: &Path, interrupt: &Interrupt) -> anyhow::Result<PathBuf> {
    let folder = dir.join(FOLDER);
    let mut words = words(args, args.seed, &folder);
    words.extend(["--arm".into(), "control".into()]);
    let status = interrupt.squall(&words)?;
    if interrupt.has_come() {
        bail!("interrupted in the control arm; the storm was not run");
    }
    // A verdict of any kind is one: what it means for the comparison, the comparison says.
    let carried_out = [Exit::Pass, Exit::Fail, Exit::Inconclusive];
    if !carried_out.iter().any(|exit| status.code() == Some(*exit as i32)) {
        bail!(
            "the control arm could not be run (its words are above), so that the storm has nothing to be compared with"
        );
    }
    Ok(folder)
}

/// The words of a run like this one into another folder.
pub(super) fn words(args: &Args, seed: Option<u64>, out: &Path) -> Vec<OsString> {
    let mut words: Vec<OsString> =
        vec!["run".into(), args.scenario.clone().into(), "--out".into(), out.into()];
    if let Some(seed) = seed {
        words.extend(["--seed".into(), seed.to_string().into()]);
    }
    if let Some(load) = args.load {
        words.extend(["--load".into(), load.to_string().into()]);
    }
    if args.quiet {
        words.push("--quiet".into());
    }
    words
}
