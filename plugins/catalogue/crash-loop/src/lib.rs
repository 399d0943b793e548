//! `crash-loop`: kills a node each time it is ready, and starts it again after a pause that grows, as a
//! supervisor does.
//!
//! The host starts a node again that is still dead when the fault is withdrawn.

use std::collections::HashMap;

use squall_plugin::{Hooks, Plugin, Span, done, export, nodes, params};

params! {
    /// SIGKILL to each of its nodes, each time it is ready.
    struct Params {
        /// how many times; otherwise until the fault is withdrawn
        times: Option<u32> = None, "5";
        /// how long it lives once it is ready
        alive: Span = Span::ZERO, "\"500ms\"";
        /// how long after the first kill it starts again
        backoff: Span = SECOND, "\"10s\"";
        /// each pause is this many times as long as the one before
        growth: f64 = 2.0, "1.5";
        /// no pause is longer
        max_backoff: Span = FIVE_MINUTES, "\"1m\"";
    }
}

const SECOND: Span = Span::from_nanos(1_000_000_000);
/// As Kubernetes caps it.
const FIVE_MINUTES: Span = Span::from_nanos(300_000_000_000);

/// Where a node is in its loop.
#[derive(Default)]
struct Life {
    kills: u32,
    ready_since: Option<u64>,
    restart_at: Option<u64>,
}

struct CrashLoop {
    params: Params,
    lives: HashMap<String, Life>,
}

impl CrashLoop {
    /// The pause after a node's kill number `kills`, counted from 1.
    fn pause(&self, kills: u32) -> u64 {
        let growth = self.params.growth.powf(f64::from(kills - 1));
        let pause = self.params.backoff.nanos() as f64 * growth;
        pause.min(self.params.max_backoff.nanos() as f64) as u64
    }
}

impl Plugin for CrashLoop {
    type Params = Params;

    fn new(params: Params) -> Result<Self, String> {
        if params.times == Some(0) {
            return Err("`times` must be above 0; leave it out to kill until the fault is withdrawn".into());
        }
        if !(params.growth >= 1.0) {
            return Err(format!("`growth` must be 1 or more, not {}", params.growth));
        }
        Ok(Self { params, lives: HashMap::new() })
    }

    fn hooks(&self) -> Hooks {
        Hooks::TICK
    }

    fn tick(&mut self, now: u64) {
        for node in nodes::list() {
            let life = self.lives.entry(node.name.clone()).or_default();
            match node.state {
                nodes::State::Up if self.params.times.is_none_or(|times| life.kills < times) => {
                    let since = *life.ready_since.get_or_insert(now);
                    if now.saturating_sub(since) < self.params.alive.nanos()
                        || !done("kill", node.id, nodes::kill(node.id))
                    {
                        continue;
                    }
                    life.kills += 1;
                    life.ready_since = None;
                    let kills = life.kills;
                    let restart_at = now.saturating_add(self.pause(kills));
                    self.lives.entry(node.name).or_default().restart_at = Some(restart_at);
                }
                nodes::State::Down if life.restart_at.is_some_and(|at| now >= at) => {
                    life.restart_at = None;
                    done("start", node.id, nodes::restart(node.id));
                }
                _ => {}
            }
        }
    }
}

export!(CrashLoop);
