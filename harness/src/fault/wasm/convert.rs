//! Between the interface's types and the harness's own. A verdict that no wire could carry is an
//! error here, before anything is done.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::bindings::exports::squall::fault::plugin as wit;
use super::bindings::squall::fault::types as wit_types;
use super::in_a_line;
use crate::fault::{
    BodyVerdict, Call, Canned, ConnectVerdict, Description, Ending, EventBatch, EventRuling, EventVerdict,
    Hooks, Parameter, RequestHead, RequestVerdict, ResponseHead, ResponseVerdict,
};

/// What one verdict may weigh.
const LARGEST: usize = 16 << 20;
/// How many events one verdict may make of one.
const MOST_EVENTS: usize = 10_000;
/// How many headers one verdict may set; a map of headers panics when it has some ten thousands.
const MOST_HEADERS: usize = 1_000;
/// How many writes one verdict may make of an event; each is waited for.
const MOST_WRITES: usize = 1_000;

pub(super) fn hooks(hooks: wit::Hooks) -> Hooks {
    Hooks {
        connect: hooks.contains(wit::Hooks::CONNECT),
        request: hooks.contains(wit::Hooks::REQUEST),
        response: hooks.contains(wit::Hooks::RESPONSE),
        events: hooks.contains(wit::Hooks::EVENTS),
        sizes: hooks.contains(wit::Hooks::SIZES),
        data: hooks.contains(wit::Hooks::DATA),
        ahead: hooks.contains(wit::Hooks::AHEAD),
        body: hooks.contains(wit::Hooks::BODY),
        finish: hooks.contains(wit::Hooks::FINISH),
        tick: hooks.contains(wit::Hooks::TICK),
    }
}

pub(super) fn description(said: wit_types::Description) -> Description {
    let parameter = |said: wit_types::Parameter| Parameter {
        name: said.name,
        kind: said.kind,
        default: said.default,
        example: said.example,
        meaning: said.meaning,
    };
    Description { summary: said.summary, parameters: said.parameters.into_iter().map(parameter).collect() }
}

pub(super) fn attempt(call: &Call<'_>) -> wit::Attempt {
    let attempt = call.attempt;
    wit::Attempt {
        id: attempt.id.0,
        node: call.node,
        request: attempt.request.map(|request| request.0),
        ordinal: attempt.ordinal,
        draw: call.draw,
        at: attempt.at.0,
        since_start: nanos(call.since_start),
    }
}

