//! A run in a process and a folder of its own: the control arm, one of several repeats, a try of a search.

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use anyhow::Context as _;
use squall::scenario::plan::Arm;
use squall_report::Report;

use super::super::exit::Exit;
use super::super::interrupt::Interrupt;

/// What is run; what is left out is as the scenario says.
pub(crate) struct Apart<'a> {
    pub(crate) scenario: &'a Path,
    /// The run's folder.
    pub(crate) out: &'a Path,
    pub(crate) seed: Option<u64>,
    pub(crate) load: Option<f64>,
    pub(crate) arm: Option<Arm>,
    /// Show no progress.
    pub(crate) quiet: bool,
}

/// How such a run ended.
pub(crate) enum Ended {
    /// It has a verdict, of whatever kind.
    CarriedOut,
    /// A signal came.
    Interrupted,
    /// It said why.
    CouldNotRun,
}

impl Apart<'_> {
    /// Runs it to its end.
    pub(crate) fn carry_out(&self, interrupt: &Interrupt) -> anyhow::Result<Ended> {
        let status = interrupt.squall(&self.words())?;
        if interrupt.has_come() {
            return Ok(Ended::Interrupted);
        }
        let verdicts = [Exit::Pass, Exit::Fail, Exit::Inconclusive];
        let judged = verdicts.into_iter().any(|exit| status.code() == Some(exit as i32));
        Ok(if judged { Ended::CarriedOut } else { Ended::CouldNotRun })
    }

    fn words(&self) -> Vec<OsString> {
        let mut words: Vec<OsString> =
            vec!["run".into(), self.scenario.into(), "--out".into(), self.out.into()];
        let mut give = |flag: &str, value: String| words.extend([flag.into(), value.into()]);
        if let Some(seed) = self.seed {
            give("--seed", seed.to_string());
        }
        if let Some(load) = self.load {
            give("--load", load.to_string());
        }
        if let Some(arm) = self.arm {
            give("--arm", arm.name().to_owned());
        }
        if self.quiet {
            words.push("--quiet".into());
        }
        words
    }
}

/// The report of a run in a folder.
pub(crate) fn report(folder: &Path) -> anyhow::Result<Report> {
    let path = folder.join("report.json");
    let text = fs::read(&path).with_context(|| format!("could not read {}", path.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("{} is no report", path.display()))
}
