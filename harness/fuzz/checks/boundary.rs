//! What must hold of values that cross the plugin boundary, either way, whatever they are.

use std::sync::LazyLock;
use std::time::Duration;

use arbitrary::{Result, Unstructured};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use squall::clock::Nanos;
use squall::fault::{
    Attempt, BodyVerdict, Call, Canned, EventBatch, EventRuling, EventVerdict, NodeInfo, NodeState,
    RequestHead, RequestVerdict, ResponseHead, ResponseVerdict, Specimen, Trap, Trial, Verdict,
};
use squall::name::{AttemptId, NodeName, RequestId};

use super::guest::Interface;
use super::image::Image;

/// A verdict in the fault log, and a failure in the report, are a line.
const LONGEST_LINE: usize = 2_000;
/// What one verdict may weigh: as much in its headers as in its body, and some room.
const HEAVIEST: usize = 33 << 20;
const HOOKS: [&str; 7] = ["describe", "configure", "connect", "request", "response", "events", "body"];

static INTERFACE: LazyLock<Interface> = LazyLock::new(Interface::new);
/// Answers with whatever it was handed last.
static PARROT: LazyLock<Specimen> =
    LazyLock::new(|| Specimen::new("parrot", &INTERFACE.parrot()).expect("the parrot is a plugin"));

/// Holds that a guest which answers each hook with odd values gets odd values itself, and that the host
/// makes verdicts that it can carry out of them, or a failure that names plugin and hook.
pub(crate) fn check(input: &[u8]) {
    let mut from = Unstructured::new(input);
    while !from.is_empty() {
        // What is left may be too little for one more, which says nothing of those before.
        let _ = exchange(&mut from);
    }
}

/// One call of one hook of a fresh instance.
fn exchange(from: &mut Unstructured<'_>) -> Result<()> {
    let node = NodeInfo { name: "a".into(), zone: String::new(), state: NodeState::Up };
    let mut trial = PARROT.trial(vec![node], vec!["a".into()]).expect("the parrot starts");
    let attempt = attempt(from)?;
    let since_start = Duration::from_nanos(from.arbitrary()?);
    let call = Call { attempt: &attempt, node: from.arbitrary()?, draw: from.arbitrary()?, since_start };
    let hook = *from.choose(&HOOKS)?;
    teach(&mut trial, &Image::of(&INTERFACE, INTERFACE.result_of(hook), from)?);
    match hook {
        "describe" => said(hook, &trial.describe().map(drop)),
        "configure" => said(hook, &trial.configure(&text(from)?).map(drop)),
        "connect" => ruled(hook, &trial.fault().connect(&call), |_| 0),
        "request" => ruled(hook, &trial.fault().request(&call, &request(from)?), |verdict| match verdict {
            RequestVerdict::Respond(canned) => canned_weight(canned),
            _ => 0,
        }),
        "response" => {
            ruled(hook, &trial.fault().response(&call, &response(from)?), |verdict| match verdict {
                ResponseVerdict::Respond(canned) => canned_weight(canned),
                ResponseVerdict::Headers(headers) => headers_weight(headers),
                _ => 0,
            });
        }
        "events" => {
            // Events are counted from the first of a stream, of which no attempt has billions.
            let first = u32::from(from.arbitrary::<u16>()?);
            let payloads = (0..from.int_in_range(1..=4)?).map(|_| data(from)).collect::<Result<Vec<_>>>()?;
            let ruling = trial.fault().events(&call, EventBatch::arrived(first, &payloads));
            if let Ok(Some(EventRuling { place, .. })) = &ruling {
                assert!(*place < payloads.len(), "it rules on event {place} of {}", payloads.len());
            }
            let verdict = ruling.map(|ruling| ruling.map_or(EventVerdict::Pass, |ruling| ruling.verdict));
            ruled(hook, &verdict, |verdict| match verdict {
                EventVerdict::Replace(parts) | EventVerdict::Raw(parts) => parts.iter().map(Bytes::len).sum(),
                EventVerdict::Last(bytes, _) => bytes.len(),
                _ => 0,
            });
        }
        _ => ruled("body", &trial.fault().body(&call, &data(from)?), |verdict| match verdict {
            BodyVerdict::Replace(body) => body.len(),
            _ => 0,
        }),
    }
    Ok(())
}

