//! An author's path: a new project, built, checked, replayed and measured, and what is said of mistakes.
//!
//! The build is real: it needs a toolchain for plugins, which `ci/build-plugins` installs.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use assert_cmd::Command;
use insta::assert_snapshot;
use serde_json::Value;
use squall::fault::{BUILT_IN, interface};

use crate::support::Result;
use crate::support::storm::{SPUN, forgetful, hostile, says};

/// What a command gave: exit code, stdout, stderr.
struct Said {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Said {
    /// All of it, for snapshots; the folder is left out.
    fn all(&self, folder: &Path) -> String {
        let text = format!("exit {:?}\n--- stdout\n{}--- stderr\n{}", self.code, self.out, self.err);
        text.replace(&format!("{}/", folder.display()), "").replace(interface::version(), "VERSION")
    }
}

fn squall(folder: &Path, args: &[&str]) -> Result<Said> {
    squall_with(folder, args, |_| {})
}

fn squall_with(folder: &Path, args: &[&str], change: impl FnOnce(&mut Command)) -> Result<Said> {
    let mut command = Command::cargo_bin("squall")?;
    command.current_dir(folder).arg("plugin").args(args).env("NO_COLOR", "1");
    // Dependencies are built once, for all runs of the tests.
    command.env("CARGO_TARGET_DIR", concat!(env!("CARGO_TARGET_TMPDIR"), "/author"));
    change(&mut command);
    let output = command.output()?;
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    Ok(Said { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) })
}

/// Figures that differ from build to build and from run to run.
fn without_figures() -> insta::Settings {
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(r"\d+\.\d KiB", "SIZE");
    settings.add_filter(r"with \d+ files", "with N files");
    settings.add_filter(r"[\d ]*\d +(\d+\.\d{3}) %", " FUEL  SHARE %");
    settings
}

#[test]
fn a_new_project_is_built_checked_replayed_and_measured_as_it_stands() -> Result {
    let folder = tempfile::tempdir()?;
    let folder = folder.path();
    let settings = without_figures();

    let made = squall(folder, &["new", "late"])?;
    settings.bind(|| assert_snapshot!(made.all(folder)));
    let built = squall(folder, &["build", "late"])?;
    assert_eq!(built.code, Some(0), "{}", built.err);
    settings.bind(|| assert_snapshot!(built.out.replace(interface::version(), "VERSION")));
    let wasm = fs::read(folder.join("late/late.wasm"))?;
    let text = String::from_utf8_lossy(&wasm);
    assert!(!text.contains(&folder.display().to_string()), "it names the folder it was built in");

    let checked = squall(folder, &["check", "late/late.wasm", "--with", "most = \"1s\""])?;
    settings.bind(|| assert_snapshot!(checked.all(folder)));
    let tested = squall(folder, &["test", "late/late.wasm"])?;
    assert_snapshot!(tested.all(folder));
    measured(folder)?;
    other_decisions_are_a_failure(folder)
}

fn measured(folder: &Path) -> Result {
    let bench = squall(folder, &["bench", "late/late.wasm", "--batches", "20", "--json"])?;
    assert_eq!(bench.code, Some(0), "{}", bench.err);
    let costs: Value = serde_json::from_str(&bench.out)?;
    let hooks: Vec<&str> =
        costs.as_array().into_iter().flatten().filter_map(|cost| cost["hook"].as_str()).collect();
    assert_eq!(hooks, ["request", "tick"]);
    for cost in costs.as_array().into_iter().flatten() {
        let (median, p99) = (cost["median_ns"].as_f64(), cost["p99_ns"].as_f64());
        assert!(median > Some(0.0) && p99 >= median && cost["fuel"].as_u64() > Some(0), "{cost}");
    }
    assert_eq!(costs[1]["is_baseline"], true);
    // Doing something costs more fuel than doing nothing; times may lie on a busy machine.
    assert!(costs[0]["fuel"].as_u64() > costs[1]["fuel"].as_u64());
    let table = squall(folder, &["bench", "late/late.wasm", "--batches", "5"])?;
    assert!(table.out.contains("(an empty call)"), "{}", table.out);
    Ok(())
}

fn other_decisions_are_a_failure(folder: &Path) -> Result {
    let with = ["--with", "most = \"1ms\""];
    let other = squall(folder, &[&["test", "late/late.wasm"], &with[..]].concat())?;
    assert_snapshot!(other.all(folder));
    let golden = folder.join("other.golden");
    let golden_text = golden.display().to_string();
    let with = [&with[..], &["--golden", &golden_text]].concat();
    let updated = squall(folder, &[&["test", "late/late.wasm", "--update"], &with[..]].concat())?;
    assert_eq!(updated.code, Some(0), "{}", updated.err);
    assert_eq!(fs::read_to_string(&golden)?, updated.out);
    let again = squall(folder, &[&["test", "late/late.wasm"], &with[..]].concat())?;
    assert_eq!((again.code, again.out), (Some(0), updated.out));
    Ok(())
}

