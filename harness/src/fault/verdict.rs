//! Verdicts: what a plugin may decide at each hook. They mirror `plugins/wit/fault.wit`, one to one.

use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;

/// A whole response made up by a plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Canned {
    /// Status code.
    pub status: http::StatusCode,
    /// Headers in order.
    pub headers: HeaderMap,
    /// Body.
    pub body: Bytes,
}

/// When a connection is accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConnectVerdict {
    /// Nothing.
    Pass,
    /// Read nothing for this long.
    Delay(Duration),
    /// TCP RST.
    Reset,
    /// Keep the socket open and silent.
    Hang,
}

/// When a request has arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestVerdict {
    /// Nothing.
    Pass,
    /// Forward it this much later.
    Delay(Duration),
    /// Answer it; the node never sees it.
    Respond(Canned),
    /// TCP RST.
    Reset,
    /// TCP FIN without an answer.
    Close,
    /// Keep the socket open and silent; the node never sees it.
    Hang,
}

/// When the response head has arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResponseVerdict {
    /// Nothing.
    Pass,
    /// Pass the head on this much later.
    Delay(Duration),
    /// Set these on the answer, in place of those of the same name, and pass it.
    Headers(HeaderMap),
    /// Answer this instead of what the node said.
    Respond(Canned),
    /// Pass the body on at this many bytes a second.
    Pace(u64),
    /// TCP RST.
    Reset,
    /// TCP FIN without an answer.
    Close,
    /// Keep the socket open and silent.
    Hang,
}

/// For each SSE event of the response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventVerdict {
    /// Nothing.
    Pass,
    /// Pass it and all that follows on this much later.
    Delay(Duration),
    /// Leave it out.
    Drop,
    /// Write it twice.
    Duplicate,
    /// Write these SSE data payloads in place of the event's, each under the name that it had.
    Replace(Vec<Bytes>),
    /// Write these bytes as they are in place of the event, each item in a write of its own.
    Raw(Vec<Bytes>),
    /// Write these bytes as they are in place of the event, then end so.
    Last(Bytes, Ending),
    /// End the response cleanly, before this event.
    Close,
    /// TCP RST, before this event.
    Reset,
    /// Keep the socket open and silent from here.
    Hang,
}

/// What a fault decides of an event among several that arrived together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventRuling {
    /// Its place among them, from 0.
    pub place: usize,
    /// What it decides.
    pub verdict: EventVerdict,
}

/// How a stream ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Cleanly, as far as HTTP can tell.
    Close,
    /// TCP RST.
    Reset,
    /// Never: the socket stays open and silent.
    Hang,
}

impl Ending {
    fn describe(self) -> &'static str {
        match self {
            Self::Close => "close",
            Self::Reset => "reset",
            Self::Hang => "hang",
        }
    }
}

/// For the body of an answer that is no stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BodyVerdict {
    /// Nothing.
    Pass,
    /// Pass it on this much later.
    Delay(Duration),
    /// Another body in its place.
    Replace(Bytes),
    /// Pass this many bytes on, then end the connection before the announced length.
    Cut(u64),
    /// TCP RST.
    Reset,
    /// Keep the socket open and silent.
    Hang,
}

/// What all verdicts have in common: how several faults on one attempt combine, and how the fault
/// log names them.
pub trait Verdict: Sized {
    /// The verdict that changes nothing.
    const PASS: Self;
    /// What it means for the faults that come after it.
    fn step(self) -> Step<Self>;
    /// As the fault log writes it: `delay(20ms)`, `respond(503)`, `reset`.
    fn describe(&self) -> String;
}

/// What a verdict means for the faults that come after it on the same attempt.
#[derive(Debug)]
pub enum Step<V> {
    /// Nothing.
    Pass,
    /// It adds up with theirs.
    Delay(Duration),
    /// They join theirs; of one name, the later fault's stand.
    Headers(HeaderMap),
    /// They are not asked any more.
    Final(V),
}

/// The part of [`Verdict`] that is the same wherever a verdict has only `Pass` and `Delay` that others join.
macro_rules! steps {
    ($($joins:pat => $step:expr),*) => {
        const PASS: Self = Self::Pass;
        fn step(self) -> Step<Self> {
            match self {
                Self::Pass => Step::Pass,
                Self::Delay(delay) => Step::Delay(delay),
                $($joins => $step,)*
                last => Step::Final(last),
            }
        }
    };
}

/// Characters of headers' names that the fault log shows.
const LONGEST_NAMES: usize = 200;

fn describe_delay(delay: Duration) -> String {
    format!("delay({:.3}ms)", delay.as_secs_f64() * 1e3)
}

impl Verdict for ConnectVerdict {
    steps!();
    fn describe(&self) -> String {
        match self {
            Self::Pass => "pass".into(),
            Self::Delay(delay) => describe_delay(*delay),
            Self::Reset => "reset".into(),
            Self::Hang => "hang".into(),
        }
    }
}

impl Verdict for RequestVerdict {
    steps!();
    fn describe(&self) -> String {
        match self {
            Self::Pass => "pass".into(),
            Self::Delay(delay) => describe_delay(*delay),
            Self::Respond(canned) => format!("respond({})", canned.status.as_u16()),
            Self::Reset => "reset".into(),
            Self::Close => "close".into(),
            Self::Hang => "hang".into(),
        }
    }
}

impl Verdict for ResponseVerdict {
    steps!(Self::Headers(headers) => Step::Headers(headers));
    fn describe(&self) -> String {
        match self {
            Self::Pass => "pass".into(),
            Self::Delay(delay) => describe_delay(*delay),
            Self::Respond(canned) => format!("respond({})", canned.status.as_u16()),
            Self::Headers(headers) => {
                let names: Vec<&str> = headers.keys().map(http::HeaderName::as_str).collect();
                let names = names.join(", ");
                let shown: String = names.chars().take(LONGEST_NAMES).collect();
                format!("headers({shown}{})", if shown.len() < names.len() { "…" } else { "" })
            }
            Self::Pace(rate) => format!("pace({rate}B/s)"),
            Self::Reset => "reset".into(),
            Self::Close => "close".into(),
            Self::Hang => "hang".into(),
        }
    }
}

impl Verdict for EventVerdict {
    steps!();
    fn describe(&self) -> String {
        match self {
            Self::Pass => "pass".into(),
            Self::Delay(delay) => describe_delay(*delay),
            Self::Drop => "drop".into(),
            Self::Duplicate => "duplicate".into(),
            Self::Replace(events) => format!("replace({} events)", events.len()),
            Self::Raw(writes) => format!("raw({}B)", writes.iter().map(Bytes::len).sum::<usize>()),
            Self::Last(bytes, then) => format!("last({}B, {})", bytes.len(), then.describe()),
            Self::Close => Ending::Close.describe().into(),
            Self::Reset => Ending::Reset.describe().into(),
            Self::Hang => Ending::Hang.describe().into(),
        }
    }
}

impl Verdict for BodyVerdict {
    steps!();
    fn describe(&self) -> String {
        match self {
            Self::Pass => "pass".into(),
            Self::Delay(delay) => describe_delay(*delay),
            Self::Replace(body) => format!("replace({}B)", body.len()),
            Self::Cut(bytes) => format!("cut({bytes}B)"),
            Self::Reset => "reset".into(),
            Self::Hang => "hang".into(),
        }
    }
}
