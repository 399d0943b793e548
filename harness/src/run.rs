//! One run, wired: plan in, report out. The place to start reading.

use std::convert::Infallible;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use squall_report::Report;
use tokio_util::sync::CancellationToken;

use crate::calibration::Calibration;
use crate::clock::{Clock, Nanos};
use crate::compare;
use crate::correlation::Correlator;
use crate::fault::{self, FaultLive, Hold, NodeControl, NodeInfo, Storm};
use crate::fleet::reaper::Reaper;
use crate::fleet::{self, Fleet, FleetError, Launcher, Target};
use crate::load::{self, LoadContext, LoadSummary};
use crate::proxy::ProxyContext;
use crate::record::{self, Recorder, Recording};
use crate::scenario::{self, plan::Plan};
use crate::tokens::Tokenizer;
use crate::traffic;
use crate::usage::Usage;
use crate::verify::{self, Evidence};

/// The file whose presence says that a folder holds a finished run.
const REPORT_FILE: &str = "report.json";
/// The folder in it for what processes say.
const LOGS: &str = "logs";
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
    /// What this machine's client was measured to carry, where that is known.
    pub calibration: Option<Calibration>,
    /// The folder of the same run without its faults, to be compared with, where there is one.
    pub control: Option<PathBuf>,
    /// Pauses the storm by hand.
    pub hold: Hold,
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
    /// Interrupted before the load began.
    #[error("interrupted before the load began ({0}); there is nothing to report")]
    Interrupted(String),
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
    /// The run could not be compared with its control arm.
    #[error("the run can't be compared with its control arm: {0}")]
    Compare(#[from] compare::CompareError),
    /// The report could not be written.
    #[error(transparent)]
    Render(#[from] squall_report::RenderError),
}

impl RunError {
    /// The load had begun: the run happened, but can't be judged.
    pub fn is_late(&self) -> bool {
        matches!(self, Self::Load(_) | Self::Record(_) | Self::Compare(_) | Self::Render(_))
    }
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
    /// The faults, in the plan's order.
    pub faults: Vec<FaultLive>,
    /// Whether they are on as the plan says.
    pub storm: Storm,
}

/// Carries out `plan`, and judges it. `observe` is called a few times a second.
pub async fn run(
    plan: Plan,
    options: &Options,
    abort: &Abort,
    observe: impl FnMut(&Snapshot<'_>),
) -> Result<Report, RunError> {
    let traffic::trace::Skipped { rows, first } = traffic::survey(&plan)?.skipped;
    let skipped = squall_report::Skipped { rows, first };
    // A run counts by it: prompts that are taken as they are, and answers. The first requests can't wait for it.
    Tokenizer::load(&plan.target.tokenizer).map_err(traffic::TrafficError::from)?.get_ready();
    let plan = Arc::new(plan);
    let clock = Clock::stopped();
    let (recorder, records) = Recorder::channel();
    let correlator = Arc::new(Correlator::new());
    let launcher = launcher(&plan, options)?;
    let fleet = Fleet::new(&plan, &launcher, clock, &recorder);
    let control: Arc<dyn NodeControl> = Arc::new(fleet.clone());
    // Before anything runs: a plugin that refuses its parameters costs nobody a minute.
    let faults = fault::load_all(&plan, clock, &recorder, &correlator, &control)?;
    make_folders(&options.dir)?;
    let recording = record::start(Arc::clone(&plan), &options.dir, clock, records)?;

    let world = World { plan, clock, recorder, correlator, fleet, launcher, faults, control };
    let result = world.carry_out(options, abort, &recording, observe).await;
    // The fleet goes, whatever happened.
    world.fleet.shut_down().await;
    let evidence = Evidence { skipped, ..world.evidence(options, abort, result?) };
    let plan = Arc::clone(&world.plan);
    drop(world);

    let recorded = recording.finish()?;
    let facts = record::read_facts(&options.dir, &plan)?;
    let mut report = verify::judge(&plan, &recorded, &facts, evidence);
    facts.whole()?;
    if let Some(control) = &options.control {
        report.control = Some(compare::with_control(control, &report, &options.dir)?);
    }
    squall_report::write_all(&report, &options.dir)?;
    Ok(report)
}

/// Makes the run's folder and the folder for logs in it.
fn make_folders(dir: &Path) -> Result<(), RunError> {
    if dir.join(REPORT_FILE).exists() || dir.join(record::REQUESTS_FILE).exists() {
        return Err(RunError::Occupied(dir.to_owned()));
    }
    std::fs::create_dir_all(dir.join(LOGS))
        .map_err(|source| RunError::Folder { path: dir.to_owned(), source })
}

fn launcher(plan: &Plan, options: &Options) -> Result<Launcher, RunError> {
    // A scenario that is named without a folder lies in the current one.
    let folder = plan.path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Ok(Launcher {
        program: options.program.clone(),
        logs: options.dir.join(LOGS),
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

/// How the load went, and what it took.
struct Sent {
    load: LoadSummary,
    used: Usage,
}

impl World {
    /// Gets the fleet ready, sends the load through the storm, and takes the target away again.
    async fn carry_out(
        &self,
        options: &Options,
        abort: &Abort,
        recording: &Recording,
        observe: impl FnMut(&Snapshot<'_>),
    ) -> Result<Sent, RunError> {
        let interrupted = || RunError::Interrupted(abort.reason().unwrap_or_default());
        let target = tokio::select! {
            target = self.get_ready() => target?,
            () = abort.token.cancelled() => return Err(interrupted()),
        };
        self.clock.begin();
        let before = Usage::now();
        let in_flight = Arc::new(AtomicU64::new(0));
        // The storm lasts as long as its load, and is withdrawn with it.
        let withdrawn = CancellationToken::new();
        let load = async {
            let summary = load::run(self.load(&target, abort, &in_flight)).await;
            withdrawn.cancel();
            summary
        };
        let hold = &options.hold;
        let storm = self.faults.play(&self.plan, self.clock, withdrawn.clone(), hold, &self.recorder);
        // The storm first: what begins with the run is on before the first arrival.
        let both = async { tokio::join!(storm, load).1 };
        let summary = tokio::select! {
            summary = both => summary?,
            never = self.observe(recording, abort, hold, &in_flight, observe) => match never {},
            never = self.fail_on_trap(abort) => match never {},
        };
        target.shut_down().await;
        Ok(Sent { load: summary, used: Usage::now() - before })
    }

    /// Starts the nodes with their proxies, then the target.
    async fn get_ready(&self) -> Result<Target, FleetError> {
        let proxies = ProxyContext {
            clock: self.clock,
            seed: self.plan.seed,
            engine: Arc::clone(&self.faults.engine),
            recorder: self.recorder.clone(),
            correlator: Arc::clone(&self.correlator),
            attempt_ids: Arc::new(AtomicU64::new(0)),
            secret_headers: self.plan.secret_headers().into(),
        };
        self.fleet.start(&proxies).await?;
        Target::start(&self.plan, &self.fleet, &self.launcher).await
    }

    fn load(&self, target: &Target, abort: &Abort, in_flight: &Arc<AtomicU64>) -> LoadContext {
        LoadContext {
            plan: fleet::with_addresses(&self.plan, &self.fleet),
            clock: self.clock,
            base_url: target.base_url.clone(),
            recorder: self.recorder.clone(),
            correlator: Arc::clone(&self.correlator),
            stop: abort.token.clone(),
            in_flight: Arc::clone(in_flight),
        }
    }

    /// Shows the run to its observer, for as long as it lasts; ends it when it can't be recorded.
    async fn observe(
        &self,
        recording: &Recording,
        abort: &Abort,
        hold: &Hold,
        in_flight: &AtomicU64,
        mut observe: impl FnMut(&Snapshot<'_>),
    ) -> Infallible {
        loop {
            tokio::time::sleep(OBSERVE_EVERY).await;
            if recording.has_failed() {
                abort.now("the run could not be recorded");
            }
            if let Some(breach) = recording.breach() {
                abort.now(breach.why(&self.plan));
            }
            let now = self.clock.now();
            observe(&Snapshot {
                plan: &self.plan,
                now,
                phase: self.plan.phases.iter().position(|phase| now < phase.end()),
                in_flight: in_flight.load(Ordering::Relaxed),
                recorded: recording.live(),
                nodes: self.control.list(),
                faults: self.faults.live(&self.plan),
                storm: hold.storm(),
            });
        }
    }

    /// Ends the run at the first trap of a plugin whose `on_trap` says so.
    async fn fail_on_trap(&self, abort: &Abort) -> Infallible {
        let mut failure = self.faults.engine.failure();
        if let Ok(trap) = failure.wait_for(Option::is_some).await {
            abort.now(trap.as_ref().map(ToString::to_string).unwrap_or_default());
        }
        std::future::pending().await
    }

    fn evidence(&self, options: &Options, abort: &Abort, sent: Sent) -> Evidence {
        Evidence {
            squall: env!("CARGO_PKG_VERSION").into(),
            digest: scenario::digest(&self.plan),
            scenario_path: self.plan.path.display().to_string(),
            started_at: options.started_at.clone(),
            command: options.command.clone(),
            aborted: abort.reason(),
            duration: self.clock.now(),
            cpu_s: sent.used.cpu_s,
            peak_rss_bytes: sent.used.peak_rss_bytes,
            skipped: squall_report::Skipped::default(),
            lag: sent.load.lag,
            stall: sent.load.stall,
            calibration: options.calibration.as_ref().map(|known| known.judge(&sent.load.peak)),
            peak: sent.load.peak,
            saturated: sent.load.why_saturated,
            faults: self.faults.evidence(&self.plan),
        }
    }
}
