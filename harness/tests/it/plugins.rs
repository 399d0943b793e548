//! Plugins as they are shipped: the built-in ones' effects on the wire, and what a hostile one can't do.

use std::io::Write as _;
use std::time::Duration;

use squall::fault::{PluginError, Refusal};
use squall::record::AttemptEnd;

use crate::support::storm::{PretendedFleet, SPUN, Storm, hostile, load, plan, says};
use crate::support::{End, Node, Parts, Result, Rig, Then};

const FOUR: [&str; 4] = ["one", "two", "three", "[DONE]"];

#[test]
fn latency_delays_the_request_or_each_event() -> Result {
    let node = Node::streaming(&FOUR)?;
    let storm = Storm::new(&node, r#"{ plugin = "latency", nodes = ["a"], with = { fixed = "80ms" } }"#)?;
    let seen = storm.rig.ask()?;
    assert!(seen.first_byte >= Some(Duration::from_millis(80)), "{:?}", seen.first_byte);
    assert_eq!(seen.events(), FOUR);
    assert_eq!(storm.rig.fault()?.verdict, "delay(80.000ms)");

    let each = r#"{ plugin = "latency", nodes = ["a"], with = { fixed = "30ms", where = "event" } }"#;
    let storm = Storm::new(&node, each)?;
    assert_eq!(storm.rig.ask()?.events(), FOUR);
    let row = storm.rig.attempt()?;
    assert_eq!(row.faults, 4);
    assert!(row.end_ns - row.start_ns >= Duration::from_millis(120));
    Ok(())
}

#[test]
fn http_error_answers_as_a_provider_does_and_the_node_sees_nothing() -> Result {
    let node = Node::streaming(&FOUR)?;
    let fault = r#"{ plugin = "http-error", nodes = ["a"],
        with = { status = 529, shape = "anthropic", retry_after = "2s" } }"#;
    let storm = Storm::new(&node, &fault.replace('\n', " "))?;
    let seen = storm.rig.ask()?;
    assert_eq!(seen.status(), Some(529));
    assert!(seen.text.contains("retry-after: 2\r\n"), "{}", seen.text);
    assert!(seen.body().contains("overloaded_error"), "{}", seen.text);
    assert_eq!(node.requests(), 0);
    assert_eq!(storm.rig.attempt()?.end, AttemptEnd::Injected);
    assert_eq!(storm.loaded.evidence(&storm.plan)[0].fired, 1);
    Ok(())
}

#[test]
fn cut_ends_a_stream_in_each_of_its_ways() -> Result {
    let cases: [(&str, &[&str], End, bool); 4] = [
        ("after = 2", &["one", "two"], End::Silence, true),
        ("after = 2, how = \"reset\"", &["one", "two"], End::Rst, false),
        ("how = \"no-done\"", &["one", "two", "three"], End::Silence, true),
        // Ten tokens are allowed: a fifth of them are two.
        ("after = 0.2", &["one", "two"], End::Silence, true),
    ];
    for (with, events, end, whole) in cases {
        let node = Node::streaming(&FOUR)?;
        let storm =
            Storm::new(&node, &format!("{{ plugin = \"cut\", nodes = [\"a\"], with = {{ {with} }} }}"))?;
        let seen = storm.rig.ask()?;
        assert_eq!(seen.events(), events, "{with}");
        assert_eq!((seen.end, seen.is_whole()), (end, whole), "{with}: {seen:?}");
    }
    Ok(())
}

