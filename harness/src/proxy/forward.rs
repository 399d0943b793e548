//! An exchange with the node: the request out, the response back, with what faults make of it.

use std::future::pending;
use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Request, Response, Uri, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full};

use super::attempt::Entry;
use super::relay::{Answer, Relay, broke};
use super::socket::{Ender, HowToEnd};
use super::streams::Streams;
use super::upstream::{Arriving, Upstream, how_it_broke};
use crate::api::Api;
use crate::fault::{BodyVerdict, Canned, ResponseHead, ResponseVerdict};
use crate::record::AttemptEnd;

/// How a request goes on to the node.
pub(super) enum Way<'a> {
    /// By HTTP/1.1.
    One(&'a Arc<Upstream>),
    /// By HTTP/2.
    Two(&'a Streams),
}

/// A response body. It fails with the reset of its stream, where it has one of HTTP/2; over HTTP/1.1 it never
/// does, since a broken one is ended at its socket.
pub(super) type Body = UnsyncBoxBody<Bytes, h2::Error>;

/// Headers of one connection that mean nothing on the next.
const HOP_BY_HOP: [header::HeaderName; 4] =
    [header::TRANSFER_ENCODING, header::TE, header::UPGRADE, header::PROXY_AUTHENTICATE];

/// A whole answer that a fault gives in the node's place.
pub(super) fn answer(canned: Canned) -> Response<Body> {
    let body = Full::new(canned.body).map_err(|never| match never {});
    let mut response = Response::new(body.boxed_unsync());
    *response.status_mut() = canned.status;
    *response.headers_mut() = canned.headers;
    remove_hop_by_hop(response.headers_mut());
    // The body's own length is what counts.
    response.headers_mut().remove(header::CONTENT_LENGTH);
    response
}

fn remove_hop_by_hop(headers: &mut HeaderMap) {
    for name in HOP_BY_HOP {
        headers.remove(name);
    }
    // `keep-alive` is this proxy's own affair; `close` is the node's, and passed on.
    let closes =
        headers.get(header::CONNECTION).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"close"));
    if !closes {
        headers.remove(header::CONNECTION);
    }
    headers.remove("keep-alive");
}

/// Forwards a request and returns the response that its client gets, or how its connection ends.
pub(super) async fn forward(
    mut entry: Entry,
    way: Way<'_>,
    ender: &Arc<Ender>,
    parts: Parts,
    body: Bytes,
) -> Result<Response<Body>, HowToEnd> {
    let address = *entry.shared.upstream.lock();
    // Most of what speaks none of these paths speaks the most common API.
    let api = Api::of_path(parts.uri.path()).unwrap_or(Api::OpenaiChat);
    let mut request = outgoing(parts, body);
    let shared = Arc::clone(&entry.shared);
    let manner = shared.manner.get();
    if let Some(manner) = manner {
        manner.dress(request.headers_mut(), api);
    }
    let tls = manner.and_then(|manner| manner.tls.as_ref());
    let sent = match way {
        Way::One(upstream) => upstream.send(address, tls, request).await,
        Way::Two(streams) => {
            let response = streams.send(address, tls, request).await;
            response.map(|response| response.map(Arriving::of_stream))
        }
    };
    let response = match sent {
        Ok(response) => response,
        Err(broken) => {
            let how = broke(&mut entry, broken);
            return Err(how);
        }
    };
    entry.first_byte();
    let (mut head, body) = response.into_parts();
    head.version = http::Version::HTTP_11;
    remove_hop_by_hop(&mut head.headers);
    let mut pace = None;
    entry.faults.catch_up();
    if entry.faults.hooks().response {
        let seen = ResponseHead { status: head.status, headers: head.headers.clone() };
        let ruling = entry.faults.response(&seen);
        if !ruling.delay.is_zero() {
            tokio::time::sleep(ruling.delay).await;
        }
        head.headers.extend(ruling.headers);
        match ruling.verdict {
            ResponseVerdict::Pass | ResponseVerdict::Delay(_) | ResponseVerdict::Headers(_) => {}
            ResponseVerdict::Pace(rate) => pace = Some(rate),
            ResponseVerdict::Respond(canned) => {
                entry.status(canned.status, &canned.headers);
                entry.ends(AttemptEnd::Injected);
                return Ok(answer(canned));
            }
            ResponseVerdict::Reset => return Err(inject(&mut entry, HowToEnd::Rst)),
            ResponseVerdict::Close => return Err(inject(&mut entry, HowToEnd::Fin)),
            ResponseVerdict::Hang => {
                entry.ends(AttemptEnd::Injected);
                return pending().await;
            }
        }
    }
    entry.status(head.status, &head.headers);
    let good = head.status.as_u16() < 400;
    if good {
        entry.answered();
    }
    let coded = head.headers.get(header::CONTENT_ENCODING).is_some_and(|coding| coding != "identity");
    let streams = is_event_stream(&head.headers) && !coded;
    entry.faults.catch_up();
    let hooks = entry.faults.hooks();
    let about = Answer { api, streams, good, pace };
    if !streams && !coded && hooks.body {
        return with_body(entry, ender, head, body, about).await;
    }
    let hooked = streams && hooks.events;
    if streams && entry.faults.may_rule() {
        // Events may change, now or once a fault begins, and the length with them.
        head.headers.remove(header::CONTENT_LENGTH);
    }
    let shared = Arc::clone(&entry.shared);
    let (relay, passed_on) = Relay::new(entry, ender, about);
    shared.spawn(async move { if hooked { relay.events(body).await } else { relay.bytes(body).await } });
    Ok(Response::from_parts(head, passed_on))
}

