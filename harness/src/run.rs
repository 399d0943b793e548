//! One run, wired: plan in, report out. The place to start reading.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use squall_report::Report;
use tokio_util::sync::CancellationToken;

use crate::clock::{Clock, Nanos};
use crate::correlation::Correlator;
use crate::fault::{self, NodeControl, NodeInfo};
use crate::fleet::reaper::Reaper;
use crate::fleet::{Fleet, FleetError, Launcher, Target};
use crate::load::{self, LoadContext};
use crate::proxy::ProxyContext;
use crate::record::{self, Recorder};
use crate::scenario::plan::Plan;
use crate::traffic;
use crate::verify::{self, Evidence};

/// The file whose presence says that a folder holds a finished run.
const REPORT_FILE: &str = "report.json";
/// Between two looks at the run for its observer.
const OBSERVE_EVERY: Duration = Duration::from_millis(200);

/// How a run is carried out, beside what its plan says.
#[derive(Clone, Debug)]
pub struct Options {
    /// The run's folder; made when it is missing, refused when it holds a report.
    pub dir: PathBuf,
    /// Squall's own program, for the processes of the fleet.
    pub program: PathBuf,
    /// The command that repeats the run.
    pub command: String,
    /// Wall time of the start, RFC 3339.
    pub started_at: String,
}