#[test]
fn nothing_that_exists_is_overwritten_and_names_are_names() -> Result {
    let folder = tempfile::tempdir()?;
    let folder = folder.path();
    fs::create_dir(folder.join("late"))?;
    for name in ["late", "Late", "latency", "fn", "../late"] {
        let said = squall(folder, &["new", name])?;
        assert_eq!(said.code, Some(2), "{name}: {}", said.out);
        assert!(said.err.contains(name) && said.out.is_empty(), "{name}: {}", said.err);
    }
    assert_eq!(fs::read_dir(folder)?.count(), 1);
    let elsewhere = squall(folder, &["new", "late", "--dir", "deep/in/here"])?;
    assert_eq!(elsewhere.code, Some(0), "{}", elsewhere.err);
    assert!(folder.join("deep/in/here/src/lib.rs").is_file());
    Ok(())
}

#[test]
fn without_a_toolchain_it_says_what_to_install() -> Result {
    let folder = tempfile::tempdir()?;
    let folder = folder.path();
    squall(folder, &["new", "late"])?;
    let said = squall_with(folder, &["build", "late"], |command| {
        command.env("PATH", "").env_remove("RUSTC");
    })?;
    assert_eq!(said.code, Some(2));
    for words in [
        "no Rust toolchain here builds for wasm32-unknown-unknown",
        "no `rustc` on the PATH",
        "Debian's lacks",
        "rustup target add wasm32-unknown-unknown",
        "apt-get install rustc-web",
    ] {
        assert!(said.err.contains(words), "{}", said.err);
    }
    let nowhere = squall(folder, &["build", "nowhere"])?;
    assert_eq!(nowhere.code, Some(2));
    assert!(
        nowhere.err.contains("nowhere/Cargo.toml") && nowhere.err.contains("plugin new"),
        "{}",
        nowhere.err
    );
    Ok(())
}

/// `latency`, as if it were built for another version of the interface.
fn from_another_version() -> Vec<u8> {
    let (_, bytes) = BUILT_IN.iter().find(|(name, _)| *name == "latency").expect("built in");
    let (ours, theirs) = (format!("@{}", interface::version()), "@0.1.9");
    assert_eq!(ours.len(), theirs.len(), "lengths are written in the module");
    let mut other = bytes.to_vec();
    let at: Vec<usize> =
        (0..other.len() - ours.len()).filter(|at| other[*at..].starts_with(ours.as_bytes())).collect();
    for at in at {
        other[at..at + theirs.len()].copy_from_slice(theirs.as_bytes());
    }
    other
}

#[test]
fn check_names_every_mistake() -> Result {
    let folder = tempfile::tempdir()?;
    let folder = folder.path();
    let foreign = wat::parse_str(
        r#"(component
            (import "wasi:clocks/monotonic-clock@0.2.9" (instance))
            (import "somebody:else/thing" (instance)))"#,
    )?;
    let hollow = format!(
        r#"(component (instance $empty) (export "squall:fault/plugin@{}" (instance $empty)))"#,
        interface::version()
    );
    let cases: [(&str, &[u8]); 6] = [
        ("elf", b"\x7fELF and so on"),
        ("module", &wat::parse_str("(module (import \"env\" \"f\" (func)))")?),
        ("torn", &from_another_version()[..500]),
        ("version", &from_another_version()),
        ("foreign", &foreign),
        ("hollow", &wat::parse_str(hollow)?),
    ];
    let mut all = String::new();
    for (name, bytes) in cases {
        let file = format!("{name}.wasm");
        fs::write(folder.join(&file), bytes)?;
        let said = squall(folder, &["check", &file])?;
        assert_eq!(said.code, Some(2), "{name}: {}", said.out);
        write!(all, "{name}: {}", said.err)?;
        let json = squall(folder, &["check", &file, "--json"])?;
        assert_eq!(json.code, Some(2), "{name}");
        let json: Value = serde_json::from_str(&json.out)?;
        assert!(json["refused"].as_array().is_some_and(|why| !why.is_empty()), "{json}");
        // What does not run has no verdicts and no cost.
        for verb in ["test", "bench"] {
            let said = squall(folder, &[verb, &file])?;
            assert_eq!(said.code, Some(2), "{verb} {name}");
            assert!(said.err.contains(&file) && said.out.is_empty(), "{verb} {name}: {}", said.err);
        }
    }
    let mut settings = insta::Settings::clone_current();
    settings.add_filter("offset 0x[0-9a-f]+", "offset AT");
    settings.bind(|| assert_snapshot!(all.replace(interface::version(), "VERSION")));
    let absent = squall(folder, &["check", "absent.wasm"])?;
    assert_eq!((absent.code, absent.err.contains("absent.wasm")), (Some(2), true));
    Ok(())
}

