//! A response's body on its way to the client: unparsed, or event by event as faults rule.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use tokio::sync::mpsc;

use super::attempt::Entry;
use super::forward::Body;
use super::passed::{Passed, event};
use super::scan::Scanner;
use super::socket::{Ender, HowToEnd};
use super::upstream::{Arriving, Broken, how_it_broke};
use crate::api::Api;
use crate::clock::Nanos;
use crate::fault::{Ending, EventVerdict};
use crate::record::AttemptEnd;
use crate::sse::{Event, Parser};

/// Frames that may wait for the client: a slow one slows the node down, as it would without a proxy.
const WINDOW: usize = 8;
/// A paced body is passed on in this many pieces a second.
const PACE_STEPS: u64 = 20;
/// A delay counts from when the event before was due, if that is no longer ago: what timers oversleep
/// must not add up over a stream.
const OVERSLEPT: Duration = Duration::from_millis(20);
/// A paced body may catch up by this much: timers are coarser than what a small piece takes.
const PACE_SLACK: Duration = Duration::from_millis(20);

/// Writes down that the node broke an attempt off, and says how its client is to see that.
pub(super) fn broke(entry: &mut Entry, broken: Broken) -> HowToEnd {
    entry.touched();
    match broken {
        Broken::Unreachable => {
            entry.ends(AttemptEnd::Unreachable);
            HowToEnd::Rst
        }
        Broken::Reset => {
            entry.ends(AttemptEnd::Reset);
            HowToEnd::Rst
        }
        Broken::Cut => {
            entry.ends(AttemptEnd::Cut);
            HowToEnd::Fin
        }
    }
}

/// The client left; its attempt ends as such.
struct Gone;

/// An event that has arrived and not been passed on.
struct Waiting {
    /// Its bytes as they came.
    raw: Bytes,
    /// The name that it has.
    kind: Option<Bytes>,
    /// It has a payload: faults rule on it.
    has_data: bool,
    /// It is the last of its stream.
    is_last: bool,
}

/// What is known of an answer when its body is passed on.
#[derive(Clone, Copy)]
pub(super) struct Answer {
    /// The API it is of, as far as its path says.
    pub(super) api: Api,
    /// It is a stream of events.
    pub(super) streams: bool,
    /// Its status is no error.
    pub(super) good: bool,
    /// Bytes a second, where a fault set a pace.
    pub(super) pace: Option<u64>,
}

/// Passes a response's body on.
pub(super) struct Relay {
    entry: Entry,
    ender: Arc<Ender>,
    client: mpsc::Sender<Frame<Bytes>>,
    api: Api,
    /// The response is a stream of events.
    streams: bool,
    /// Its status is no error.
    good: bool,
    /// Bytes a second.
    pace: Option<u64>,
    /// When a paced body's last piece has passed.
    passed_at: Nanos,
    /// Until when a fault holds the stream's events.
    held_until: Nanos,
    scanner: Scanner,
}

impl Relay {
    /// A relay of the answer to `entry`, and the body that its client reads.
    pub(super) fn new(entry: Entry, ender: &Arc<Ender>, answer: Answer) -> (Self, Body) {
        let (client, frames) = mpsc::channel(WINDOW);
        let Answer { api, streams, good, pace } = answer;
        let ender = Arc::clone(ender);
        let scanner = Scanner::new(api);
        // There is nothing to catch up with before the first byte.
        let passed_at = entry.shared.context.clock.now();
        let stream = Arc::clone(&ender);
        let relay = Self {
            entry,
            ender,
            client,
            api,
            streams,
            good,
            pace,
            passed_at,
            held_until: Nanos::ZERO,
            scanner,
        };
        let frames = futures_util::stream::unfold((frames, stream), |(mut frames, stream)| async {
            let frame = tokio::select! {
                biased;
                frame = frames.recv() => Ok(frame?),
                how = stream.ends_stream() => Err(how.of_stream()),
            };
            Some((frame, (frames, stream)))
        });
        (relay, StreamBody::new(frames).boxed_unsync())
    }

