//! The load generator against small servers that misbehave in exactly one way each.

mod answers;
mod arrivals;
mod content;
mod limits;
mod outcomes;
mod request;
mod server;
mod sessions;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crossbeam_channel::Receiver;
use squall::clock::{Clock, Nanos};
use squall::correlation::Correlator;
use squall::load::{self, LoadContext, LoadError, LoadSummary};
use squall::record::{Record, Recorder, RequestRow, SessionRow};
use squall::scenario::{self, plan::Plan};
use tokio_util::sync::CancellationToken;

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

/// Whatever takes longer than this hangs.
const HANG: Duration = Duration::from_secs(30);
/// The tokens that every request of these tests asks for.
const TOKENS: u32 = 4;

const TARGET_URL: &str = "url = \"http://127.0.0.1:1/v1\"";
/// A plan with one simulated node: the answers are known, and of markers the proxies know.
const TARGET_SIM: &str = "node = \"a\"\n[[node]]\nname = \"a\"\nsim = {}";
/// Five arrivals in the only phase.
const FEW: &str = "arrivals = { constant = \"50/s\" }";
/// Generous, so that no limit is run into by chance.
const PATIENT: &str = "first_token = \"20s\", idle = \"20s\", total = \"25s\"";

fn plan(target: &str, arrivals: &str, limits: &str, stream: bool) -> Result<Plan> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("scenario.toml");
    let text = format!(
        "schema = 1\nname = \"test\"\nseed = 7\n[target]\nmodel = \"sim\"\n{target}\n[traffic]\n{arrivals}\n\
         prompts = {{ input = 20, output = {TOKENS} }}\nlimits = {{ {limits} }}\nstream = {stream}\n\
         [[phase]]\nname = \"only\"\nduration = \"100ms\"\n\
         [[slo]]\nname = \"success\"\nobjective = \"success >= 50%\"\n"
    );
    std::fs::write(&path, text)?;
    Ok(scenario::load(&path, None)?)
}

/// What came of a load.
struct Load {
    summary: std::result::Result<LoadSummary, LoadError>,
    arrivals: Vec<Nanos>,
    /// By id.
    rows: Vec<RequestRow>,
    gaps: Vec<Vec<u32>>,
    /// By id.
    sessions: Vec<SessionRow>,
}

impl Load {
    /// Every arrival has exactly one row, ids are dense but for what sessions never asked, and each row comes
    /// after its arrival, and before that of its session.
    fn collect(records: &Receiver<Record>, summary: std::result::Result<LoadSummary, LoadError>) -> Self {
        let mut arrivals = Vec::new();
        let mut ended: Vec<(RequestRow, Vec<u32>)> = Vec::new();
        let mut sessions: Vec<SessionRow> = Vec::new();
        for record in records.try_iter() {
            match record {
                Record::Arrival(at) => arrivals.push(at),
                Record::Request { row, gaps_ns } => {
                    assert!(arrivals.contains(&row.intended_ns), "a row before its arrival: {row:?}");
                    ended.push((*row, gaps_ns));
                }
                Record::Session(row) => {
                    let rows = ended.iter().filter(|(request, _)| request.session == Some(row.id)).count();
                    assert_eq!(rows as u32, row.requests_asked, "{row:?}");
                    sessions.push(*row);
                }
                Record::Beat { .. } => {}
                other => panic!("{other:?}"),
            }
        }
        ended.sort_by_key(|(row, _)| row.id);
        assert_eq!(ended.len(), arrivals.len());
        sessions.sort_by_key(|row| row.id);
        let asked: Vec<u64> = if sessions.is_empty() {
            (0..arrivals.len() as u64).collect()
        } else {
            let asked = |row: &SessionRow| (row.first_request.0..).take(row.requests_asked as usize);
            sessions.iter().flat_map(asked).collect()
        };
        let ids: Vec<u64> = ended.iter().map(|(row, _)| row.id.0).collect();
        assert_eq!(ids, asked);
        let (rows, gaps) = ended.into_iter().unzip();
        Self { summary, arrivals, rows, gaps, sessions }
    }

    /// The row that stands for all, since all ended alike.
    fn alike(&self) -> &RequestRow {
        let first = &self.rows[0];
        for row in &self.rows {
            let same = |row: &RequestRow| (row.outcome, row.status, row.content, row.marker, row.timeout);
            assert_eq!(same(row), same(first), "{row:?}\n{first:?}");
        }
        first
    }
}

struct Bench {
    plan: Plan,
    correlator: Arc<Correlator>,
    stop: CancellationToken,
    in_flight: Arc<AtomicU64>,
}

impl Bench {
    fn new(plan: Plan) -> Self {
        let in_flight = Arc::new(AtomicU64::new(0));
        Self { plan, correlator: Arc::new(Correlator::new()), stop: CancellationToken::new(), in_flight }
    }

    async fn run(self, target: SocketAddr) -> Result<Load> {
        let (recorder, records) = Recorder::channel();
        let in_flight = Arc::clone(&self.in_flight);
        let summary = load::run(LoadContext {
            plan: Arc::new(self.plan),
            clock: Clock::start(),
            base_url: format!("http://{target}/v1"),
            recorder,
            correlator: self.correlator,
            stop: self.stop,
            in_flight: self.in_flight,
        });
        let summary = tokio::time::timeout(HANG, summary).await?;
        assert_eq!(in_flight.load(Ordering::Relaxed), 0);
        Ok(Load::collect(&records, summary))
    }
}

/// Five requests to a target of which nothing is known.
async fn load(target: SocketAddr) -> Result<Load> {
    Bench::new(plan(TARGET_URL, FEW, PATIENT, true)?).run(target).await
}
