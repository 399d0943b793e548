//! `squall run --repeat`: the same scenario several times, judged together.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, bail};
use squall::scenario::{self, plan::Arm};
use squall::verify::pool;
use squall_report::Repeats;

use super::super::exit::Exit;
use super::super::interrupt::Interrupt;
use super::super::shown::{json, printed, width};
use super::apart::{Apart, Ended, report};
use super::{Args, default_folder};

/// What the runs say together, in their folder.
pub(crate) const FILE: &str = "repeats.json";

/// Runs the scenario `times` times, each with the next seed and in a process of its own.
pub(super) fn run(args: &Args, times: u32) -> anyhow::Result<Exit> {
    let seed = scenario::load(&args.scenario, args.seed)?.seed;
    let stem = args.scenario.file_stem().unwrap_or_default().to_string_lossy();
    let dir = args.out.clone().unwrap_or_else(|| default_folder(&format!("{stem}-repeated")));
    let interrupt = Interrupt::listen()?;
    let mut runs = Vec::new();
    for time in 0..u64::from(times) {
        let folder = dir.join(format!("{:02}", time + 1));
        let run = Apart {
            scenario: &args.scenario,
            out: &folder,
            seed: Some(seed.wrapping_add(time)),
            load: args.load,
            arm: args.arm.map(Arm::from),
            quiet: args.is_quiet(),
        };
        match run.carry_out(&interrupt)? {
            Ended::CarriedOut => {}
            Ended::Interrupted => {
                bail!("interrupted; the {} runs so far are in {}", runs.len(), dir.display())
            }
            Ended::CouldNotRun => {
                bail!("run {} of {times} could not be carried out (its words are above)", time + 1)
            }
        }
        runs.push((folder.display().to_string(), report(&folder)?));
    }
    let repeats = pool(&runs);
    let path = dir.join(FILE);
    fs::write(&path, serde_json::to_vec_pretty(&repeats)?)
        .with_context(|| format!("could not write {}", path.display()))?;
    show(&repeats, &dir, args.json)?;
    Ok(repeats.verdict.into())
}

fn show(repeats: &Repeats, dir: &Path, as_json: bool) -> anyhow::Result<()> {
    let dir = dir.display().to_string();
    let shown = if as_json {
        json(repeats)
    } else {
        squall_report::write_repeats(repeats, &mut anstream::stdout().lock(), &dir, width())
    };
    printed(shown, "printing the result")
}
