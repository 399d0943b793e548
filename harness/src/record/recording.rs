//! The recording thread: takes records as they come, writes ledgers, counts.

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TryRecvError, bounded};
use hdrhistogram::serialization::V2DeflateSerializer;
use parking_lot::Mutex;
use squall_report::course::Span;

use super::guards::{Breach, Guards};
use super::interval::{self, Interval, Series};
use super::ledger::Ledger;
use super::percentiles;
use super::tables::Tables;
use super::{
    ATTEMPTS_FILE, ClientLive, FAULTS_FILE, HISTOGRAM_LOG_FILE, Live, NODES_FILE, PAUSES_FILE, PauseEvent,
    REQUESTS_FILE, Record, RecordError, Recorded, SESSIONS_FILE, pauses,
};
use crate::clock::{Clock, Nanos};
use crate::scenario::plan::Plan;

/// Between two looks at what has come. A thread that is woken for each record costs whoever sends it, with the
/// switch of threads, more than the record does: a fifth of a load generator's work on one core.
const LOOK: Duration = Duration::from_millis(5);
/// Records between two looks at the clock, where more come than can be taken.
const AT_ONCE: usize = 4096;
/// Between two refreshes of what watchers see.
const REFRESH: Duration = Duration::from_millis(250);
/// Ledgers are flushed, an interval of the histogram log ends, and what takes longer to make is made for
/// watchers, this often.
const INTERVAL: Duration = Duration::from_secs(1);

/// A recording that goes on.
pub struct Recording {
    thread: JoinHandle<Result<Recorded, RecordError>>,
    close: Sender<()>,
    live: Arc<Mutex<Live>>,
    breach: Arc<OnceLock<Breach>>,
}

/// Starts to record what comes out of `records` into files in `folder`.
pub fn start(
    plan: Arc<Plan>,
    folder: &Path,
    clock: Clock,
    records: Receiver<Record>,
) -> Result<Recording, RecordError> {
    let ledgers = Ledgers::create(folder, &plan)?;
    let folder = folder.to_owned();
    let log_path = folder.join(HISTOGRAM_LOG_FILE);
    let log = File::create_new(&log_path)
        .map_err(|source| RecordError::Write { path: log_path.clone(), source })?;
    let (close, closed) = bounded(1);
    let live = Arc::new(Mutex::new(Live::default()));
    let shared = Arc::clone(&live);
    let breach = Arc::new(OnceLock::new());
    let breached = Arc::clone(&breach);
    let work = move || {
        let state = State {
            tables: Tables::new(&plan),
            guards: Guards::new(&plan),
            interval: Interval::new(),
            ledgers,
            live: shared,
            breach: breached,
            clock,
        };
        let (recorded, interval) = state.run(&plan, &records, &closed, log, &log_path)?;
        percentiles::write_all(&interval, &folder)?;
        Ok(recorded)
    };
    let thread = std::thread::Builder::new().name("squall-record".into()).spawn(work);
    let thread = thread.map_err(|error| RecordError::Thread(error.to_string()))?;
    Ok(Recording { thread, close, live, breach })
}

impl Recording {
    /// How the run stands.
    pub fn live(&self) -> Live {
        self.live.lock().clone()
    }

    /// The guard that was breached, if one was.
    pub fn breach(&self) -> Option<Breach> {
        self.breach.get().cloned()
    }

    /// It has ended before its time: a file could not be written. [`Recording::finish`] says why.
    pub fn has_failed(&self) -> bool {
        self.thread.is_finished()
    }

    /// Takes what is still on its way, closes the files, and gives the figures. Records that come
    /// later are dropped: whoever may still send must have ended before.
    pub fn finish(self) -> Result<Recorded, RecordError> {
        // An error means that the thread has ended already; joining says why.
        let _ = self.close.send(());
        self.thread.join().map_err(|_| RecordError::Thread("it panicked; this is a bug in squall".into()))?
    }
}

struct Ledgers {
    requests: Ledger,
    attempts: Ledger,
    faults: Ledger,
    nodes: Ledger,
    /// Where arrivals begin sessions.
    sessions: Option<Ledger>,
    /// From the first pause on.
    pauses: Option<Ledger>,
    folder: PathBuf,
}

impl Ledgers {
    fn create(folder: &Path, plan: &Plan) -> Result<Self, RecordError> {
        let sessions = plan.traffic.sessions.map(|_| Ledger::create(folder, SESSIONS_FILE));
        Ok(Self {
            requests: Ledger::create(folder, REQUESTS_FILE)?,
            attempts: Ledger::create(folder, ATTEMPTS_FILE)?,
            faults: Ledger::create(folder, FAULTS_FILE)?,
            nodes: Ledger::create(folder, NODES_FILE)?,
            sessions: sessions.transpose()?,
            pauses: None,
            folder: folder.to_owned(),
        })
    }

    /// A run that nobody pauses has no such file.
    fn pause(&mut self, event: &PauseEvent) -> Result<(), RecordError> {
        let ledger = match &mut self.pauses {
            Some(ledger) => ledger,
            none => none.insert(Ledger::create(&self.folder, PAUSES_FILE)?),
        };
        ledger.add(event)
    }