/// An answer that is no stream, whole, as the faults rule on its body.
async fn with_body(
    mut entry: Entry,
    ender: &Arc<Ender>,
    mut head: http::response::Parts,
    body: Arriving,
    about: Answer,
) -> Result<Response<Body>, HowToEnd> {
    let body = match body.collect().await {
        Ok(body) => body,
        Err(error) => return Err(broke(&mut entry, how_it_broke(&error))),
    };
    let ruling = entry.faults.body(&body);
    if !ruling.delay.is_zero() {
        tokio::time::sleep(ruling.delay).await;
    }
    let announced = body.len();
    let (body, cut) = match ruling.verdict {
        BodyVerdict::Pass | BodyVerdict::Delay(_) => (body, false),
        BodyVerdict::Replace(other) => (other, false),
        BodyVerdict::Cut(bytes) => {
            (body.slice(..announced.min(usize::try_from(bytes).unwrap_or(announced))), true)
        }
        BodyVerdict::Reset => return Err(inject(&mut entry, HowToEnd::Rst)),
        BodyVerdict::Hang => {
            entry.ends(AttemptEnd::Injected);
            return pending().await;
        }
    };
    head.headers.insert(header::CONTENT_LENGTH, if cut { announced } else { body.len() }.into());
    let shared = Arc::clone(&entry.shared);
    let (relay, passed_on) = Relay::new(entry, ender, about);
    shared.spawn(async move { if cut { relay.cut(body).await } else { relay.passed(body).await } });
    Ok(Response::from_parts(head, passed_on))
}

/// Writes down that a fault ends the attempt, and says how its client is to see that.
fn inject(entry: &mut Entry, how: HowToEnd) -> HowToEnd {
    entry.ends(AttemptEnd::Injected);
    how
}

/// The request as the node is to see it, with its host in a header, whichever HTTP it came by.
fn outgoing(mut parts: Parts, body: Bytes) -> Request<Full<Bytes>> {
    parts.version = http::Version::HTTP_11;
    if let Some(authority) = parts.uri.authority()
        && let Ok(host) = authority.as_str().try_into()
    {
        parts.headers.insert(header::HOST, host);
        parts.uri = parts.uri.path_and_query().cloned().map_or_else(|| Uri::from_static("/"), Uri::from);
    }
    remove_hop_by_hop(&mut parts.headers);
    parts.headers.remove(header::CONNECTION);
    if parts.headers.contains_key(header::ACCEPT_ENCODING) {
        // What is compressed neither the ledger nor a fault can see into.
        parts.headers.insert(header::ACCEPT_ENCODING, header::HeaderValue::from_static("identity"));
    }
    Request::from_parts(parts, Full::new(body))
}

fn is_event_stream(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    kind.is_some_and(|kind| kind.trim_start().to_ascii_lowercase().starts_with("text/event-stream"))
}