/// Why a run could not be carried out; nothing was judged.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The run's folder could not be made.
    #[error("could not make the run's folder {}: {source}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The run's folder holds a run already.
    #[error("{} holds a run already; choose another folder with --out, or remove it", .0.display())]
    Occupied(PathBuf),
    /// The readiness client could not be made.
    #[error("could not set up HTTP: {0}")]
    Http(#[from] reqwest::Error),
    /// The traffic can't be made.
    #[error(transparent)]
    Traffic(#[from] traffic::TrafficError),
    /// A plugin was refused.
    #[error(transparent)]
    Plugin(#[from] fault::PluginError),
    /// The fleet did not get ready.
    #[error(transparent)]
    Fleet(#[from] FleetError),
    /// The load could not be sent.
    #[error(transparent)]
    Load(#[from] load::LoadError),
    /// The records could not be written.
    #[error(transparent)]
    Record(#[from] record::RecordError),
    /// The report could not be written.
    #[error(transparent)]
    Render(#[from] squall_report::RenderError),
}

/// Ends a run before its time; the first reason stands. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Abort {
    token: CancellationToken,
    reason: Arc<Mutex<Option<String>>>,
}

impl Abort {
    /// Nothing to abort yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Ends the run, because of `reason`.
    pub fn now(&self, reason: impl Into<String>) {
        self.reason.lock().get_or_insert_with(|| reason.into());
        self.token.cancel();
    }

    /// Why the run was ended, if it was.
    pub fn reason(&self) -> Option<String> {
        self.reason.lock().clone()
    }
}

/// What a run looks like at a moment, for whoever watches.
#[derive(Debug)]
pub struct Snapshot<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// Run time.
    pub now: Nanos,
    /// The phase, by index; none once the last has ended.
    pub phase: Option<usize>,
    /// Requests in flight.
    pub in_flight: u64,
    /// What was recorded.
    pub recorded: record::Live,
    /// The nodes.
    pub nodes: Vec<NodeInfo>,
}

/// Carries out `plan`, and judges it. `observe` is called a few times a second.
pub async fn run(
    plan: Plan,
    options: &Options,
    abort: &Abort,
    observe: impl FnMut(&Snapshot<'_>) + Send,
) -> Result<Report, RunError> {
    traffic::survey(&plan)?;
    let plan = Arc::new(plan);
    let logs = make_folders(&options.dir)?;

    let clock = Clock::stopped();
    let (recorder, records) = Recorder::channel();
    let launcher = launcher(&plan, options, logs)?;
    let fleet = Fleet::new(&plan, &launcher, clock, &recorder);
    let correlator = Arc::new(Correlator::new());
    let control: Arc<dyn NodeControl> = Arc::new(fleet.clone());
    // Before anything runs: a plugin that refuses its parameters costs nobody a minute.
    let faults = fault::load_all(&plan, clock, &recorder, &correlator, &control)?;
    let recording = record::start(Arc::clone(&plan), &options.dir, clock, records)?;

    let world = World { plan, clock, recorder, correlator, fleet, launcher, faults, control };
    let result = world.carry_out(abort, &recording, observe).await;
    // The fleet goes, whatever happened.
    world.fleet.shut_down().await;
    let (load, cpu) = result?;

    let evidence = Evidence {
        squall: env!("CARGO_PKG_VERSION").into(),
        started_at: options.started_at.clone(),
        command: options.command.clone(),
        aborted: abort.reason(),
        duration: world.clock.now(),
        cpu_s: cpu.cpu_s,
        peak_rss_bytes: cpu.peak_rss_bytes,
        lag: load.lag,
        saturated: load.saturated,
        faults: world.faults.evidence(),
    };
    let plan = Arc::clone(&world.plan);
    drop(world);
    let recorded = recording.finish()?;
    let facts = record::read_facts(&options.dir, &plan)?;
    let report = verify::judge(&plan, &recorded, &facts, evidence);
    squall_report::write_all(&report, &options.dir)?;
    Ok(report)
}

/// Makes the run's folder and the folder for logs in it.
fn make_folders(dir: &Path) -> Result<PathBuf, RunError> {
    if dir.join(REPORT_FILE).exists() || dir.join(record::REQUESTS_FILE).exists() {
        return Err(RunError::Occupied(dir.to_owned()));
    }
    let logs = dir.join("logs");
    std::fs::create_dir_all(&logs).map_err(|source| RunError::Folder { path: dir.to_owned(), source })?;
    Ok(logs)
}

fn launcher(plan: &Plan, options: &Options, logs: PathBuf) -> Result<Launcher, RunError> {
    let folder = plan.path.parent().unwrap_or(Path::new("."));
    Ok(Launcher {
        program: options.program.clone(),
        logs,
        scenario_dir: std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned()),
        model: plan.target.model.clone(),
        reaper: Reaper::start(&options.program)?,
        http: reqwest::Client::builder().no_proxy().build()?,
    })
}

/// Everything that a run has going.
struct World {
    plan: Arc<Plan>,
    clock: Clock,
    recorder: Recorder,
    correlator: Arc<Correlator>,
    fleet: Fleet,
    launcher: Launcher,
    faults: fault::Loaded,
    control: Arc<dyn NodeControl>,
}

impl World {
    /// Gets the fleet ready, sends the load through the storm, and takes the target away again.
    async fn carry_out(
        &self,
        abort: &Abort,
        recording: &record::Recording,
        observe: impl FnMut(&Snapshot<'_>) + Send,
    ) -> Result<LoadSummary, RunError> {
        let target = tokio::select! {
            target = self.get_ready() => target?,
            () = abort.token.cancelled() => return Err(RunError::Interrupted),
        };
        self.clock.begin();
        let withdrawn = CancellationToken::new();
        let storm = fault::timeline::run(
            Arc::clone(&self.faults.engine),
            Arc::clone(&self.plan),
            self.clock,
            Arc::clone(&self.control),
            withdrawn.clone(),
        );
        let load = self.load(&target, abort);
        let live = load.live();
        let load = async {
            let summary = load::run(load).await;
            // The storm is over with its load.
            withdrawn.cancel();
            summary
        };
        let watch = async {
            tokio::select! {
                never = self.observe(recording, &live, observe) => never,
                never = self.watch(&target, abort) => never,
            }
        };
        let both = async { tokio::join!(load, storm).0 };
        let summary = tokio::select! {
            summary = both => summary?,
            never = watch => match never {},
        };
        target.shut_down().await;
        Ok(summary)
    }
}
