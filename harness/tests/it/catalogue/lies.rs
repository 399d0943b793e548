//! Answers that are well-formed and wrong: `wrong-usage`, `wrong-model`, `poison`, `refusal`.

use serde_json::{Value, json};
use squall::correlation::REQUEST_HEADER;
use squall::name::RequestId;
use squall::record::AttemptEnd;

use super::{WORDS, chat, completion, fault, read, see, see_body, streaming};
use crate::support::storm::Storm;
use crate::support::{End, Result, STREAM_BODY};

fn message() -> Value {
    json!({ "role": "assistant", "content": "one two three" })
}

/// The usage that a stream ends with.
fn last_usage(events: &[String]) -> Option<Value> {
    let chunks = events.iter().filter_map(|event| serde_json::from_str::<Value>(event).ok());
    chunks.filter_map(|chunk| chunk.get("usage").cloned()).rfind(|usage| !usage.is_null())
}

#[test]
fn wrong_usage_leaves_the_counts_out_or_gets_them_wrong() -> Result {
    let payloads = chat(&WORDS);
    let zero = json!({ "prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0 });
    let tenfold = json!({ "prompt_tokens": 30, "completion_tokens": 30, "total_tokens": 60 });
    let half = json!({ "prompt_tokens": 2, "completion_tokens": 2, "total_tokens": 3 });
    for (with, usage) in [
        ("which = \"missing\"", None),
        ("which = \"zero\"", Some(zero)),
        ("which = \"inflated\"", Some(tenfold)),
        ("which = \"inflated\", factor = 0.5", Some(half)),
    ] {
        let (_, seen) = see(&streaming(&payloads)?, &fault("wrong-usage", with))?;
        assert_eq!(last_usage(&seen.events()), usage, "{with}");
        assert_eq!(read(&seen), ("one two three".into(), Some("stop".into())), "{with}");
        assert_eq!(seen.events().last().map(String::as_str), Some("[DONE]"), "{with}");
        let body = see_body(&completion(&message()), &fault("wrong-usage", with))?;
        let mut plain = usage.unwrap_or_default();
        if let (Some(table), Some(count)) =
            (plain.as_object_mut(), body["usage"]["prompt_tokens_details"].get("cached_tokens"))
        {
            table.insert("prompt_tokens_details".into(), json!({ "cached_tokens": count }));
        }
        assert_eq!(body.get("usage").cloned().unwrap_or_default(), plain, "{with}");
        assert_eq!(body["choices"], completion(&message())["choices"], "{with}");
    }
    Ok(())
}

#[test]
fn wrong_usage_changes_nothing_else_not_a_byte() -> Result {
    let odd = r#"{ "model":"sim", "choices":[{"delta":{"content":"é"},"p":-0.1000}] , "usage":{"total_tokens":4} }"#;
    let (_, seen) = see(&streaming(&[odd.into()])?, &fault("wrong-usage", "which = \"missing\""))?;
    assert_eq!(seen.events(), [odd.replace(r#", "usage":{"total_tokens":4} "#, "")]);
    Ok(())
}

#[test]
fn wrong_model_names_another_in_every_event_and_in_bodies() -> Result {
    let payloads = chat(&WORDS);
    let with = "model = \"gpt \\\"4\\\"\"";
    let (_, seen) = see(&streaming(&payloads)?, &fault("wrong-model", with))?;
    let expected: Vec<String> =
        payloads.iter().map(|payload| payload.replace("\"sim\"", "\"gpt \\\"4\\\"\"")).collect();
    assert_eq!(seen.events(), expected);
    let body = see_body(&completion(&message()), &fault("wrong-model", with))?;
    assert_eq!((&body["model"], &body["choices"][0]["message"]), (&json!("gpt \"4\""), &message()));
    Ok(())
}

#[test]
fn poison_replaces_words_by_those_of_its_vocabulary() -> Result {
    let node = streaming(&chat(&WORDS))?;
    let with = "tokens = 1, vocabulary = \"list\", list = [\"apple\", \"two\"]";
    let (_, seen) = see(&node, &fault("poison", with))?;
    let (text, finish) = read(&seen);
    assert_eq!((text.split(' ').count(), finish.as_deref()), (3, Some("stop")), "{text}");
    assert!(text.split(' ').all(|word| word == "apple" || word == "two"), "{text}");
    assert_ne!(text.split(' ').nth(1), Some("two"), "a word is never replaced by itself");

    let (_, seen) = see(&node, &fault("poison", "tokens = 1, vocabulary = \"foreign\""))?;
    assert!(read(&seen).0.split(' ').all(|word| !word.is_ascii()), "{}", read(&seen).0);
    let (_, seen) = see(&node, &fault("poison", "tokens = 1"))?;
    let wrong = read(&seen).0;
    assert!(
        wrong.is_ascii() && wrong.split(' ').zip(["one", "two", "three"]).all(|(a, b)| a != b),
        "{wrong}"
    );

    let body = see_body(&completion(&message()), &fault("poison", "tokens = 1"))?;
    let text = body["choices"][0]["message"]["content"].as_str().unwrap_or_default();
    assert!(text != "one two three" && text.split(' ').count() == 3, "{text}");
    Ok(())
}

/// The words of an answer of 400 that differ from the node's, for this request.
fn poisoned(storm: &Storm, request: u64) -> Result<Vec<usize>> {
    storm.rig.correlator.begin(RequestId(request));
    let header = format!("{REQUEST_HEADER}: {request}\r\nconnection: close\r\n");
    let (text, _) = read(&storm.rig.ask_with(&header, STREAM_BODY)?);
    let words = text.split(' ').enumerate();
    Ok(words.filter(|(_, word)| *word != "right").map(|(index, _)| index).collect())
}

#[test]
fn poison_hits_its_share_of_tokens_the_same_ones_in_every_run() -> Result {
    let mut words = vec![" right"; 400];
    words[0] = "right";
    let node = streaming(&chat(&words))?;
    let fault = fault("poison", "tokens = 0.25");
    let first = poisoned(&Storm::new(&node, &fault)?, 3)?;
    // Four standard deviations about a hundred.
    assert!((65..=135).contains(&first.len()), "{} of 400", first.len());
    let again = Storm::new(&node, &fault)?;
    assert_ne!(poisoned(&again, 4)?, first, "another request, other words");
    assert_eq!(poisoned(&again, 3)?, first, "the same request, the same words");
    Ok(())
}

#[test]
fn refusal_ends_a_stream_early_in_good_form() -> Result {
    let payloads = chat(&WORDS);
    for reason in ["content_filter", "stop", "length"] {
        let with = format!("reason = \"{reason}\", after = 2");
        let (storm, seen) = see(&streaming(&payloads)?, &fault("refusal", &with))?;
        assert_eq!(read(&seen), ("one".into(), Some(reason.into())), "{seen:?}");
        let events = seen.events();
        assert_eq!((events.len(), events[3].as_str()), (4, "[DONE]"));
        let ending: Value = serde_json::from_str(&events[2])?;
        assert_eq!((&ending["id"], &ending["model"]), (&json!("c1"), &json!("sim")));
        assert_eq!((seen.end, seen.is_whole()), (End::Fin, true));
        let row = storm.rig.attempt()?;
        assert_eq!((row.end, row.marker), (AttemptEnd::Injected, false), "the node sent no `[DONE]`");
    }
    Ok(())
}

#[test]
fn refusal_says_so_in_a_refusals_own_field() -> Result {
    let with = "reason = \"refusal\", text = \"No.\", after = 1";
    let (_, seen) = see(&streaming(&chat(&WORDS))?, &fault("refusal", with))?;
    assert_eq!(read(&seen), (String::new(), Some("stop".into())));
    let said: Value = serde_json::from_str(&seen.events()[1])?;
    assert_eq!(said["choices"][0]["delta"], json!({ "refusal": "No." }));
    assert_eq!(said["choices"][0]["finish_reason"], Value::Null);

    let body = see_body(&completion(&message()), &fault("refusal", with))?;
    let choice = &body["choices"][0];
    assert_eq!((&choice["message"]["refusal"], &choice["message"]["content"]), (&json!("No."), &Value::Null));
    let body = see_body(&completion(&message()), &fault("refusal", "reason = \"length\", after = 2"))?;
    let choice = &body["choices"][0];
    assert_eq!(
        (&choice["message"]["content"], &choice["finish_reason"]),
        (&json!("one two"), &json!("length"))
    );
    Ok(())
}
