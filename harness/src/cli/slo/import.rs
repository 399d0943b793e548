//! `squall slo import`: OpenSLO's objectives as a scenario's.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::Serialize;
use squall::scenario::openslo::{self, Choices, Import, LeftOut, Objective, Subject, Unit};
use squall::scenario::{self, Mistake};

use crate::cli::check;
use crate::cli::exit::Exit;

/// Turn the SLOs of an OpenSLO v1 file into a scenario's [[slo]] sections
///
/// Each objective becomes a claim on a share of requests. Which of Squall's metrics an SLI is about is found
/// by the names in its query, as vLLM, SGLang and OpenTelemetry have them; where they don't say it,
/// `--metric` does, or the annotations `squall/metric` and `squall/unit` in the SLI's or the SLO's metadata.
/// What has no meaning in a run (time windows, alerts, data sources) is named and left out; what can't be
/// mapped is an error with its line, and then nothing is written unless `--partial` asks for the rest.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  squall slo import slos.yaml
  squall slo import slos.yaml --into scenario.toml --during steady --during recovery
  squall slo import slos.yaml --metric chat-latency=ttft --unit ms

What becomes of an objective:
  thresholdMetric of a time to first token, op: lte, value: 0.8, target: 0.95   p95(ttft) <= 800ms
  ratioMetric, good: the histogram's bucket le=\"0.8\", target: 0.95              p95(ttft) <= 800ms
  ratioMetric, good (or bad): requests by status, target: 0.999                 success >= 99.9%
  budgetingMethod: Timeslices, or a query of percentiles                        an error: no share of requests")]
pub(crate) struct Args {
    /// The OpenSLO file, of one or more YAML documents
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Add them to the end of this scenario instead of printing them
    #[arg(long, value_name = "SCENARIO")]
    into: Option<PathBuf>,
    /// The phase that they count; may be given more than once. All but warm-ups when it is left out
    #[arg(long, value_name = "PHASE")]
    during: Vec<String>,
    /// The metric of an SLI or SLO, by its name: success, ttft, ttfb, itl, tpot or e2e
    #[arg(long, value_name = "NAME=METRIC", value_parser = chosen)]
    metric: Vec<(String, Subject)>,
    /// The unit of values whose names don't say theirs: s or ms
    #[arg(long, value_name = "UNIT")]
    unit: Option<Unit>,
    /// Write what can be mapped although something can't
    #[arg(long)]
    partial: bool,
    /// Print what was mapped, left out and refused as JSON
    #[arg(long)]
    json: bool,
}

fn chosen(text: &str) -> Result<(String, Subject), String> {
    let (name, metric) = text.split_once('=').ok_or("write it as NAME=METRIC, as in chat-latency=ttft")?;
    Ok((name.to_owned(), metric.parse()?))
}

/// What `--json` prints.
#[derive(Serialize)]
struct Printed<'a> {
    slos: &'a [Objective],
    left_out: &'a [LeftOut],
    mistakes: Vec<Mistake>,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<Exit> {
    let source = openslo::read(&args.file)?;
    let choices = Choices { metrics: args.metric.iter().cloned().collect(), unit: args.unit };
    let import = openslo::import(&source, &args.file, &choices);
    let is_written = import.refused.is_none() || (args.partial && !import.slos.is_empty());
    if args.json {
        let mistakes = import.refused.as_ref().map_or_else(Vec::new, scenario::ScenarioError::mistakes);
        check::print_json(&Printed { slos: &import.slos, left_out: &import.left_out, mistakes })?;
    } else {
        tell(&import, &args.file);
    }
    if !is_written {
        return Ok(Exit::CouldNotRun);
    }
    let sections = openslo::to_toml(&import.slos, &args.file, &args.during);
    match &args.into {
        Some(path) => {
            insert(path, &sections)?;
            say(&format!("{} objectives added to {}", import.slos.len(), path.display()));
        }
        None if args.json => {}
        None => io::stdout().lock().write_all(sections.as_bytes()).context("could not write to stdout")?,
    }
    Ok(Exit::Pass)
}

/// What was left out and what is wrong, on stderr.
fn tell(import: &Import, file: &Path) {
    for left in &import.left_out {
        say(&format!("note: {}:{}: {}", file.display(), left.line, left.message));
    }
    if let Some(mistakes) = &import.refused {
        check::show_mistakes(mistakes);
    }
}

/// Replaces the scenario by one with the sections, whole or not at all.
fn insert(path: &Path, sections: &str) -> anyhow::Result<()> {
    let whole = openslo::insert(&scenario::read_text(path)?, path, sections)?;
    // A link stays one, and what it leads to is replaced.
    let path = fs::canonicalize(path).with_context(|| format!("{} can't be found", path.display()))?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let written = || -> io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(whole.as_bytes())?;
        file.as_file().set_permissions(fs::metadata(&path)?.permissions())?;
        file.persist(&path)?;
        Ok(())
    };
    written().with_context(|| format!("{} can't be written", path.display()))
}

fn say(text: &str) {
    // Nothing is left to tell when stderr is closed.
    let _ = writeln!(anstream::stderr(), "{text}");
}