    /// Unparsed: bytes as they come, until a fault begins that wants to see events.
    pub(super) async fn bytes(mut self, mut body: Arriving) {
        let mut wanted = false;
        loop {
            let frame = match self.next(&mut body).await {
                Ok(Some(Ok(frame))) => frame,
                Ok(Some(Err(error))) => return self.broken(&error).await,
                Ok(None) => return self.complete(),
                Err(Gone) => return,
            };
            if let Some(data) = frame.data_ref()
                && self.streams
            {
                wanted |= self.entry.faults.catch_up() && self.entry.faults.hooks().events;
                if wanted && !self.scanner.within_event {
                    let data = data.clone();
                    return self.events_from(body, Some(data)).await;
                }
                self.scanner.chunk(data);
                self.entry.events(self.scanner.events);
                if self.scanner.marker {
                    self.entry.marker();
                }
            }
            if body.is_whole() {
                // The client may take these bytes for the end: it is on record before them.
                self.whole();
            }
            if self.send(frame).await.is_err() {
                return;
            }
        }
    }

    /// Event by event, each as the faults rule.
    pub(super) async fn events(self, body: Arriving) {
        self.events_from(body, None).await;
    }

    /// The same, of a stream whose first events have passed; `next` has come since.
    async fn events_from(mut self, mut body: Arriving, next: Option<Bytes>) {
        let mut next = next.map(Frame::data);
        let mut parser = Parser::new();
        let mut events = Vec::new();
        let mut seen = self.scanner.events;
        let mut index = seen;
        self.entry.faults.arrive_from(index);
        loop {
            let frame = match next.take().map(|frame| Ok(Some(Ok(frame)))) {
                Some(frame) => frame,
                None => self.next(&mut body).await,
            };
            let frame = match frame {
                Ok(Some(Ok(frame))) => frame,
                Ok(Some(Err(error))) => return self.broken(&error).await,
                Ok(None) => {
                    let rest = parser.take_rest();
                    if !rest.is_empty() && self.send(Frame::data(rest)).await.is_err() {
                        return;
                    }
                    return self.complete();
                }
                Err(Gone) => return,
            };
            let Ok(data) = frame.into_data() else { continue };
            let arrived = self.entry.shared.context.clock.now();
            self.entry.faults.catch_up();
            let mut passed = Passed::of(data.clone());
            parser.push(data);
            events.extend(std::iter::from_fn(|| Some(self.arrived(parser.next_event()?))));
            for event in events.drain(..) {
                seen += 1;
                self.entry.events(seen);
                if !event.has_data {
                    passed.push(&event.raw);
                    continue;
                }
                if event.is_last {
                    self.entry.marker();
                }
                let ruling = self.entry.faults.event(index);
                index += 1;
                if ruling.delay.is_zero() && ruling.verdict == EventVerdict::Pass {
                    passed.push(&event.raw);
                    continue;
                }
                if self.flush(&mut passed).await.is_err() || self.hold(arrived, ruling.delay).await.is_err() {
                    return;
                }
                match self.carry_out(ruling.verdict, &event.raw, event.kind.as_deref(), &mut passed).await {
                    Ok(None) => {}
                    Ok(Some(ending)) => return self.inject(ending).await,
                    Err(Gone) => return,
                }
            }
            self.entry.faults.arrive_from(index);
            if self.flush(&mut passed).await.is_err() {
                return;
            }
        }
    }

    /// An event has arrived, and waits for its turn.
    fn arrived(&mut self, event: Event) -> Waiting {
        let Event { raw, data, kind } = event;
        let is_last = data.as_ref().is_some_and(|data| self.api.is_last(kind.as_deref(), data));
        let has_data = data.is_some();
        if let Some(data) = data {
            self.entry.faults.arrives(data);
        }
        Waiting { raw, kind, has_data, is_last }
    }

    /// Holds an event that arrived then, and all that follow it, for `delay`.
    async fn hold(&mut self, arrived: Nanos, delay: Duration) -> Result<(), Gone> {
        if delay.is_zero() {
            return Ok(());
        }
        let clock = self.entry.shared.context.clock;
        let earliest = Nanos::from(clock.now().since(Nanos::from(OVERSLEPT)));
        self.held_until = self.held_until.max(arrived).max(earliest) + delay;
        tokio::select! {
            () = clock.sleep_until(self.held_until) => Ok(()),
            () = self.client.closed() => Err(Gone),
        }
    }

