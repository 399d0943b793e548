//! A service as a model: three nodes behind a gateway, of which one dies and comes back, drawn by a seed.
//!
//! It writes the ledgers that a run of it would leave. Requests come as a Poisson process, answers take as
//! long as they take, each fails now and then for no reason, some are rescued by a second attempt.

use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;

use super::super::*;

/// Requests a second, on average.
const RATE: f64 = 20.0;
/// Of requests that no death touches.
pub(super) const SUCCESS: f64 = 0.995;
/// Of requests whose first attempt fails, and whose second does not.
const RESCUED: f64 = 0.01;

/// What is wrong with the service, and how much.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Wrong {
    /// This share of all requests fails.
    Fails(f64),
    /// So does this share of those that come while the node is away.
    Loses(f64),
    /// Answers are cut short without a word, of those that come while the node is away.
    Truncates(f64),
    /// Answers hold a part twice, of the same.
    Doubles(f64),
    /// Answers end with a marker that no node sent.
    Invents(f64),
    /// Requests are sent to this many nodes while one is away.
    Multiplies(u32),
    /// A request has more attempts than the bound.
    Retries(f64),
    /// Attempts are made for clients that have left.
    Outlives(f64),
    /// The dead node is sent its share for so many seconds.
    Sends(f64),
    /// Sending stops, and begins again after so many seconds.
    Resumes(f64),
    /// A third of requests fail for so many seconds.
    Shakes(f64),
    /// The node that came back gets nothing for so many seconds.
    Shuns(f64),
    /// It gets everything for so many seconds.
    Herds(f64),
    /// The gateway miscounts its attempts.
    Lies(f64),
    /// Nodes are sent work that nobody asked for.
    MakesUp(f64),
}

/// One run of the service.
pub(super) struct Model {
    pub(super) scene: Scene,
    rng: ChaCha8Rng,
    wrong: Option<Wrong>,
    dies: Nanos,
    back: Nanos,
    /// The gateway knows of the death from then on.
    known: Option<Nanos>,
    turn: u64,
}

impl Model {
    pub(super) fn run(seed: u64, wrong: Option<Wrong>) -> Report {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let dies = at(rng.random_range(21.0..25.0));
        let back = dies + seconds(rng.random_range(6.0..8.0));
        let mut scene = Scene::without_death();
        scene.facts.requests.clear();
        scene.facts.attempts.clear();
        scene.node("a", dies, NodeState::Down);
        scene.node("a", back, NodeState::Up);
        scene.plan.slos[1] =
            slo("availability", "success >= 99%", Objective::Success { share: 0.99 }, &[0, 2]);
        scene.plan.slos.push(slo("in the storm", "success >= 97%", Objective::Success { share: 0.97 }, &[1]));
        let mut model = Self { scene, rng, wrong, dies, back, known: None, turn: 0 };
        let mut now = 0.0;
        loop {
            now += -model.rng.random_range(f64::MIN_POSITIVE..1.0_f64).ln() / RATE;
            if at(now) >= END {
                break;
            }
            model.request(at(now));
        }
        model.scene.judge()
    }

    fn chance(&mut self, share: f64) -> bool {
        self.rng.random_bool(share)
    }

    fn is_away(&self, now: Nanos) -> bool {
        now >= self.dies && now < self.back
    }

    /// Whose turn it is, and whether the dead node was tried before.
    fn pick(&mut self, now: Nanos) -> (u16, bool) {
        self.turn += 1;
        let next = (self.turn % 3) as u16;
        let other = 1 + (self.turn / 3 % 2) as u16;
        match self.wrong {
            Some(Wrong::Shuns(long)) if next == 0 && since(self.back, now) < long => {
                return (other, false);
            }
            Some(Wrong::Herds(long)) if since(self.back, now) < long => return (0, false),
            _ => {}
        }
        if next != 0 || !self.is_away(now) {
            return (next, false);
        }
        let since = since(self.dies, now);
        let sends = match self.wrong {
            Some(Wrong::Sends(long)) => since < long,
            Some(Wrong::Resumes(after)) => since >= after && since < after + 2.0,
            _ => false,
        };
        let found = self.known.is_none();
        self.known.get_or_insert(now);
        (other, found || sends)
    }

