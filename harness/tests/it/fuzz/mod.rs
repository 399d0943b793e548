//! What the fuzz targets hold (`harness/fuzz/`), on their seeds and on what proptest makes up: without
//! instrumentation, in seconds. What fuzzing has found is a seed, and so kept from coming back.

#[path = "../../../fuzz/checks/boundary.rs"]
mod boundary;
#[path = "../../../fuzz/checks/guest.rs"]
mod guest;
#[path = "../../../fuzz/checks/image.rs"]
mod image;
#[path = "../../../fuzz/checks/loader.rs"]
mod loader;
#[path = "../../../fuzz/checks/scenario.rs"]
mod scenario;
#[path = "../../../fuzz/checks/sse.rs"]
mod sse;
#[path = "../../../fuzz/checks/trace.rs"]
mod trace;

use std::ops::Range;
use std::path::Path;
use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::sample::Index;

/// Holds `check` on every seed of `target`; says how many there are.
fn seeds(target: &str, check: impl Fn(&[u8])) -> usize {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(target);
    let entries = std::fs::read_dir(&folder).expect("a folder of seeds");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths.map(|path| check(&std::fs::read(path).expect("a seed"))).count()
}

#[test]
fn every_seed_holds() {
    assert!(seeds("sse", sse::check) >= 5);
    assert!(seeds("trace", trace::check) >= 5);
    assert!(seeds("scenario", scenario::check) >= 5);
    assert!(seeds("loader", loader::check) >= 5);
    assert!(seeds("boundary", boundary::check) >= 5);
}

proptest! {
    #[test]
    fn any_stream_is_read_as_the_format_says_wherever_it_is_split(
        parts in prop::collection::vec(prop_oneof![
            4 => prop::sample::select(vec![
                "data", "event", "id", ":", ": ", "x", "\n", "\r", "\r\n", "\n\n", "data: [DONE]\n\n", "\u{feff}",
            ]).prop_map(|part| part.as_bytes().to_vec()),
            1 => prop::collection::vec(any::<u8>(), 0..6),
        ], 0..60),
    ) {
        sse::check(&parts.concat());
    }

    #[test]
    fn any_file_is_a_trace_or_an_error_with_its_line(
        parts in prop::collection::vec(prop_oneof![
            4 => prop::sample::select(vec![
                "TIMESTAMP", "ContextTokens", "GeneratedTokens", ",", "\n", "\r\n", "\"", " ", "0", "-", "7", "T", "Z",
                "2023-11-16 18:15:46.6805900,374,44\n", "2024-05-10 23:59:59.999999+00:00,1,10000000\n",
                "9999-12-31 23:59:59,1,1\n", "-9999-01-01 00:00:00,1,1\n",
            ]).prop_map(|part| part.as_bytes().to_vec()),
            1 => prop::collection::vec(any::<u8>(), 0..6),
        ], 0..40),
    ) {
        trace::check(&parts.concat());
    }

    #[test]
    fn any_change_to_a_scenario_is_a_plan_or_mistakes_with_their_places(
        which in any::<Index>(),
        changes in prop::collection::vec((any::<Index>(), prop_oneof![
            3 => prop::sample::select(VALUES.as_slice()).prop_map(str::to_owned),
            1 => "\\PC{0,12}",
        ]), 1..5),
    ) {
        let mut text = which.get(&SCENARIOS).clone();
        for (place, value) in changes {
            let tokens = tokens(&text);
            text.replace_range(place.get(&tokens).clone(), &value);
        }
        scenario::check(text.as_bytes());
    }

    #[test]
    fn any_bytes_are_a_plugin_or_a_refusal(
        outline in any::<bool>(),
        changes in prop::collection::vec((any::<Index>(), any::<u8>()), 0..8),
        length in prop::option::weighted(0.2, any::<Index>()),
    ) {
        let mut bytes = if outline { OUTLINE.clone() } else { COMPONENT.clone() };
        for (place, byte) in changes {
            *place.get_mut(&mut bytes) = byte;
        }
        bytes.truncate(length.map_or(usize::MAX, |length| length.index(bytes.len())));
        loader::check(&bytes);
    }

    #[test]
    fn any_value_crosses_the_plugin_boundary_or_is_a_failure_with_its_name(
        input in prop::collection::vec(any::<u8>(), 0..600),
    ) {
        boundary::check(&input);
    }
}

/// The committed scenarios' texts.
static SCENARIOS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios");
    let paths = std::fs::read_dir(folder).expect("scenarios/").map(|entry| entry.expect("an entry").path());
    let scenarios = paths.filter(|path| path.extension().is_some_and(|extension| extension == "toml"));
    scenarios.map(|path| std::fs::read_to_string(path).expect("a scenario")).collect()
});

static OUTLINE: LazyLock<Vec<u8>> = LazyLock::new(|| guest::Interface::new().outline());
/// The smallest plugin there is, as a component.
static COMPONENT: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let parrot = guest::Interface::new().parrot();
    squall::fault::Specimen::new("parrot", &parrot).expect("a plugin").bytes().to_vec()
});

/// What might stand in a scenario where something else belongs.
const VALUES: [&str; 32] = [
    "0",
    "-1",
    "1.5",
    "1e308",
    "-0.0",
    "nan",
    "inf",
    "18446744073709551616",
    "true",
    "\"\"",
    "\"0s\"",
    "\"1s\"",
    "\"9999999999999999999s\"",
    "\"366d\"",
    "\"0/s\"",
    "\"1e9/s\"",
    "\"p100(ttft) <= 1s\"",
    "\"success >= 100%\"",
    "\"lognormal(1, 1e9)\"",
    "\"100.1%\"",
    "\"\\u0000\"",
    "\"..\"",
    "[]",
    "{}",
    "[[]]",
    "{ a = 1 }",
    "1979-05-27",
    "#",
    "=",
    "[[phase]]",
    "\n",
    "",
];

/// The places of words, texts, and what stands between them.
fn tokens(text: &str) -> Vec<Range<usize>> {
    let kind = |c: char| {
        if c.is_alphanumeric() || "_-.".contains(c) {
            0
        } else if c.is_whitespace() {
            1
        } else {
            c as u32
        }
    };
    let mut tokens = Vec::new();
    let mut begin = 0;
    for (at, pair) in
        text.char_indices().zip(text.chars().skip(1)).map(|((at, a), b)| (at + a.len_utf8(), (a, b)))
    {
        if kind(pair.0) != kind(pair.1) {
            tokens.push(begin..at);
            begin = at;
        }
    }
    tokens.push(begin..text.len());
    tokens
}