    /// Does with an event what the faults decided; says how the stream is to end, if it is.
    async fn carry_out(
        &mut self,
        verdict: EventVerdict,
        raw: &[u8],
        kind: Option<&[u8]>,
        passed: &mut Passed,
    ) -> Result<Option<Ending>, Gone> {
        match verdict {
            EventVerdict::Pass | EventVerdict::Delay(_) => passed.push(raw),
            EventVerdict::Drop => {}
            EventVerdict::Duplicate => {
                passed.push(raw);
                passed.push(raw);
            }
            EventVerdict::Replace(payloads) => {
                for data in &payloads {
                    passed.push(&event(kind, data));
                }
            }
            EventVerdict::Raw(writes) => {
                for bytes in writes {
                    if !passed.is_empty() {
                        self.flush(passed).await?;
                        self.settled().await;
                    }
                    passed.push(&bytes);
                }
            }
            EventVerdict::Last(bytes, then) => {
                self.send(Frame::data(bytes)).await?;
                return Ok(Some(then));
            }
            EventVerdict::Close => return Ok(Some(Ending::Close)),
            EventVerdict::Reset => return Ok(Some(Ending::Reset)),
            EventVerdict::Hang => return Ok(Some(Ending::Hang)),
        }
        Ok(None)
    }

    /// Ends a stream as a fault wants it.
    async fn inject(mut self, ending: Ending) {
        self.entry.ends(AttemptEnd::Injected);
        match ending {
            // The body's end is the response's: whole, as far as HTTP can tell.
            Ending::Close => {}
            Ending::Reset => self.end(HowToEnd::Rst).await,
            Ending::Hang => self.client.closed().await,
        }
    }

    /// A body that has come whole already.
    pub(super) async fn passed(mut self, body: Bytes) {
        self.whole();
        if self.send(Frame::data(body)).await.is_ok() {
            self.entry.close();
        }
    }

    /// The beginning of a body, which breaks off there.
    pub(super) async fn cut(mut self, beginning: Bytes) {
        self.entry.ends(AttemptEnd::Injected);
        if self.send(Frame::data(beginning)).await.is_ok() {
            self.end(HowToEnd::Fin).await;
        }
    }

    /// The next frame of the node's answer, or that the client left.
    async fn next(&self, body: &mut Arriving) -> Result<Option<Result<Frame<Bytes>, hyper::Error>>, Gone> {
        tokio::select! {
            biased;
            frame = body.frame() => Ok(frame),
            () = self.client.closed() => Err(Gone),
        }
    }

    async fn flush(&mut self, passed: &mut Passed) -> Result<(), Gone> {
        if passed.is_empty() { Ok(()) } else { self.send(Frame::data(passed.take())).await }
    }

    async fn send(&mut self, frame: Frame<Bytes>) -> Result<(), Gone> {
        match (self.pace, frame.into_data()) {
            (Some(rate), Ok(mut data)) => {
                let clock = self.entry.shared.context.clock;
                let step = usize::try_from(rate.div_ceil(PACE_STEPS)).unwrap_or(usize::MAX);
                while !data.is_empty() {
                    let piece = data.split_to(step.min(data.len()));
                    let takes = Duration::from_secs_f64(piece.len() as f64 / rate as f64);
                    self.client.send(Frame::data(piece)).await.map_err(|_| Gone)?;
                    let earliest = Nanos::from(clock.now().since(Nanos::from(PACE_SLACK)));
                    self.passed_at = self.passed_at.max(earliest) + takes;
                    clock.sleep_until(self.passed_at).await;
                }
                Ok(())
            }
            (_, Ok(data)) => self.client.send(Frame::data(data)).await.map_err(|_| Gone),
            (_, Err(frame)) => self.client.send(frame).await.map_err(|_| Gone),
        }
    }

    /// The node's answer has come whole.
    fn whole(&mut self) {
        self.entry.ends(AttemptEnd::Complete);
        if !self.streams && self.good {
            self.entry.marker();
        }
    }

    fn complete(mut self) {
        self.whole();
        self.entry.close();
    }

    async fn broken(mut self, error: &hyper::Error) {
        let how = broke(&mut self.entry, how_it_broke(error));
        self.end(how).await;
    }

    /// Waits until what was passed on is in the client's socket.
    async fn settled(&self) {
        while self.client.capacity() < WINDOW && !self.client.is_closed() {
            self.ender.settled().await;
        }
        self.ender.settled().await;
    }

    /// Ends the client's connection, or its stream, after what was passed on before.
    async fn end(mut self, how: HowToEnd) {
        self.entry.close();
        self.settled().await;
        self.ender.end(how);
        // Were the body's sender gone before its connection, the body would end as if it were whole.
        self.client.closed().await;
    }
}
