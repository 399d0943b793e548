//! `squall run --repeat`: the same scenario several times, judged together.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use anyhow::{Context as _, bail};
use squall::scenario::{self, plan::Arm};
use squall::verify::pool;
use squall_report::{Repeats, Report, Verdict};

use super::super::exit::Exit;
use super::super::interrupt::Interrupt;
use super::{Args, PLAIN_WIDTH, arms, default_folder, terminal_width};

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
        let mut words = arms::words(args, Some(seed.wrapping_add(time)), &folder);
        words.extend(args.arm.iter().flat_map(|arm| ["--arm".into(), Arm::from(*arm).name().into()]));
        let status = interrupt.squall(&words)?;
        if interrupt.has_come() {
            bail!("interrupted; the {} runs so far are in {}", runs.len(), dir.display());
        }
        if status.code() == Some(Exit::CouldNotRun as i32) || status.code().is_none() {
            bail!("run {} of {times} could not be carried out (its words are above)", time + 1);
        }
        runs.push((folder.display().to_string(), report(&folder)?));
    }
    let repeats = pool(&runs);
    let path = dir.join(FILE);
    fs::write(&path, serde_json::to_vec_pretty(&repeats)?)
        .with_context(|| format!("could not write {}", path.display()))?;
    show(&repeats, &dir, args.json)?;
    Ok(match repeats.verdict {
        Verdict::Pass => Exit::Pass,
        Verdict::Fail => Exit::Fail,
        Verdict::Inconclusive | Verdict::NotChecked => Exit::Inconclusive,
    })
}

/// The report of a run in a folder.
pub(crate) fn report(folder: &Path) -> anyhow::Result<Report> {
    let path = folder.join("report.json");
    let text = fs::read(&path).with_context(|| format!("could not read {}", path.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("{} is no report", path.display()))
}

fn show(repeats: &Repeats, dir: &Path, json: bool) -> anyhow::Result<()> {
    let shown = if json {
        let mut out = std::io::stdout().lock();
        serde_json::to_writer_pretty(&mut out, repeats).map_err(Into::into).and_then(|()| writeln!(out))
    } else {
        let width = terminal_width().unwrap_or(PLAIN_WIDTH);
        squall_report::write_repeats(
            repeats,
            &mut anstream::stdout().lock(),
            &dir.display().to_string(),
            width,
        )
    };
    // A reader that went away (`| head`) has seen what it wanted.
    match shown {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(error).context("printing the result")
        }
        _ => Ok(()),
    }
}
