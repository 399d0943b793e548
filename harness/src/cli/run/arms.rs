//! The control arm: the same traffic without the faults, before the storm.

use std::path::{Path, PathBuf};

use anyhow::bail;
use squall::scenario::plan::Arm;

use super::super::interrupt::Interrupt;
use super::Args;
use super::apart::{Apart, Ended};

/// The control arm's folder, in that of the storm.
const FOLDER: &str = "control";

/// Runs the control arm into the folder of the run, and says where it is.
pub(super) fn control(args: &Args, dir: &Path, interrupt: &Interrupt) -> anyhow::Result<PathBuf> {
    let out = dir.join(FOLDER);
    let control = Apart {
        scenario: &args.scenario,
        out: &out,
        seed: args.seed,
        load: args.load,
        arm: Some(Arm::Control),
        quiet: args.is_quiet(),
    };
    match control.carry_out(interrupt)? {
        // What its verdict means for the comparison, the comparison says.
        Ended::CarriedOut => Ok(out),
        Ended::Interrupted => bail!("interrupted in the control arm; the storm was not run"),
        Ended::CouldNotRun => bail!(
            "the control arm could not be run (its words are above), so that the storm has nothing to be compared with"
        ),
    }
}
