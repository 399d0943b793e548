//! `squall trace info`: what a trace is like, as text, as JSON and as a picture.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::PathBuf;

use anstyle::Style;
use anyhow::Context as _;
use comfy_table::{CellAlignment, Table, presets};
use squall::traffic::trace::{self, Info, Lengths, Prefixes, Times};
use squall_report::{TracePicture, write_trace_svg};

use super::Reading;
use crate::cli::exit::Exit;

const HEADING: Style = Style::new().bold();
/// Bars of the rate over time.
const BARS: usize = 60;
const HEIGHTS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const PERCENTILES: [usize; 5] = [50, 90, 95, 99, 100];

/// Say what a trace is like: rows, span, rate over time, burstiness, lengths, shared prefixes
///
/// Reads it once, in memory that does not grow with it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  squall trace info scenarios/traces/azure_llm_2023_conv.csv
  squall trace info conversation.jsonl --svg conversation.svg
  squall trace info big.csv.zst --json | jq .times.gap_cv")]
pub(crate) struct Args {
    /// The trace
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Print all of it as JSON
    #[arg(long)]
    json: bool,
    /// Draw its rate over time and its lengths into this file
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    #[command(flatten)]
    reading: Reading,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<Exit> {
    let info = trace::info(&args.reading.source(args.file.clone()), args.reading.seed)?;
    if let Some(path) = &args.svg {
        let draw = || {
            let mut out = BufWriter::new(File::create(path)?);
            write_trace_svg(&picture(args, &info), &mut out)
        };
        draw().with_context(|| format!("could not write {}", path.display()))?;
    }
    let text = if args.json { serde_json::to_string_pretty(&info)? + "\n" } else { text(args, &info) };
    let mut out = anstream::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).context("could not write to stdout")?;
    Ok(Exit::Pass)
}

fn picture(args: &Args, info: &Info) -> TracePicture {
    let lengths = [("input tokens", &info.input_tokens), ("output tokens", &info.output_tokens)];
    let lengths = lengths
        .into_iter()
        .filter_map(|(name, lengths)| Some((name.to_owned(), lengths.as_ref()?.percentiles.clone())));
    let times = info.times.as_ref();
    TracePicture {
        title: args.file.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        slot_s: times.map_or(1.0, |times| times.slot_s),
        rates: times.map(rates).unwrap_or_default(),
        lengths: lengths.collect(),
    }
}

/// Rows a second in each slot.
fn rates(times: &Times) -> Vec<f64> {
    times.slots.iter().map(|rows| *rows as f64 / times.slot_s).collect()
}

fn text(args: &Args, info: &Info) -> String {
    let mut rows = vec![("format", info.format.to_string()), ("rows", counted(info.rows))];
    if let Some(first) = &info.skipped.first {
        rows.push(("left out", format!("{} bad rows; the first, {first}", counted(info.skipped.rows))));
    }
    match &info.times {
        Some(times) => rows.extend(of_times(times, info)),
        None => rows.push(("times", "none: a scenario replays traces by their times".into())),
    }
    if let Some(prefixes) = &info.prefixes {
        rows.push(("prefixes", of_prefixes(prefixes)));
    }
    if let Some(sessions) = info.sessions {
        rows.push(("sessions", counted(sessions)));
    }
    if info.requests > 0 {
        rows.push(("as they are", format!("{} rows hold their request", counted(info.requests))));
    }
    let mut text = format!("{HEADING}{}{HEADING:#}\n", args.file.display());
    for (name, value) in rows {
        // Writing into a String can't fail.
        let _ = writeln!(text, " {name:<14} {value}");
    }
    text + &of_lengths(info)
}

fn of_times(times: &Times, info: &Info) -> Vec<(&'static str, String)> {
    let (bars, peak, bar_s) = bars(times);
    let mut rows = vec![
        ("span", seconds(times.span_s)),
        ("rate", format!("{:.2}/s", times.rate)),
        (
            "gaps",
            format!(
                "CV {:.2} (1 is Poisson), mean {}, longest {}",
                times.gap_cv,
                seconds(times.mean_gap_s),
                seconds(times.longest_gap_s)
            ),
        ),
    ];
    if let Some(spread) = info.spread_s {
        rows.push(("spread", format!("times within {} of the recorded ones", seconds(spread))));
    } else if times.same_time * 10 > info.rows {
        let share = times.same_time as f64 / info.rows as f64 * 100.0;
        rows.push((
            "rounded",
            format!("{share:.0} % of rows have the time of the row above; --spread spreads them"),
        ));
    }
    rows.push(("over time", bars));
    rows.push(("", format!("up to {peak:.2}/s, each bar {}", seconds(bar_s))));
    rows
}

/// The rate over time as bars, the largest rate, and the seconds of a bar.
fn bars(times: &Times) -> (String, f64, f64) {
    let together = times.slots.len().div_ceil(BARS).max(1);
    let bar_s = times.slot_s * together as f64;
    let sums: Vec<u64> = times.slots.chunks(together).map(|slots| slots.iter().sum()).collect();
    let most = sums.iter().copied().max().unwrap_or(0).max(1);
    let bar = |rows: &u64| match rows {
        0 => ' ',
        rows => HEIGHTS[((*rows * 8).div_ceil(most) as usize).clamp(1, 8) - 1],
    };
    (sums.iter().map(bar).collect(), most as f64 / bar_s, bar_s)
}

fn of_prefixes(prefixes: &Prefixes) -> String {
    let estimated = if prefixes.estimated { " (estimated within 1 %)" } else { "" };
    format!(
        "{:.1} % of {} blocks of {} tokens were seen before, {} are different{estimated}",
        prefixes.hit_rate * 100.0,
        counted(prefixes.blocks),
        prefixes.block_tokens,
        counted(prefixes.distinct),
    )
}

fn of_lengths(info: &Info) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["tokens", "rows", "mean", "sd", "min", "p50", "p90", "p95", "p99", "max"]);
    let mut any = false;
    for (name, lengths) in [("input", &info.input_tokens), ("output", &info.output_tokens)] {
        let Some(lengths) = lengths else { continue };
        any = true;
        table.add_row(row(name, lengths));
    }
    if !any {
        return String::new();
    }
    for column in 1..10 {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.lines().fold("\n".to_owned(), |mut text, line| {
        let _ = writeln!(text, "{}", line.trim_end());
        text
    })
}

fn row(name: &str, lengths: &Lengths) -> Vec<String> {
    let whole = |tokens: f64| counted(tokens.round() as u64);
    let start = [
        name.to_owned(),
        counted(lengths.rows),
        whole(lengths.mean),
        whole(lengths.sd),
        counted(lengths.min),
    ];
    let percentiles =
        PERCENTILES.map(|percent| counted(lengths.percentiles.get(percent).copied().unwrap_or(0)));
    start.into_iter().chain(percentiles).collect()
}

fn seconds(s: f64) -> String {
    match s {
        s if s < 1e-3 => format!("{:.0} µs", s * 1e6),
        s if s < 1.0 => format!("{:.0} ms", s * 1e3),
        s if s < 100.0 => format!("{s:.2} s"),
        s => format!("{s:.0} s"),
    }
}

/// `19,366`.
fn counted(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
