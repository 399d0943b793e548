//! The exit codes: a contract with scripts and CI.

use std::process::ExitCode;

use squall_report::Verdict;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done; of a run: every check passed.
    Pass = 0,
    /// The run showed that a check does not hold.
    Fail = 1,
    /// It could not run: usage, scenario, plugin, port, a node that was not ready.
    CouldNotRun = 2,
    /// The run did not decide: too few samples, a trap, a saturated client, an abort.
    Inconclusive = 3,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

impl From<Verdict> for Exit {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Pass => Self::Pass,
            Verdict::Fail => Self::Fail,
            Verdict::Inconclusive | Verdict::NotChecked => Self::Inconclusive,
        }
    }
}
