//! Closed loop: users who each wait for their answer before they ask again. The only file that names
//! goose.
//!
//! Goose starts the users, runs them and waits for them. What a user does is ours: when it comes and goes
//! ([`traffic::stays`], on the run's clock, where goose's own plans count whole seconds from a start of
//! theirs), and all it asks while it is there, by our exchange and into our recorder, so that goose never
//! sends, measures or reports. A request is intended when its user is ready to ask. The in-flight cap does not apply: there are never
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
use super::exchange::Ask;
use super::session::Session;
use crate::clock::Nanos;
use crate::name::RequestId;
use crate::record::Record;
use crate::scenario::plan;
use crate::traffic::{self, Dialogue, Prompts, Thinking};

/// Users a second that goose starts: all of them as fast as it can. Not more, since goose counts the
/// milliseconds that this takes in single precision.
const START_RATE: &str = "1000000";
/// Between two times that goose is told to stop.
const STOP_AGAIN: Duration = Duration::from_millis(50);
/// A user that is done looks so often whether goose lets it go.
const REST: Duration = Duration::from_millis(10);

/// Runs the users until the plan's end, and waits until the last request has ended.
pub(super) async fn run(session: &Arc<Session>, plan: &plan::Users) -> Result<(), LoadError> {
    silence();
    let users = Users {
        session: Arc::clone(session),
        plan: plan.clone(),
        prompts: Prompts::of(&session.plan)?,
        ids: AtomicU64::new(0),
        all_asked: CancellationToken::new(),
        failure: Mutex::new(None),
    };
    let users = Arc::new(users);
    let attack = attack(&users, traffic::most_users(plan))?;
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
        () = session.until(session.plan.end()) => {}
        () = users.all_asked.cancelled() => {}
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
    plan: plan::Users,
    prompts: Prompts,
    ids: AtomicU64,
    /// As many requests were asked as the plan may have.
    all_asked: CancellationToken,
    /// The first thing that went wrong with a user; goose would only count it.
    failure: Mutex<Option<LoadError>>,
}

impl Users {
    /// What user `number` does from the start to the end of the run.
    async fn live(&self, number: u32) {
        if let Err(error) = self.stay_and_ask(number).await {
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

    async fn stay_and_ask(&self, number: u32) -> Result<(), LoadError> {
        let session = &self.session;
        let mut dialogue = Dialogue::of(self.plan.turns);
        let mut thinking = Thinking::of(self.plan.think, session.plan.seed, number);
        for stay in traffic::stays(&self.plan, number, session.plan.end()) {
            self.until(stay.from).await;
            while !self.over() {
                let ready = session.clock.now();
                if ready >= stay.to {
                    break;
                }
                let Some(id) = self.next_id() else { break };
                self.ask(id, ready, &mut dialogue).await?;
                // Whoever would think for longer than it stays goes when its time is over.
                self.until((session.clock.now() + thinking.draw()).min(stay.to)).await;
            }
        }
        Ok(())
    }

    /// Is there nothing more to ask?
    fn over(&self) -> bool {
        self.session.over.is_cancelled() || self.all_asked.is_cancelled()
    }

    /// Until `at`, or until there is nothing more to ask.
    async fn until(&self, at: Nanos) {
        tokio::select! {
            () = self.session.until(at) => {}
            () = self.all_asked.cancelled() => {}
        }
    }

    /// The next turn of the user's conversation, which waits for its answer.
    async fn ask(&self, id: RequestId, ready: Nanos, dialogue: &mut Dialogue) -> Result<(), LoadError> {
        let session = &self.session;
        let (prompt, output_tokens) = self.prompts.draw(id)?;
        let prompt = dialogue.ask(prompt);
        let ask = session.ask(id, ready, &prompt, output_tokens)?;
        let ask = Ask { keep: dialogue.goes_on(), ..ask };
        session.recorder.record(Record::Arrival(ready));
        let place = session.enter(u64::MAX);
        dialogue.answered(session.exchange(ask).await.answer);
        drop(place);
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
    let function: TransactionFunction = Arc::new(move |user| {
        let life = Arc::clone(&life);
        // Goose numbers its users from 0 in the order in which it starts them.
        let number = u32::try_from(user.weighted_users_index).unwrap_or(u32::MAX);
        Box::pin(async move {
            life.live(number).await;
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
