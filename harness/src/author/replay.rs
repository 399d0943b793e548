//! Replays an exchange through a plugin, and writes down what it decides, line by line.
//!
//! The text is the same in every replay: times are the exchange's own, and chance is its attempts' draws.
//! Golden files hold it.

use std::fmt::Write as _;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;

use super::exchange::{Answer, Exchange};
use crate::clock::Nanos;
use crate::fault::{
    BodyVerdict, Call, Canned, ConnectVerdict, EventVerdict, Hooks, RequestVerdict, ResponseVerdict, Step,
    Trap, Trial, Verdict,
};

/// Between two calls of the tick hook.
const TICK: Duration = Duration::from_millis(10);
/// Characters of one payload that are shown.
const SHOWN: usize = 2_000;

/// What a plugin decided.
#[derive(Clone, Debug)]
pub struct Transcript {
    /// Line by line.
    pub text: String,
    /// The call that did not return, which ended the replay.
    pub trap: Option<Trap>,
}

/// Replays `exchange` through `trial`, which asked for `hooks` when it was configured.
pub fn replay(trial: Trial, hooks: Hooks, exchange: &Exchange) -> Transcript {
    let mut player = Player { trial, hooks, exchange, text: String::new(), next_tick: Nanos::ZERO };
    let _ = writeln!(player.text, "asks for {}", names(hooks).join(", "));
    let trap = player.play().err();
    if let Some(trap) = &trap {
        let _ = writeln!(player.text, "{:>12}  {}", "", trap.kind);
    }
    for (name, value) in player.trial.counters() {
        let _ = writeln!(player.text, "counted {value} of {name}");
    }
    Transcript { text: player.text, trap }
}

/// The hook for events, called once for all of an answer's, as when they arrive together.
pub const TOGETHER: &str = "events at once";

/// The names of the hooks that are asked for.
pub fn names(hooks: Hooks) -> Vec<&'static str> {
    // `sizes`, `data` and `ahead` are no calls of their own.
    let Hooks { connect, request, response, events, sizes: _, data: _, ahead: _, body, finish, tick } = hooks;
    let all = [
        ("connect", connect),
        ("request", request),
        ("response", response),
        ("events", events),
        ("body", body),
        ("finish", finish),
        ("tick", tick),
    ];
    all.into_iter().filter(|(_, wanted)| *wanted).map(|(name, _)| name).collect()
}

struct Player<'a> {
    trial: Trial,
    hooks: Hooks,
    exchange: &'a Exchange,
    text: String,
    next_tick: Nanos,
}

impl Player<'_> {
    fn play(&mut self) -> Result<(), Trap> {
        let exchange = self.exchange;
        let mut end = Nanos::ZERO;
        for drawn in &exchange.attempts {
            let (attempt, draw) = drawn;
            let call = exchange.call(drawn);
            // One attempt at a time: it begins when the one before it has ended, if not later.
            self.pass_to(end.max(attempt.at))?;
            let share = *draw as f64 / 2_f64.powi(64);
            let request = attempt.request.map_or("none".into(), |request| request.to_string());
            let _ = writeln!(
                self.text,
                "attempt {} on {}: request {request}, ordinal {}, draw {share:.6}",
                attempt.id, attempt.node, attempt.ordinal,
            );
            end = self.exchange(&call, end.max(attempt.at))?;
            if self.hooks.finish {
                self.pass_to(end)?;
                self.trial.fault().finish(&call)?;
                self.deeds(end, "finish");
            }
        }
        self.pass_to(end + exchange.after)
    }

    /// From the connection to the answer's end, or to the verdict that ends it before. Returns when.
    fn exchange(&mut self, call: &Call<'_>, mut at: Nanos) -> Result<Nanos, Trap> {
        let Exchange { request, response, answer, first_after, gap, .. } = self.exchange;
        if self.hooks.connect {
            let verdict = self.trial.fault().connect(call)?;
            if self.rule(&mut at, "connect", &verdict)? {
                return Ok(at);
            }
        }
        if self.hooks.request {
            let verdict = self.trial.fault().request(call, request)?;
            if self.rule(&mut at, "request", &verdict)? {
                return Ok(at);
            }
        }
        at = at + *first_after;
        self.pass_to(at)?;
        if self.hooks.response {
            let verdict = self.trial.fault().response(call, response)?;
            if self.rule(&mut at, "response", &verdict)? {
                return Ok(at);
            }
        }
        match answer {
            Answer::Stream(events) if self.hooks.events => {
                for (index, data) in (0_u32..).zip(events) {
                    if index > 0 {
                        at = at + *gap;
                        self.pass_to(at)?;
                    }
                    let verdict = self.trial.fault().event(call, index, data)?;
                    if self.rule(&mut at, &format!("event {index}"), &verdict)? {
                        return Ok(at);
                    }
                }
            }
            Answer::Stream(events) => {
                let gaps = u32::try_from(events.len().saturating_sub(1)).unwrap_or(u32::MAX);
                at = at + gap.saturating_mul(gaps);
            }
            Answer::Body(body) => {
                if self.hooks.body {
                    let verdict = self.trial.fault().body(call, body)?;
                    self.rule(&mut at, "body", &verdict)?;
                }
            }
        }
        Ok(at)
    }

    /// Writes a verdict down, and lets its delay pass. True when it ends the exchange.
    fn rule<V: Shown + Clone>(&mut self, at: &mut Nanos, hook: &str, verdict: &V) -> Result<bool, Trap> {
        let _ = writeln!(self.text, "{:>10.3}ms  {hook:<9} {}", millis(*at), verdict.describe());
        self.deeds(*at, "");
        for line in verdict.details() {
            let _ = writeln!(self.text, "{:>12}  {:<9}   {line}", "", "");
        }
        if let Step::Delay(delay) = verdict.clone().step() {
            *at = *at + delay;
            self.pass_to(*at)?;
        }
        Ok(verdict.ends())
    }

    /// Lets time pass, with its ticks.
    fn pass_to(&mut self, now: Nanos) -> Result<(), Trap> {
        while self.hooks.tick && self.next_tick <= now {
            let tick = self.next_tick;
            self.trial.set_time(tick);
            self.trial.fault().tick(tick)?;
            self.deeds(tick, "tick");
            self.next_tick = tick + TICK;
        }
        self.trial.set_time(now);
        Ok(())
    }

    /// What a call did beside its verdict.
    fn deeds(&mut self, at: Nanos, hook: &str) {
        let actions = self.trial.take_actions();
        let lines =
            self.trial.take_log().into_iter().map(|line| format!("log: {}", printable(line.as_bytes())));
        for deed in actions.into_iter().chain(lines) {
            let _ = match hook {
                "" => writeln!(self.text, "{:>12}  {:<9} {deed}", "", ""),
                _ => writeln!(self.text, "{:>10.3}ms  {hook:<9} {deed}", millis(at)),
            };
        }
    }
}