    fn request(&mut self, now: Nanos) {
        let id = self.scene.facts.requests.len() as u64;
        let (node, tried_the_dead) = self.pick(now);
        let mut lasts = self.rng.random_range(0.2..0.8);
        if let Some(Wrong::Herds(_)) = self.wrong
            && since(self.back, now) < 5.0
        {
            // Everybody's work takes longer than its share would.
            lasts *= 2.0;
        }
        let end = now + seconds(lasts);
        let mut request = request(id, now, node);
        request.end = end;
        request.last_content = Some(end);
        let mut attempt = attempt(self.scene.facts.attempts.len() as u64, id, now, node);
        attempt.end = end;
        if tried_the_dead {
            request.claimed_attempts = Some(2);
        }
        if node == 0 && now < self.dies && end > self.dies {
            request.end = self.dies;
            request.outcome = Outcome::InBandError;
            request.content = Content::Truncated;
            (request.marker, request.genuine_marker) = (false, false);
            (attempt.end, attempt.how, attempt.marker) = (self.dies, AttemptEnd::Reset, false);
        } else if self.fails(now) {
            fail(&mut request, Outcome::HttpError, 503);
            (attempt.status, attempt.marker) = (Some(503), false);
        } else {
            self.spoil(now, &mut request);
        }
        if request.outcome == Outcome::Ok && !tried_the_dead && self.chance(RESCUED) {
            self.more(&mut request, 1);
        }
        self.scene.facts.attempts.push(attempt);
        self.overdo(now, &mut request);
        self.scene.facts.requests.push(request);
    }

    fn fails(&mut self, now: Nanos) -> bool {
        let since = since(self.dies, now);
        let share = match self.wrong {
            Some(Wrong::Fails(share)) => share,
            Some(Wrong::Loses(share)) if self.is_away(now) => share,
            Some(Wrong::Shakes(long)) if since < long => 1.0 / 3.0,
            _ => 1.0 - SUCCESS,
        };
        self.chance(share)
    }

    /// What is wrong with an answer.
    fn spoil(&mut self, now: Nanos, request: &mut RequestFact) {
        let (away, wrong) = (self.is_away(now), self.wrong);
        match wrong {
            Some(Wrong::Truncates(share)) if away && self.chance(share) => {
                (request.outcome, request.content) = (Outcome::Cut, Content::Truncated);
                (request.marker, request.genuine_marker) = (false, false);
            }
            Some(Wrong::Doubles(share)) if away && self.chance(share) => {
                (request.outcome, request.content) = (Outcome::Corrupt, Content::Duplicated);
            }
            Some(Wrong::Invents(share)) if self.chance(share) => {
                (request.outcome, request.genuine_marker) = (Outcome::Invented, false);
            }
            _ => {}
        }
    }

    /// What is wrong with attempts.
    fn overdo(&mut self, now: Nanos, request: &mut RequestFact) {
        let wrong = self.wrong;
        match wrong {
            Some(Wrong::Multiplies(by)) if self.is_away(now) => self.more(request, by - 1),
            Some(Wrong::Retries(share)) if self.chance(share) => self.more(request, 4),
            Some(Wrong::Lies(share)) if self.chance(share) => {
                request.claimed_attempts = request.claimed_attempts.map(|claimed| claimed - 1);
            }
            Some(Wrong::Outlives(share)) if self.chance(share) => {
                self.stray(request.id.0, request.end + seconds(0.3), true);
            }
            Some(Wrong::MakesUp(share)) if self.chance(share) => self.stray(1 << 40, now, false),
            _ => {}
        }
    }

    /// More attempts, on a node that lives, each seen and told of.
    fn more(&mut self, request: &mut RequestFact, more: u32) {
        for _ in 0..more {
            let number = self.scene.facts.attempts.len() as u64;
            let node = 1 + (number % 2) as u16;
            let another = AttemptFact {
                end: request.sent.unwrap_or(request.intended),
                status: Some(503),
                ..attempt(number, request.id.0, request.intended, node)
            };
            self.scene.facts.attempts.push(another);
        }
        request.attempts += more;
        request.claimed_attempts = request.claimed_attempts.map(|claimed| claimed + more);
    }

    fn stray(&mut self, request: u64, start: Nanos, after_end: bool) {
        let number = self.scene.facts.attempts.len() as u64;
        self.scene.facts.attempts.push(AttemptFact { after_end, ..attempt(number, request, start, 1) });
    }
}

/// Since the death, or the return, in seconds; large before it.
fn since(what: Nanos, now: Nanos) -> f64 {
    if now < what { f64::MAX } else { (now - what).as_secs_f64() }
}
