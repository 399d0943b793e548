//! `squall compare`: two runs held against each other.

use std::path::PathBuf;

use anyhow::bail;
use squall::compare::{MATTERS, compare};
use squall_report::{Change, Matters};

use super::exit::Exit;
use super::shown::{json, printed, width};

/// Compare two runs: better, worse, the same, or not to be told
///
/// Phase by phase: success, answers a second, and percentiles of ttft, e2e and tpot, each with an interval that
/// takes into account that requests of one moment share their fate. What is smaller than what matters is the
/// same; what the samples can't tell is undecided. Exit codes: 0 better or the same, 1 worse, 2 the runs can't
/// be compared, 3 undecided.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  squall compare runs/main runs/branch
  squall compare runs/main runs/branch --matters 5% --markdown >> \"$GITHUB_STEP_SUMMARY\"
  squall compare runs/main runs/branch --json | jq '.differences[] | select(.verdict == \"worse\")'")]
pub(crate) struct Args {
    /// The folder of the run to compare with
    baseline: PathBuf,
    /// The folder of the run to judge
    candidate: PathBuf,
    /// The smallest change of a latency or a rate that matters, as a share of the baseline's
    #[arg(long, value_name = "PERCENT", default_value = "10%", value_parser = share)]
    matters: f64,
    /// The smallest change of a latency that matters, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = MATTERS.latency_ms)]
    matters_ms: f64,
    /// The smallest change of the share of requests that succeed that matters, in points
    #[arg(long, value_name = "PERCENT", default_value = "1%", value_parser = share)]
    matters_success: f64,
    /// Print the comparison as JSON
    #[arg(long)]
    json: bool,
    /// Print the comparison as Markdown, for a step summary
    #[arg(long, conflicts_with = "json")]
    markdown: bool,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<Exit> {
    if !(args.matters_ms.is_finite() && args.matters_ms >= 0.0) {
        bail!("--matters-ms is a time in milliseconds, 0 or more");
    }
    let matters =
        Matters { relative: args.matters, latency_ms: args.matters_ms, share: args.matters_success };
    let comparison = compare(&args.baseline, &args.candidate, matters)?;
    let shown = if args.json {
        json(&comparison)
    } else if args.markdown {
        squall_report::write_comparison_markdown(&comparison, &mut std::io::stdout().lock())
    } else {
        squall_report::write_comparison(&comparison, &mut anstream::stdout().lock(), width())
    };
    printed(shown, "printing the comparison")?;
    Ok(match comparison.verdict {
        Change::Better | Change::Same => Exit::Pass,
        Change::Worse => Exit::Fail,
        Change::Undecided => Exit::Inconclusive,
    })
}

/// `5%`, or `0.05`.
fn share(text: &str) -> Result<f64, String> {
    let share = match text.strip_suffix('%') {
        Some(percent) => percent.trim().parse::<f64>().map(|percent| percent / 100.0),
        None => text.parse(),
    };
    match share {
        Ok(share) if (0.0..=1.0).contains(&share) => Ok(share),
        _ => Err("expected a share from 0 to 1, or a percentage such as `5%`".into()),
    }
}