#[test]
fn node_kill_kills_its_own_nodes_when_it_is_told_to() -> Result {
    let node = Node::streaming(&FOUR)?;
    let storm = Storm::new(&node, r#"{ plugin = "node-kill", nodes = ["a"], with = { after_event = 2 } }"#)?;
    storm.rig.ask()?;
    assert_eq!(*storm.fleet.done.lock(), ["kill a"]);
    let row = storm.rig.fault()?;
    assert_eq!((row.hook.as_str(), row.verdict.as_str()), ("events", "kill"));
    let storm = Storm::new(&node, r#"{ plugin = "node-kill", nodes = ["a", "b"] }"#)?;
    storm.loaded.engine.tick();
    assert_eq!(*storm.fleet.done.lock(), ["kill a", "kill b"]);
    Ok(())
}

#[test]
fn no_node_dies_of_an_event_that_another_fault_keeps_from_coming() -> Result {
    // All events come in one read.
    let node = Node::streaming(&FOUR)?;
    let kill = r#"{ plugin = "node-kill", nodes = ["a"], with = { after_event = 3 } }"#;
    let cut = r#"{ plugin = "cut", nodes = ["a"], with = { after = 1 } }"#;
    let storm = Storm::new(&node, &format!("{kill}, {cut}"))?;
    assert_eq!(storm.rig.ask()?.events(), ["one"]);
    assert!(storm.fleet.done.lock().is_empty());
    let storm = Storm::new(&node, kill)?;
    storm.rig.ask()?;
    assert_eq!(*storm.fleet.done.lock(), ["kill a"]);
    Ok(())
}

#[test]
fn a_share_of_zero_touches_nothing_and_half_touches_about_half() -> Result {
    let node = Node::streaming(&FOUR)?;
    for (share, least, most) in [("0.0", 0, 0), ("0.5", 14, 46), ("1.0", 60, 60)] {
        let fault = format!("{{ plugin = \"http-error\", nodes = [\"a\"], share = {share} }}");
        let storm = Storm::new(&node, &fault)?;
        for id in 0..60 {
            let id = squall::name::RequestId(id);
            storm.rig.correlator.begin(id);
            let header = format!("{}: {id}\r\nconnection: close\r\n", squall::correlation::REQUEST_HEADER);
            storm.rig.ask_with(&header, crate::support::STREAM_BODY)?;
        }
        let fired = storm.loaded.evidence(&storm.plan)[0].fired;
        assert!((least..=most).contains(&fired), "share {share}: {fired} of 60");
    }
    Ok(())
}

#[test]
fn a_fault_leaves_alone_what_its_matchers_do_not_meet() -> Result {
    let node = Node::streaming(&FOUR)?;
    for (when, status) in [
        ("model = \"sim\"", 503),
        ("model = \"other\"", 200),
        ("path = \"/v1/chat\"", 503),
        ("path = \"/v1/embeddings\"", 200),
        ("streaming = true", 503),
        ("streaming = false", 200),
        ("header = { name = \"X-Tenant\", value = \"gold\" }", 503),
        ("header = { name = \"x-tenant\", value = \"silver\" }", 200),
    ] {
        let fault = format!("{{ plugin = \"http-error\", nodes = [\"a\"], when = {{ {when} }} }}");
        let storm = Storm::new(&node, &fault)?;
        let seen = storm.rig.ask_with("x-tenant: gold\r\n", crate::support::STREAM_BODY)?;
        assert_eq!(seen.status(), Some(status), "{when}");
    }
    Ok(())
}

fn refusal(faults: &str) -> Result<PluginError> {
    let plan = plan(faults)?;
    let refused = load(&plan, &Parts::new(), &PretendedFleet::new());
    refused.err().ok_or_else(|| "it was taken".into())
}

#[test]
fn a_parameter_that_makes_no_sense_is_refused_in_the_plugins_own_words() -> Result {
    for (plugin, with, words) in [
        ("latency", "p5 = \"1ms\"", "p5"),
        ("latency", "p50 = \"1ms\"", "give both"),
        ("http-error", "status = 200", "400 to 599"),
        ("cut", "how = \"gently\"", "gently"),
        ("node-kill", "restart_after = \"soon\"", "soon"),
    ] {
        let error = refusal(&format!("{{ plugin = \"{plugin}\", nodes = [\"a\"], with = {{ {with} }} }}"))?;
        assert!(matches!(error, PluginError::Parameters { .. }), "{error}");
        let text = error.to_string();
        assert!(text.contains(words) && text.contains(plugin) && text.contains("`all`"), "{text}");
    }
    Ok(())
}

/// Loads these bytes as a plugin.
fn load_bytes(bytes: &[u8]) -> Result<PluginError> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("plugin.wasm");
    std::fs::write(&path, bytes)?;
    refusal(&format!("{{ plugin = \"{}\", nodes = [\"a\"] }}", path.display()))
}

#[test]
fn what_is_no_plugin_is_refused_by_name() -> Result {
    let good = std::fs::read(hostile())?;
    let wasi = wat::parse_str(
        r#"(component (import "wasi:clocks/monotonic-clock@0.2.0" (instance (export "now" (func (result u64))))))"#,
    )?;
    let stranger = wat::parse_str(r#"(component (import "somebody:else/thing" (instance)))"#)?;
    let cases: [(&[u8], &str); 7] = [
        (b"", "not WebAssembly"),
        (b"\x7fELF and so on", "not WebAssembly"),
        (&good[..good.len() / 2], "does not compile"),
        (&wat::parse_str("(module)")?, "does not say that it implements"),
        (&wat::parse_str("(component)")?, "does not implement"),
        (&wasi, "wasi:clocks/monotonic-clock@0.2.0"),
        (&stranger, "somebody:else/thing"),
    ];
    for (bytes, words) in cases {
        let error = load_bytes(bytes)?;
        assert!(matches!(error, PluginError::Refused { .. }), "{error}");
        assert!(error.to_string().contains(words), "{error}");
        assert!(error.to_string().contains("plugin.wasm"), "{error}");
    }
    assert!(!matches!(load_bytes(b"")?, PluginError::Refused { why: Refusal::Import(_), .. }));
    Ok(())
}

#[test]
fn a_module_with_flipped_bits_is_refused_or_taken_but_never_a_panic() -> Result {
    let good = std::fs::read(hostile())?;
    let mut random = 1_u64;
    for _ in 0..120 {
        let mut bytes = good.clone();
        for _ in 0..3 {
            // Knuth's linear congruential generator: any places will do, the same in every run.
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let at = (random >> 33) as usize % bytes.len();
            bytes[at] ^= 1 << (random & 7);
        }
        // The parameters are missing, so that what is taken is refused too, in its own words.
        load_bytes(&bytes)?;
    }
    // Where modules say what they are: the component type, the exports.
    for at in (0..good.len()).rev().take(2_000).step_by(11) {
        let mut bytes = good.clone();
        bytes[at] ^= 0x55;
        load_bytes(&bytes)?;
    }
    Ok(())
}

fn hostile_fault(with: &str) -> String {
    format!("{{ plugin = \"{}\", nodes = [\"a\"], with = {{ {with} }} }}", hostile().display())
}

#[test]
fn a_plugin_that_misbehaves_is_stopped_named_and_takes_nothing_with_it() -> Result {
    let cases = [
        ("spin", "request", SPUN),
        ("spin", "response", SPUN),
        ("spin", "events", SPUN),
        ("spin", "connect", SPUN),
        ("spin", "finish", SPUN),
        ("spin", "tick", SPUN),
        ("fill", "request", SPUN),
        ("grow", "request", "64 MiB"),
        // Its stack lies in its memory, at the low end.
        ("recurse", "events", "out of bounds memory access"),
        ("panic", "request", "unreachable"),
        ("huge", "events", "the most"),
        ("nonsense", "request", "HTTP"),
    ];
    for (does, at, words) in cases {
        let node = Node::streaming(&FOUR)?;
        let storm = Storm::new(&node, &hostile_fault(&format!("does = \"{does}\", at = \"{at}\"")))?;
        // The exchange goes on as if the fault were not there.
        assert_eq!(storm.rig.ask()?.events(), FOUR, "{does} at {at}");
        storm.loaded.engine.tick();
        let failure = storm.loaded.engine.failure();
        let trap = failure.borrow().clone().ok_or(format!("{does} at {at}: no trap"))?;
        let text = trap.to_string();
        assert!(says(&text, words), "{does} at {at}: {text}");
        assert!(text.contains("hostile.wasm") && text.contains(at), "{text}");
        // It is off from then on.
        assert_eq!(storm.rig.ask()?.events(), FOUR, "{does} at {at}");
        assert_eq!(storm.loaded.evidence(&storm.plan)[0].traps, 1, "{does} at {at}");
    }
    Ok(())
}

#[test]
fn with_skip_a_plugin_that_trapped_starts_afresh() -> Result {
    let node = Node::streaming(&FOUR)?;
    let skip = |with: &str| hostile_fault(with).replace("nodes", "on_trap = \"skip\", nodes");
    let storm = Storm::new(&node, &skip("does = \"panic-second\", at = \"request\""))?;
    for round in 1..=3 {
        assert_eq!(storm.rig.ask()?.status(), Some(500), "round {round}: it answers the first time");
        assert_eq!(storm.rig.ask()?.events(), FOUR, "round {round}: it traps, and the attempt passes");
        let evidence = &storm.loaded.evidence(&storm.plan)[0];
        assert_eq!((evidence.fired, evidence.traps), (round, round));
    }
    assert!(storm.loaded.engine.failure().borrow().is_none(), "the run goes on");
    // One that always traps is switched off for good, in the end.
    let storm = Storm::new(&node, &skip("does = \"panic\", at = \"tick\""))?;
    (0..2_000).for_each(|_| storm.loaded.engine.tick());
    assert_eq!(storm.loaded.evidence(&storm.plan)[0].traps, 1_000);
    Ok(())
}

#[test]
fn a_plugin_that_misbehaves_before_the_run_is_an_error() -> Result {
    for (does, words) in [("spin", SPUN), ("grow", "64 MiB"), ("panic", "configure")] {
        let error = refusal(&hostile_fault(&format!("does = \"{does}\", at = \"configure\"")))?;
        assert!(matches!(error, PluginError::Trapped(_)), "{error}");
        assert!(says(&error.to_string(), words), "{error}");
    }
    Ok(())
}

#[test]
fn a_plugin_acts_on_no_node_that_it_was_not_granted() -> Result {
    for does in ["kill", "pause", "resume", "restart"] {
        let node = Node::streaming(&FOUR)?;
        let storm =
            Storm::new(&node, &hostile_fault(&format!("does = \"{does}\", at = \"request\", node = 1")))?;
        let seen = storm.rig.ask()?;
        assert!(seen.text.contains("does not name node `b`"), "{does}: {}", seen.text);
        assert_eq!(storm.fleet.done.lock().len(), 0, "{does}");
    }
    let node = Node::streaming(&FOUR)?;
    let storm = Storm::new(&node, &hostile_fault("does = \"kill\", at = \"request\", node = 7"))?;
    assert!(storm.rig.ask()?.text.contains("has no node 7"));
    let node = Node::streaming(&FOUR)?;
    let storm = Storm::new(&node, &hostile_fault("does = \"list\", at = \"request\""))?;
    let seen = storm.rig.ask()?;
    assert!(seen.text.contains("a/") && !seen.text.contains("b/z2"), "{}", seen.text);
    Ok(())
}

#[test]
fn a_plugin_that_chatters_fills_nothing_up() -> Result {
    let node = Node::streaming(&FOUR)?;
    let storm = Storm::new(&node, &hostile_fault("does = \"chatter\", at = \"request\""))?;
    storm.rig.ask()?;
    let counters = &storm.loaded.evidence(&storm.plan)[0].counters;
    assert_eq!(counters.len(), 64, "counters that a fault may have");
    Ok(())
}

#[test]
fn a_plugin_that_misbehaves_on_a_whole_body_is_stopped_too() -> Result {
    let answer = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
    for (does, words) in [("spin", SPUN), ("huge", "the most")] {
        let node = Node::new(move |stream, _| {
            let _ = stream.write_all(answer.as_bytes());
            Then::KeepOpen
        })?;
        let storm = Storm::new(&node, &hostile_fault(&format!("does = \"{does}\", at = \"body\"")))?;
        assert_eq!(storm.rig.ask()?.body(), "{}", "{does}");
        let trap = storm.loaded.engine.failure().borrow().clone().ok_or("no trap")?;
        assert!(says(&trap.to_string(), words), "{trap}");
    }
    Ok(())
}

/// Resident memory of this process.
fn resident_bytes() -> Result<u64> {
    let statm = std::fs::read_to_string("/proc/self/statm")?;
    let pages: u64 = statm.split(' ').nth(1).ok_or("no resident size")?.parse()?;
    Ok(pages * rustix::param::page_size() as u64)
}

#[test]
fn what_a_plugin_does_to_its_node_reaches_no_other_one() -> Result {
    let node = Node::streaming(&FOUR)?;
    let other = Rig::plain(node.address)?;
    for does in ["spin", "fill", "grow", "recurse", "chatter"] {
        let before = resident_bytes()?;
        let storm = Storm::new(&node, &hostile_fault(&format!("does = \"{does}\", at = \"request\"")))?;
        let victim =
            std::thread::spawn(move || storm.rig.ask().map(|_| ()).map_err(|error| error.to_string()));
        let mut slowest = Duration::ZERO;
        while !victim.is_finished() {
            let seen = other.ask_with("connection: close\r\n", crate::support::STREAM_BODY)?;
            assert_eq!(seen.events(), FOUR, "{does}");
            slowest = slowest.max(seen.first_byte.unwrap_or(Duration::MAX));
        }
        victim.join().map_err(|_| "the victim panicked")??;
        // Far above what a busy machine adds, far below what the plugin would take if it could.
        assert!(slowest < Duration::from_secs(1), "{does}: {slowest:?}");
        let grown = resident_bytes()?.saturating_sub(before);
        assert!(grown < 256 << 20, "{does}: {grown} bytes more");
    }
    Ok(())
}