#[test]
fn a_call_that_fails_is_named_with_its_hook() -> Result {
    let folder = tempfile::tempdir()?;
    let hostile = hostile().display().to_string();
    for (does, at, words) in [
        ("spin", "request", SPUN),
        ("panic", "events", "unreachable"),
        ("nonsense", "request", "HTTP"),
        ("spin", "configure", SPUN),
    ] {
        let with = format!("does = \"{does}\", at = \"{at}\"");
        let said = squall(folder.path(), &["check", &hostile, "--with", &with])?;
        assert_eq!(said.code, Some(2), "{with}: {}", said.out);
        assert!(says(&said.err, words) && said.err.contains(&format!("`{at}`")), "{with}: {}", said.err);
        if at != "configure" {
            let said = squall(folder.path(), &["test", &hostile, "--with", &with])?;
            assert_eq!(said.code, Some(1), "{with}: {}", said.out);
            assert!(says(&said.out, words) && said.err.contains(at), "{with}: {}", said.out);
        }
    }
    let said = squall(folder.path(), &["check", "latency", "--with", "p5 = \"1ms\""])?;
    assert_eq!(said.code, Some(2));
    assert!(said.err.contains("unknown parameter `p5`"), "{}", said.err);
    Ok(())
}

#[test]
fn a_plugin_that_decides_otherwise_of_events_that_come_together_is_found() -> Result {
    let folder = tempfile::tempdir()?;
    let said = squall(folder.path(), &["check", &forgetful().display().to_string()])?;
    assert_eq!(said.code, Some(2), "{}", said.out);
    let words =
        ["`events at once`", "shown together: event 3 is the first", "one by one: event 1 is the first"];
    assert!(words.iter().all(|words| said.err.contains(words)), "{}", said.err);
    // One that says that places alone decide is asked twice.
    let said =
        squall(folder.path(), &["check", &forgetful().display().to_string(), "--with", "ahead = true"])?;
    assert_eq!(said.code, Some(2), "{}", said.out);
    let words = ["`events at once`", "shown together: event 2 is the first", "one by one: all pass"];
    assert!(words.iter().all(|words| said.err.contains(words)), "{}", said.err);
    Ok(())
}

#[test]
fn a_plugin_can_not_decide_ahead_and_act() -> Result {
    let folder = tempfile::tempdir()?;
    let hostile = hostile().display().to_string();
    let with = "does = \"foresee\", at = \"events\"";
    let said = squall(folder.path(), &["check", &hostile, "--with", with])?;
    assert_eq!(said.code, Some(2), "{}", said.out);
    let words = "decide of events before they come (`ahead`), and to act on nodes or to know the time";
    assert!(said.err.contains(words), "{}", said.err);
    Ok(())
}

const STREAM: &str = r#"
nodes = [{ name = "a" }, { name = "b", granted = false }]
after = "30ms"
[request]
body = '{"model":"sim","stream":true,"max_tokens":10}'
[response]
first_after = "50ms"
gap = "10ms"
file = "answer.sse"
[[attempt]]
node = "a"
draw = 0.25
"#;

#[test]
fn a_replay_shows_verdicts_actions_and_times_of_a_recorded_stream() -> Result {
    let folder = tempfile::tempdir()?;
    let folder = folder.path();
    fs::write(folder.join("s.toml"), STREAM)?;
    fs::write(
        folder.join("answer.sse"),
        "data: one\n\n: ping\n\ndata: two\n\ndata: three\n\ndata: [DONE]\n\n",
    )?;
    let mut all = String::new();
    for (plugin, with) in [
        ("cut", "after = 2, how = \"reset\""),
        ("latency", "fixed = \"5ms\", where = \"event\""),
        ("http-error", "status = 529, shape = \"anthropic\", retry_after = \"2s\""),
        ("node-kill", "after_event = 1, restart_after = \"20ms\""),
    ] {
        let said = squall(folder, &["test", plugin, "--exchange", "s.toml", "--with", with])?;
        assert_eq!(said.code, Some(0), "{plugin}: {}", said.err);
        write!(all, "== {plugin}\n{}", said.out)?;
    }
    assert_snapshot!(all);
    Ok(())
}

#[test]
fn an_exchange_with_a_mistake_is_refused_with_its_line() -> Result {
    let folder = tempfile::tempdir()?;
    let folder = folder.path();
    fs::write(folder.join("s.toml"), STREAM.replace("gap =", "gaps ="))?;
    let said = squall(folder, &["test", "cut", "--exchange", "s.toml", "--with", "after = 2"])?;
    assert_eq!(said.code, Some(2));
    assert!(said.err.contains("s.toml") && said.err.contains("gaps"), "{}", said.err);
    Ok(())
}