/// Events, with as much of them as was asked for.
pub(super) fn batch(batch: EventBatch<'_>, hooks: Hooks) -> wit::EventBatch {
    let EventBatch { first, count, payloads } = batch;
    let size = |payload: &Bytes| u32::try_from(payload.len()).unwrap_or(u32::MAX);
    wit::EventBatch {
        first,
        count: count as u32,
        sizes: hooks.sizes.then(|| payloads.iter().map(size).collect()),
        data: hooks.data.then(|| payloads.iter().map(|payload| payload.to_vec()).collect()),
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

pub(super) fn request_head(head: &RequestHead) -> wit::RequestHead {
    wit::RequestHead {
        method: head.method.to_string(),
        path: head.path.clone(),
        headers: headers(&head.headers),
        model: head.model.clone(),
        streaming: head.streaming,
        max_tokens: head.max_tokens,
        body_bytes: head.body_bytes,
    }
}

pub(super) fn response_head(head: &ResponseHead) -> wit::ResponseHead {
    wit::ResponseHead { status: head.status.as_u16(), headers: headers(&head.headers) }
}

fn headers(headers: &HeaderMap) -> Vec<wit_types::Header> {
    let headers = headers.iter();
    headers
        .map(|(name, value)| wit_types::Header {
            name: name.as_str().to_owned(),
            value: value.as_bytes().to_vec(),
        })
        .collect()
}

pub(super) fn connect(verdict: wit::ConnectVerdict) -> ConnectVerdict {
    match verdict {
        wit::ConnectVerdict::Pass => ConnectVerdict::Pass,
        wit::ConnectVerdict::Delay(delay) => ConnectVerdict::Delay(Duration::from_nanos(delay)),
        wit::ConnectVerdict::Reset => ConnectVerdict::Reset,
        wit::ConnectVerdict::Hang => ConnectVerdict::Hang,
    }
}

pub(super) fn request(verdict: wit::RequestVerdict) -> Result<RequestVerdict, String> {
    Ok(match verdict {
        wit::RequestVerdict::Pass => RequestVerdict::Pass,
        wit::RequestVerdict::Delay(delay) => RequestVerdict::Delay(Duration::from_nanos(delay)),
        wit::RequestVerdict::Respond(answer) => RequestVerdict::Respond(canned(answer)?),
        wit::RequestVerdict::Reset => RequestVerdict::Reset,
        wit::RequestVerdict::Close => RequestVerdict::Close,
        wit::RequestVerdict::Hang => RequestVerdict::Hang,
    })
}

pub(super) fn response(verdict: wit::ResponseVerdict) -> Result<ResponseVerdict, String> {
    Ok(match verdict {
        wit::ResponseVerdict::Pass => ResponseVerdict::Pass,
        wit::ResponseVerdict::Delay(delay) => ResponseVerdict::Delay(Duration::from_nanos(delay)),
        wit::ResponseVerdict::Headers(headers) => ResponseVerdict::Headers(header_map(headers)?),
        wit::ResponseVerdict::Respond(answer) => ResponseVerdict::Respond(canned(answer)?),
        wit::ResponseVerdict::Pace(0) => {
            return Err("it paces a body at 0 bytes a second; to stop it, hang".into());
        }
        wit::ResponseVerdict::Pace(rate) => ResponseVerdict::Pace(rate),
        wit::ResponseVerdict::Reset => ResponseVerdict::Reset,
        wit::ResponseVerdict::Close => ResponseVerdict::Close,
        wit::ResponseVerdict::Hang => ResponseVerdict::Hang,
    })
}

/// Of a call about `asked` events.
pub(super) fn event_ruling(
    ruling: Option<wit::EventRuling>,
    asked: usize,
) -> Result<Option<EventRuling>, String> {
    let Some(wit::EventRuling { place, verdict }) = ruling else { return Ok(None) };
    let place = usize::try_from(place).ok().filter(|place| *place < asked);
    let place = place
        .ok_or_else(|| format!("it rules on an event that is not among the {asked} it was asked about"))?;
    Ok(Some(EventRuling { place, verdict: event(verdict)? }))
}

fn event(verdict: wit_types::EventVerdict) -> Result<EventVerdict, String> {
    Ok(match verdict {
        wit_types::EventVerdict::Pass => EventVerdict::Pass,
        wit_types::EventVerdict::Delay(delay) => EventVerdict::Delay(Duration::from_nanos(delay)),
        wit_types::EventVerdict::Drop => EventVerdict::Drop,
        wit_types::EventVerdict::Duplicate => EventVerdict::Duplicate,
        wit_types::EventVerdict::Replace(payloads) => {
            if payloads.len() > MOST_EVENTS {
                return Err(format!("it makes {} events of one; {MOST_EVENTS} is the most", payloads.len()));
            }
            within(payloads.iter().map(Vec::len).sum())?;
            EventVerdict::Replace(payloads.into_iter().map(Bytes::from).collect())
        }
        wit_types::EventVerdict::Raw(writes) => {
            if writes.len() > MOST_WRITES {
                return Err(format!(
                    "it makes {} writes of an event; {MOST_WRITES} is the most",
                    writes.len()
                ));
            }
            within(writes.iter().map(Vec::len).sum())?;
            EventVerdict::Raw(writes.into_iter().map(Bytes::from).collect())
        }
        wit_types::EventVerdict::Last(last) => {
            within(last.bytes.len())?;
            let then = match last.then {
                wit_types::Ending::Close => Ending::Close,
                wit_types::Ending::Reset => Ending::Reset,
                wit_types::Ending::Hang => Ending::Hang,
            };
            EventVerdict::Last(last.bytes.into(), then)
        }
        wit_types::EventVerdict::Close => EventVerdict::Close,
        wit_types::EventVerdict::Reset => EventVerdict::Reset,
        wit_types::EventVerdict::Hang => EventVerdict::Hang,
    })
}

pub(super) fn body(verdict: wit::BodyVerdict) -> Result<BodyVerdict, String> {
    Ok(match verdict {
        wit::BodyVerdict::Pass => BodyVerdict::Pass,
        wit::BodyVerdict::Delay(delay) => BodyVerdict::Delay(Duration::from_nanos(delay)),
        wit::BodyVerdict::Replace(body) => {
            within(body.len())?;
            BodyVerdict::Replace(body.into())
        }
        wit::BodyVerdict::Cut(bytes) => BodyVerdict::Cut(bytes),
        wit::BodyVerdict::Reset => BodyVerdict::Reset,
        wit::BodyVerdict::Hang => BodyVerdict::Hang,
    })
}

fn within(bytes: usize) -> Result<(), String> {
    if bytes > LARGEST {
        return Err(format!("its verdict has {bytes} bytes; {LARGEST} is the most"));
    }
    Ok(())
}

fn canned(answer: wit_types::Canned) -> Result<Canned, String> {
    within(answer.body.len())?;
    let status = StatusCode::from_u16(answer.status).ok().filter(|status| status.as_u16() >= 200);
    let status =
        status.ok_or_else(|| format!("it answers with status {}, which HTTP has not", answer.status))?;
    let headers = header_map(answer.headers)?;
    Ok(Canned { status, headers, body: answer.body.into() })
}

fn header_map(list: Vec<wit_types::Header>) -> Result<HeaderMap, String> {
    if list.len() > MOST_HEADERS {
        return Err(format!("it answers with {} headers; {MOST_HEADERS} is the most", list.len()));
    }
    within(list.iter().map(|header| header.name.len() + header.value.len()).sum())?;
    let mut headers = HeaderMap::new();
    for header in list {
        let name = HeaderName::from_bytes(header.name.as_bytes());
        let value = HeaderValue::from_bytes(&header.value);
        let (Ok(name), Ok(value)) = (name, value) else {
            return Err(format!(
                "it answers with a header `{}` that HTTP does not allow",
                in_a_line(&header.name)
            ));
        };
        headers.append(name, value);
    }
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_with_more_headers_than_a_map_holds_is_a_failure() {
        let header = wit_types::Header { name: "x-a".into(), value: b"b".to_vec() };
        assert_eq!(header_map(vec![header.clone(); MOST_HEADERS]).expect("the most").len(), MOST_HEADERS);
        let why = header_map(vec![header; 40_000]).expect_err("too many");
        assert_eq!(why, "it answers with 40000 headers; 1000 is the most");
    }

    #[test]
    fn a_failure_quotes_little_and_nothing_that_drives_a_terminal() {
        let header = wit_types::Header { name: "\u{1b}[2J".repeat(1_000_000), value: Vec::new() };
        let why = header_map(vec![header]).expect_err("not a name");
        assert!(why.len() < 2_000 && !why.chars().any(char::is_control), "{why:.300}");
    }
}