fn millis(at: Nanos) -> f64 {
    at.0 as f64 / 1e6
}

/// What a transcript shows of a verdict, beside its name.
trait Shown: Verdict {
    /// The exchange ends with it.
    fn ends(&self) -> bool;
    /// The bytes that it writes.
    fn details(&self) -> Vec<String>;
}

impl Shown for ConnectVerdict {
    fn ends(&self) -> bool {
        !matches!(self, Self::Pass | Self::Delay(_))
    }
    fn details(&self) -> Vec<String> {
        Vec::new()
    }
}

impl Shown for RequestVerdict {
    fn ends(&self) -> bool {
        !matches!(self, Self::Pass | Self::Delay(_))
    }
    fn details(&self) -> Vec<String> {
        if let Self::Respond(answer) = self { canned(answer) } else { Vec::new() }
    }
}

impl Shown for ResponseVerdict {
    fn ends(&self) -> bool {
        !matches!(self, Self::Pass | Self::Delay(_) | Self::Headers(_) | Self::Pace(_))
    }
    fn details(&self) -> Vec<String> {
        match self {
            Self::Respond(answer) => canned(answer),
            Self::Headers(headers) => shown(headers).collect(),
            _ => Vec::new(),
        }
    }
}

impl Shown for EventVerdict {
    fn ends(&self) -> bool {
        use EventVerdict as V;
        !matches!(self, V::Pass | V::Delay(_) | V::Drop | V::Duplicate | V::Replace(_) | V::Raw(_))
    }
    fn details(&self) -> Vec<String> {
        if let Self::Replace(events) = self {
            return events.iter().map(|event| format!("data: {}", printable(event))).collect();
        }
        // Whatever else carries bytes shows them, as Rust writes them.
        let text = format!("{self:?}");
        if text.contains("b\"") { vec![printable(text.as_bytes())] } else { Vec::new() }
    }
}

impl Shown for BodyVerdict {
    fn ends(&self) -> bool {
        !matches!(self, Self::Pass | Self::Delay(_))
    }
    fn details(&self) -> Vec<String> {
        if let Self::Replace(body) = self { lines(body) } else { Vec::new() }
    }
}

fn canned(answer: &Canned) -> Vec<String> {
    shown(&answer.headers).chain(lines(&answer.body)).collect()
}

fn shown(headers: &HeaderMap) -> impl Iterator<Item = String> {
    headers.iter().map(|(name, value)| format!("{name}: {}", printable(value.as_bytes())))
}

fn lines(body: &Bytes) -> Vec<String> {
    body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(printable).collect()
}

/// Text from outside on one line: nothing that steers a terminal, and not without end.
fn printable(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut shown = String::new();
    for c in text.chars().take(SHOWN) {
        if c.is_control() { shown.extend(c.escape_default()) } else { shown.push(c) }
    }
    if text.chars().nth(SHOWN).is_some() {
        let _ = write!(shown, "… ({} bytes)", bytes.len());
    }
    shown
}