/// Hands the parrot its answer.
fn teach(trial: &mut Trial, answer: &[u8]) {
    for piece in answer.chunks(8) {
        let mut eight = [0; 8];
        eight[..piece.len()].copy_from_slice(piece);
        trial.fault().tick(Nanos(u64::from_le_bytes(eight))).expect("it has room");
    }
}

/// Holds what holds of every verdict: it can be written down, and it is not too heavy to carry out.
fn ruled<V: Verdict>(hook: &str, verdict: &std::result::Result<V, Trap>, weigh: impl Fn(&V) -> usize) {
    said(hook, verdict);
    if let Ok(verdict) = verdict {
        let line = verdict.describe();
        assert!(!line.is_empty() && line.len() <= LONGEST_LINE, "{hook}: {line:.200}");
        let weight = weigh(verdict);
        assert!(weight <= HEAVIEST, "{hook}: {weight} bytes");
    }
}

fn said<T>(hook: &str, answer: &std::result::Result<T, Trap>) {
    if let Err(trap) = answer {
        let line = trap.to_string();
        assert!(line.starts_with(&format!("plugin `parrot` failed in `{hook}`: ")), "{line:.200}");
        assert!(line.len() <= LONGEST_LINE && !line.contains('\n'), "{} bytes: {line:.200}", line.len());
    }
}

/// An HTTP answer that can be sent: what it weighs.
fn canned_weight(canned: &Canned) -> usize {
    assert!(canned.status.as_u16() >= 200, "{}", canned.status);
    canned.body.len() + headers_weight(&canned.headers)
}

fn headers_weight(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum()
}

fn attempt(from: &mut Unstructured<'_>) -> Result<Attempt> {
    Ok(Attempt {
        id: AttemptId(from.arbitrary()?),
        node: NodeName::from(text(from)?.as_str()),
        request: from.arbitrary::<Option<u64>>()?.map(RequestId),
        ordinal: from.arbitrary()?,
        at: Nanos(from.arbitrary()?),
    })
}

fn request(from: &mut Unstructured<'_>) -> Result<RequestHead> {
    let method = http::Method::from_bytes(text(from)?.as_bytes()).unwrap_or(http::Method::POST);
    Ok(RequestHead {
        method,
        path: text(from)?,
        headers: headers(from)?,
        model: text(from)?,
        streaming: from.arbitrary()?,
        max_tokens: from.arbitrary()?,
        body_bytes: from.arbitrary()?,
    })
}

fn response(from: &mut Unstructured<'_>) -> Result<ResponseHead> {
    let status = http::StatusCode::from_u16(from.int_in_range(100..=999)?).expect("HTTP has it");
    Ok(ResponseHead { status, headers: headers(from)? })
}

/// Headers as a client or a node may send them: any bytes but control characters.
fn headers(from: &mut Unstructured<'_>) -> Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    for _ in 0..from.int_in_range(0..=4)? {
        let name = HeaderName::from_bytes(text(from)?.as_bytes()).unwrap_or(http::header::COOKIE);
        let value = HeaderValue::from_bytes(&data(from)?);
        headers.append(name, value.unwrap_or_else(|_| HeaderValue::from_static("")));
    }
    Ok(headers)
}

/// Text, now and then far longer than anybody means.
fn text(from: &mut Unstructured<'_>) -> Result<String> {
    let text: &str = from.arbitrary()?;
    Ok(if from.ratio(1, 32)? { format!("{text}x").repeat(20_000) } else { text.to_owned() })
}

fn data(from: &mut Unstructured<'_>) -> Result<Bytes> {
    let data: &[u8] = from.arbitrary()?;
    Ok(if from.ratio(1, 32)? { data.repeat(20_000).into() } else { Bytes::copy_from_slice(data) })
}
