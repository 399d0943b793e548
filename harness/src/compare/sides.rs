//! What a comparison needs of a run, read from its folder.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use squall_report::{Metric, Outcome, Phase, Report, Side};

use super::CompareError;
use super::bootstrap::Sliced;
use crate::record::{self, RequestRow};
use crate::verify::distrust;

/// A phase has at least so many slices; they are shorter than a second where it is a short one.
const LEAST_SLICES: u32 = 20;
/// And no more than so many: they are longer than a second where it is a long one.
const MOST_SLICES: u32 = 600;

/// The latencies that a ledger tells, on the clock that objectives use.
pub(super) const LATENCIES: [Metric; 3] = [Metric::Ttft, Metric::E2e, Metric::Tpot];

/// A run, as far as it is compared.
pub(super) struct Read {
    pub(super) side: Side,
    /// Why its figures can't be trusted, if they can't.
    pub(super) distrust: Option<String>,
    pub(super) phases: Vec<Figures>,
}

/// The figures of a phase.
pub(super) struct Figures {
    pub(super) name: String,
    /// How long it lasted.
    pub(super) seconds: f64,
    /// One for each of [`LATENCIES`].
    pub(super) latencies: Vec<Sliced>,
    /// 0 for a request that succeeded, 1 for one that did not.
    pub(super) failures: Sliced,
}

impl Read {
    /// The run in a folder, or whose report is named.
    pub(super) fn of(path: &Path) -> Result<Self, CompareError> {
        let folder = if path.is_file() { path.parent().unwrap_or(path) } else { path };
        Self::of_report(path, &report(folder)?, folder)
    }

    /// The run with this report, whose ledgers are in `folder`.
    pub(super) fn of_report(path: &Path, report: &Report, folder: &Path) -> Result<Self, CompareError> {
        let judged = report.phases.iter().filter(|phase| !phase.warmup);
        let mut gathered: Vec<Gathered> = judged.map(Gathered::of).collect();
        record::read_requests(folder, |row| {
            if let Some(phase) = gathered.iter_mut().find(|phase| phase.name == row.phase) {
                phase.take(&row);
            }
        })?;
        Ok(Self {
            distrust: distrust(report),
            side: Side {
                path: path.display().to_string(),
                name: report.scenario.name.clone(),
                seed: report.scenario.seed,
                digest: report.scenario.digest.clone(),
                verdict: report.verdict,
                started_at: report.started_at.clone(),
            },
            phases: gathered.into_iter().map(Gathered::sliced).collect(),
        })
    }
}

fn report(folder: &Path) -> Result<Report, CompareError> {
    let path = folder.join("report.json");
    let file = File::open(&path).map_err(|source| CompareError::Open { path: path.clone(), source })?;
    serde_json::from_reader(BufReader::new(file)).map_err(|source| CompareError::Report { path, source })
}

/// The figures of a phase, while its rows are read.
struct Gathered {
    name: String,
    start_s: f64,
    slices: u32,
    slice_s: f64,
    latencies: Vec<Vec<(f64, u32)>>,
    failures: Vec<(f64, u32)>,
}

impl Gathered {
    fn of(phase: &Phase) -> Self {
        let length = (phase.end_s - phase.start_s).max(f64::MIN_POSITIVE);
        let slices = (length.ceil() as u32).clamp(LEAST_SLICES, MOST_SLICES);
        Self {
            name: phase.name.clone(),
            start_s: phase.start_s,
            slices,
            slice_s: length / f64::from(slices),
            latencies: vec![Vec::new(); LATENCIES.len()],
            failures: Vec::new(),
        }
    }

    fn take(&mut self, row: &RequestRow) {
        // What the run's end cut off, or a client left on purpose, says nothing of the service.
        if row.outcome == Outcome::Aborted {
            return;
        }
        let at = (row.intended_ns.as_secs_f64() - self.start_s) / self.slice_s;
        let slice = (at.max(0.0) as u32).min(self.slices - 1);
        let failed = row.outcome != Outcome::Ok;
        self.failures.push((f64::from(u8::from(failed)), slice));
        for (metric, values) in LATENCIES.into_iter().zip(&mut self.latencies) {
            let ms = row.latency(metric).map(|latency| latency.as_secs_f64() * 1e3);
            let value = if failed { Some(f64::INFINITY) } else { ms };
            values.extend(value.map(|value| (value, slice)));
        }
    }

    fn sliced(self) -> Figures {
        let of = |values: Vec<(f64, u32)>| Sliced::new(self.slices, values.into_iter());
        Figures {
            latencies: self.latencies.into_iter().map(of).collect(),
            failures: of(self.failures),
            name: self.name,
            seconds: self.slice_s * f64::from(self.slices),
        }
    }
}
