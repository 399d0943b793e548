//! Answers as providers write them, in streams and in bodies: what stands where, and what an event is.
//!
//! OpenAI's chat completions first; where it costs nothing, Anthropic's messages and OpenAI's
//! responses too, whose events have a `type` that is also their name.

use crate::json;

/// Where the text of an answer may stand: in events, then in bodies.
const TEXTS: [&str; 4] =
    ["choices.0.delta.content", "delta.text", "choices.0.message.content", "content.0.text"];
/// Where the model's name may stand.
pub const MODELS: [&str; 3] = ["model", "message.model", "response.model"];
/// Where the counts of tokens may stand.
pub const USAGES: [&str; 3] = ["usage", "message.usage", "response.usage"];

/// The payload of an event, or a body, as text.
pub fn utf8(data: &[u8]) -> Option<&str> {
    std::str::from_utf8(data).ok()
}

/// A body that is an answer, and no error, list of models or health report.
pub fn is_answer(json: &str) -> bool {
    ["choices", "content", "output"].iter().any(|key| json::find(json, key).is_some())
}

/// Where the text of this event or body stands, and the text; none where it has none.
pub fn text(json: &str) -> Option<(&'static str, String)> {
    let found = TEXTS.iter().find_map(|path| Some((*path, json::text(json, path)?)))?;
    (!found.1.is_empty()).then_some(found)
}

/// The event that ends a whole answer: `[DONE]`, Anthropic's `message_stop`, Responses' completion.
pub fn is_final(data: &[u8]) -> bool {
    let data = data.trim_ascii();
    data == b"[DONE]" || kind(data).is_some_and(|kind| kind == "message_stop" || kind == "response.completed")
}

/// An event's own `type`, which OpenAI's chat chunks have not.
fn kind(data: &[u8]) -> Option<String> {
    let text = utf8(data).filter(|text| text.contains("\"type\""))?;
    json::text(text, "type")
}

/// These payloads as events on the wire. One with a `type` is named by it, as in Anthropic's streams.
pub fn events<'a>(payloads: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut out = Vec::new();
    for data in payloads {
        write_event(&mut out, data, "\n", "\n");
    }
    out
}

/// One payload as an event with these line ends: after its lines, and for the empty line that ends it.
pub fn write_event(out: &mut Vec<u8>, data: &[u8], line_end: &str, event_end: &str) {
    if let Some(kind) = kind(data) {
        out.extend_from_slice(format!("event: {kind}{line_end}").as_bytes());
    }
    for line in data.split(|byte| *byte == b'\n') {
        out.extend_from_slice(b"data: ");
        out.extend_from_slice(line);
        out.extend_from_slice(line_end.as_bytes());
    }
    out.extend_from_slice(event_end.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_found_in_events_and_bodies() {
        let chunk = r#"{"choices":[{"index":0,"delta":{"content":" hi"}}]}"#;
        assert_eq!(text(chunk), Some(("choices.0.delta.content", " hi".into())));
        let body = r#"{"choices":[{"message":{"content":"hi"}}]}"#;
        assert_eq!(text(body), Some(("choices.0.message.content", "hi".into())));
        let anthropic = r#"{"type":"content_block_delta","delta":{"type":"text_delta","text":"hi"}}"#;
        assert_eq!(text(anthropic), Some(("delta.text", "hi".into())));
        assert_eq!(text(r#"{"choices":[{"delta":{"role":"assistant","content":""}}]}"#), None);
        assert!(is_answer(body) && !is_answer(r#"{"error":{}}"#) && !is_answer(r#"{"data":[]}"#));
    }

    #[test]
    fn the_end_of_an_answer_is_told_from_what_looks_like_it() {
        assert!(is_final(b"[DONE]") && is_final(b" [DONE] "));
        assert!(is_final(br#"{"type" : "message_stop"}"#));
        assert!(!is_final(br#"{"delta":{"content":"[DONE]"}}"#));
        assert!(!is_final(br#"{"delta":{"content":"\"type\":\"message_stop\""}}"#));
    }

    #[test]
    fn events_are_written_as_their_api_does() {
        let events = events([b"[DONE]".as_slice(), br#"{"type":"ping"}"#, b"a\nb"]);
        let text = "data: [DONE]\n\nevent: ping\ndata: {\"type\":\"ping\"}\n\ndata: a\ndata: b\n\n";
        assert_eq!(utf8(&events), Some(text));
    }
}
