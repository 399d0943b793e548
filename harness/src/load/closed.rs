//! Closed loop: users who each wait for their answer before they ask again. The only file that names
//! goose.
//!
//! Goose starts the users, runs them and waits for them. What a user does is ours: all it asks until the
//! plan's end, by our exchange and into our recorder, so that goose never sends, measures or reports. A
//! request is intended when its user is ready to ask. The in-flight cap does not apply: there are never
//! more in flight than users.
//!
//! Goose is made for a process of its own, which it is not given here: it would log to stdout (our data)
//! and take Ctrl-C. The first is prevented by a logger that says nothing, the second by whoever runs us
//! (`ctrlc` takes one handler a process, and the first stands). One attack at a time a process.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use goose::client::GooseClientBuilder;
use goose::config::GooseConfiguration;
use goose::goose::{Scenario, Transaction, TransactionFunction};
use goose::{GooseAttack, GooseError};
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use super::LoadError;
use super::session::Session;
use crate::name::RequestId;
use crate::record::Record;
use crate::traffic::Prompts;

/// Users a second that goose starts: all of them as fast as it can. Not more, since goose counts the
/// milliseconds that this takes in single precision.
const START_RATE: &str = "1000000";
/// Between two times that goose is told to stop.
const STOP_AGAIN: Duration = Duration::from_millis(50);
/// A user that is done looks so often whether goose lets it go.
const REST: Duration = Duration::from_millis(10);

/// Runs `count` users until the plan's end, and waits until the last request has ended.
pub(super) async fn run(session: &Arc<Session>, count: u32, think: Duration) -> Result<(), LoadError> {
    silence();
    let users = Arc::new(Users {
        session: Arc::clone(session),
        think,
        prompts: Prompts::of(&session.plan)?,
        ids: AtomicU64::new(0),
        all_asked: CancellationToken::new(),
        failure: Mutex::new(None),
    });
    let attack = attack(&users, count)?;
    tokio::select! {
        // What it measured is nothing.
        attacked = attack.execute() => drop(attacked?),
        never = stop_goose(&users) => match never {},
    }
    let failure = users.failure.lock().take();
    failure.map_or(Ok(()), Err)
}

/// Tells goose that its users have nothing more to do. It forgets what it is told while it starts, so
/// it is told again until it has stopped.
async fn stop_goose(users: &Users) -> Infallible {
    let session = &users.session;
    tokio::select! {
        () = session.clock.sleep_until(session.plan.end()) => {}
        () = users.all_asked.cancelled() => {}
        () = session.over.cancelled() => {}
    }
    loop {
        goose::trigger_killswitch("the load is over");
        tokio::time::sleep(STOP_AGAIN).await;
    }
}

impl From<GooseError> for LoadError {
    fn from(error: GooseError) -> Self {
        Self::Users(error.to_string())
    }
}

struct Users {
    session: Arc<Session>,
    think: Duration,
    prompts: Prompts,
    ids: AtomicU64,
    /// As many requests were asked as the plan may have.
    all_asked: CancellationToken,
    /// The first thing that went wrong with a user; goose would only count it.
    failure: Mutex<Option<LoadError>>,
}

impl Users {
    /// What one user does from the start to the end of the run.
    async fn live(&self) {
        if let Err(error) = self.ask_on().await {
            self.failure.lock().get_or_insert(error);
            self.session.over.cancel();
        }
        // Goose sends a user round again until it has told it to stop, and does not look in between.
        tokio::time::sleep(REST).await;
    }

    /// The next request's id; none when there are as many as there may be.
    fn next_id(&self) -> Option<RequestId> {
        let id = self.ids.fetch_add(1, Ordering::Relaxed);
        if self.session.plan.traffic.limits.requests.is_some_and(|most| id >= most) {
            self.all_asked.cancel();
            return None;
        }
        Some(RequestId(id))
    }

    async fn ask_on(&self) -> Result<(), LoadError> {
        let session = &self.session;
        let end = session.plan.end();
        while !session.over.is_cancelled() {
            let ready = session.clock.now();
            if ready >= end {
                break;
            }
            let Some(id) = self.next_id() else { break };
            let (prompt, output_tokens) = self.prompts.draw(id)?;
            let ask = session.ask(id, ready, &prompt, output_tokens)?;
            session.recorder.record(Record::Arrival(ready));
            let place = session.enter(u64::MAX);
            session.exchange(ask).await;
            drop(place);
            if !self.think.is_zero() {
                tokio::select! {
                    () = tokio::time::sleep(self.think) => {}
                    () = session.over.cancelled() => {}
                }
            }
        }
        Ok(())
    }
}

fn attack(users: &Arc<Users>, count: u32) -> Result<GooseAttack, GooseError> {
    let mut configuration = GooseConfiguration::default();
    configuration.host = Some(users.session.origin());
    configuration.users = Some(count as usize);
    configuration.increase_rate = Some(START_RATE.into());
    configuration.no_metrics = true;
    configuration.no_print_metrics = true;
    configuration.no_telnet = true;
    configuration.no_websocket = true;
    let life = Arc::clone(users);
    let function: TransactionFunction = Arc::new(move |_user| {
        let life = Arc::clone(&life);
        Box::pin(async move {
            life.live().await;
            Ok(())
        })
    });
    let scenario = Scenario::new("users").register_transaction(Transaction::new(function));
    // One client that nobody uses, in place of one a user; so it need not read certificates either.
    let unused = GooseClientBuilder::new().without_cookies().accept_invalid_certs(true);
    let attack = GooseAttack::initialize_with_config(configuration)?;
    Ok(attack.set_client_builder_without_cookies(unused)?.register_scenario(scenario))
}

/// Goose writes its log to stdout unless the process has a logger already.
fn silence() {
    struct Silent;
    impl log::Log for Silent {
        fn enabled(&self, _: &log::Metadata<'_>) -> bool {
            false
        }
        fn log(&self, _: &log::Record<'_>) {}
        fn flush(&self) {}
    }
    // An error means that there is a logger: then goose leaves it alone, too.
    let _ = log::set_logger(&Silent);
}