    fn flush(&mut self) -> Result<(), RecordError> {
        self.requests.flush()?;
        self.attempts.flush()?;
        self.faults.flush()?;
        self.nodes.flush()?;
        self.pauses.as_mut().map_or(Ok(()), Ledger::flush)?;
        self.sessions.as_mut().map_or(Ok(()), Ledger::flush)
    }
}

struct State {
    tables: Tables,
    guards: Guards,
    interval: Interval,
    ledgers: Ledgers,
    live: Arc<Mutex<Live>>,
    breach: Arc<OnceLock<Breach>>,
    clock: Clock,
}

impl State {
    fn run(
        mut self,
        plan: &Plan,
        records: &Receiver<Record>,
        closed: &Receiver<()>,
        log: File,
        log_path: &Path,
    ) -> Result<(Recorded, Interval), RecordError> {
        let unwritable = |source| RecordError::Write { path: log_path.to_owned(), source };
        let mut file = BufWriter::new(log);
        let mut serializer = V2DeflateSerializer::new();
        let mut log = interval::begin(&mut file, &mut serializer).map_err(unwritable)?;
        let mut refresh = Refresh::default();
        loop {
            let came = self.take_waiting(records)?;
            let now = self.clock.now();
            if now.since(refresh.at) >= REFRESH {
                refresh.at = now;
                *self.live.lock() = refresh.live(&self.tables, now);
            }
            let length = self.interval.length(now);
            if length >= INTERVAL {
                let client = self.interval.write(&mut log, now).map_err(unwritable)?;
                refresh.second(&mut self.tables, (now, length), client);
                self.ledgers.flush()?;
            }
            let rest = match came {
                Came::All => LOOK,
                Came::Some => Duration::ZERO,
                Came::Last => break,
            };
            if closed.recv_timeout(rest) != Err(RecvTimeoutError::Timeout) {
                break;
            }
        }
        while let Came::Some = self.take_waiting(records)? {}
        self.interval.write(&mut log, self.clock.now()).map_err(unwritable)?;
        self.ledgers.flush()?;
        std::io::Write::flush(&mut file).map_err(unwritable)?;
        let breach = self.breach.get().cloned();
        Ok((Recorded { breach, ..self.tables.finish(plan) }, self.interval))
    }

    /// Takes what has come.
    fn take_waiting(&mut self, records: &Receiver<Record>) -> Result<Came, RecordError> {
        for _ in 0..AT_ONCE {
            match records.try_recv() {
                Ok(record) => self.take(record)?,
                Err(TryRecvError::Empty) => return Ok(Came::All),
                Err(TryRecvError::Disconnected) => return Ok(Came::Last),
            }
        }
        Ok(Came::Some)
    }

    fn take(&mut self, record: Record) -> Result<(), RecordError> {
        match record {
            Record::Arrival(at) => {
                self.tables.arrival(at);
                Ok(())
            }
            Record::Request { row, gaps_ns } => {
                if let Some(breach) = self.guards.request(&row) {
                    // The first one stands: it ends the run.
                    let _ = self.breach.set(breach);
                }
                let interval = &mut self.interval;
                self.tables.request(&row, &gaps_ns, |metric, clock, latency| {
                    interval.record(Series::Latency(metric, clock), latency);
                });
                if let Some(sent) = row.sent_ns {
                    interval.record(Series::DispatchLag, sent - row.intended_ns);
                }
                self.ledgers.requests.add(&row)
            }
            Record::Session(row) => self.ledgers.sessions.as_mut().map_or(Ok(()), |ledger| ledger.add(&row)),
            Record::Attempt(row) => {
                self.tables.attempt(&row);
                self.ledgers.attempts.add(&row)
            }
            Record::Fault(row) => {
                self.tables.fault(&row);
                self.ledgers.faults.add(&row)
            }
            Record::Node(event) => {
                self.tables.node(&event);
                self.ledgers.nodes.add(&event)
            }
            Record::Pause(event) => {
                self.tables.pause(event);
                self.ledgers.pause(&event)
            }
            Record::Beat { at, late, in_flight } => {
                self.interval.record(Series::RuntimeStall, late);
                self.tables.beat(at, in_flight);
                Ok(())
            }
        }
    }
}

/// Of the records that wait, what was taken.
enum Came {
    /// All.
    All,
    /// As many as are taken at once.
    Some,
    /// All, and no more can come: every recorder is gone.
    Last,
}

/// What watchers saw last.
#[derive(Default)]
struct Refresh {
    at: Nanos,
    ended_before: u64,
    /// What is made once a second.
    slow: Live,
}

impl Refresh {
    /// A second is over, or a little more.
    fn second(&mut self, tables: &mut Tables, (now, length): (Nanos, Duration), client: ClientLive) {
        let ended = tables.ended();
        self.slow.rate = (ended - self.ended_before) as f64 / length.as_secs_f64();
        self.ended_before = ended;
        let end = now.as_secs_f64();
        let span = Span { start: end - length.as_secs_f64(), end };
        self.slow.last = Some((span, tables.lately(span.start)));
        self.slow.series = tables.series().into();
        self.slow.made = now;
        self.slow.nodes = tables.nodes().into();
        self.slow.client = client;
    }

    fn live(&self, tables: &Tables, now: Nanos) -> Live {
        Live { phases: tables.live(), pauses: pauses(tables.pause_events(), now).into(), ..self.slow.clone() }
    }
}
