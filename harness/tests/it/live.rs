//! The dashboard on a real terminal: a pseudo-terminal, whose other end is the test.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use nix::pty::{Winsize, openpty};
use rustix::process::{Signal, kill_process};
use rustix::termios::tcsetwinsize;

use crate::support::Result;
use crate::support::scene::{Scene, descendants, lives, pid, rows, wait_until};

const TO_ALTERNATE: &str = "\x1b[?1049h";
const TO_MAIN: &str = "\x1b[?1049l";
const SHOW_CURSOR: &str = "\x1b[?25h";
/// As a shell says that Ctrl-C ended a program.
const INTERRUPTED: i32 = 130;

/// A storm from the first moment on, whose end nobody waits for: every answer of one node is delayed a little,
/// and another node is dead.
const SCENARIO: &str = r#"
schema = 1
name = "a storm to be paused"
[target]
api = "openai-chat"
model = "sim"
router = {}
[[node]]
name = "a"
sim = { ttft = "5ms", itl = "1ms" }
[[node]]
name = "b"
sim = { ttft = "5ms", itl = "1ms" }
[[node]]
name = "c"
sim = { ttft = "5ms", itl = "1ms" }
[traffic]
arrivals = { constant = "60/s" }
prompts = { input = 16, output = 4 }
limits = { first_token = "5s", idle = "3s", total = "20s" }
[[phase]]
name = "storm"
duration = "10m"
fault = [
  { plugin = "latency", nodes = ["a"], with = { p50 = "1ms", p99 = "2ms" } },
  { plugin = "node-kill", nodes = ["b"] },
]
[[slo]]
name = "availability"
objective = "success >= 50%"
"#;

/// A run on a terminal of its own.
struct Terminal {
    child: Child,
    keys: File,
    seen: Arc<Mutex<Vec<u8>>>,
    scene: Scene,
}

impl Terminal {
    fn start(words: &[&str]) -> Result<Self> {
        let scene = Scene::new(SCENARIO)?;
        let size = Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };
        let pty = openpty(&size, None)?;
        let end = || -> Result<Stdio> { Ok(pty.slave.try_clone()?.into()) };
        let child = scene
            .command()
            .args(words)
            .env("TERM", "xterm-256color")
            .stdin(end()?)
            .stdout(end()?)
            .stderr(end()?)
            .spawn()?;
        let keys = File::from(pty.master);
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (mut reader, kept) = (keys.try_clone()?, Arc::clone(&seen));
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            // Its end is an error once nobody has the other side open.
            while let Ok(read @ 1..) = reader.read(&mut bytes) {
                let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                kept.extend_from_slice(&bytes[..read]);
            }
        });
        Ok(Self { child, keys, seen, scene })
    }

    fn seen(&self) -> String {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&seen).into_owned()
    }

    /// Until this has been written to the terminal.
    fn wait_for(&self, words: &str) -> Result {
        wait_until(words, || Ok(self.seen().contains(words)))
            .map_err(|error| format!("{error}\n{}", self.seen()).into())
    }

    fn press(&mut self, key: &[u8]) -> Result {
        Ok(self.keys.write_all(key)?)
    }

    /// The user pulls at the window.
    fn resize(&self, ws_col: u16, ws_row: u16) -> Result {
        let size = rustix::termios::Winsize { ws_row, ws_col, ws_xpixel: 0, ws_ypixel: 0 };
        Ok(tcsetwinsize(&self.keys, size)?)
    }

    /// The exit code, once the run is over and all it wrote has been read.
    fn end(&mut self) -> Result<Option<i32>> {
        let mut code = None;
        wait_until("the run's end", || {
            code = self.child.try_wait()?;
            Ok(code.is_some())
        })?;
        Ok(code.and_then(|code| code.code()))
    }

    /// Rows of a ledger that has been begun.
    fn rows(&self, ledger: &str) -> Result<Vec<serde_json::Value>> {
        let path = self.scene.out().join(ledger);
        if path.exists() { rows(&path) } else { Ok(Vec::new()) }
    }
}

/// The last line of a ledger that is being written may be half a row: only then are rows no rows.
fn count(terminal: &Terminal, ledger: &str) -> usize {
    terminal.rows(ledger).map_or(0, |rows| rows.len())
}

/// How often node `b` has become this.
fn times(terminal: &Terminal, state: &str) -> usize {
    let rows = terminal.rows("nodes.jsonl").unwrap_or_default();
    rows.iter().filter(|row| row["node"] == "b" && row["state"] == state).count()
}

/// The terminal is as it was, and the result is what it shows.
fn given_back(seen: &str, result: &str) {
    let (_, after) = seen.rsplit_once(TO_MAIN).unwrap_or_else(|| panic!("not left: {seen}"));
    assert!(after.starts_with(SHOW_CURSOR), "{after}");
    assert!(after.contains(result), "{after}");
    assert!(!after.contains(TO_ALTERNATE), "{after}");
    assert_eq!(seen.matches(TO_ALTERNATE).count(), 1);
}

#[test]
fn a_storm_is_paused_and_goes_on_by_a_key_and_the_report_says_so() -> Result {
    let mut terminal = Terminal::start(&[])?;
    terminal.wait_for(TO_ALTERNATE)?;
    wait_until("delays", || Ok(count(&terminal, "faults.jsonl") > 20))?;
    terminal.press(b"p")?;
    terminal.wait_for("PAUSED")?;
    wait_until("the pause on record", || Ok(count(&terminal, "pauses.jsonl") == 1))?;
    // The load goes on, and the node that was killed is up again.
    let before = count(&terminal, "requests.jsonl");
    wait_until("requests in the pause", || Ok(count(&terminal, "requests.jsonl") > before + 60))?;
    wait_until("the node's return", || Ok(times(&terminal, "up") == 2))?;
    terminal.press(b"p")?;
    wait_until("the storm's return", || Ok(count(&terminal, "pauses.jsonl") == 2))?;
    wait_until("the node's second death", || Ok(times(&terminal, "down") == 2))?;
    wait_until("delays again", || {
        let rows = terminal.rows("faults.jsonl").unwrap_or_default();
        Ok(rows.iter().skip_while(|row| row["hook"] != "resume").any(|row| row["hook"] == "request"))
    })?;
    terminal.press(b"q")?;
    terminal.wait_for("ENDING")?;
    assert_eq!(terminal.end()?, Some(3));
    terminal.wait_for("Repeat")?;
    given_back(&terminal.seen(), "INCONCLUSIVE");

    let report = terminal.scene.report()?;
    assert!(report["aborted"].as_str().is_some_and(|why| why.contains("key q")), "{}", report["aborted"]);
    let pause = &report["pauses"][0];
    let (from, to) = (pause["from_s"].as_f64().ok_or("from")?, pause["to_s"].as_f64().ok_or("to")?);
    assert!(report["pauses"].as_array().is_some_and(|pauses| pauses.len() == 1) && from < to, "{pause}");
    // A verdict that was under way as the storm was paused may be written a moment after.
    let at = |row: &serde_json::Value| row["at_ns"].as_f64().map(|at| at / 1e9);
    let faults = terminal.rows("faults.jsonl")?;
    let within = faults.iter().filter(|row| at(row).is_some_and(|at| at > from + 0.2 && at < to));
    assert_eq!(within.count(), 0, "no fault while the storm is paused");
    let again = faults.iter().find(|row| row["hook"] == "resume").ok_or("not taken again")?;
    assert_eq!((again["verdict"].as_str(), again["node"].as_str()), (Some("kill"), Some("b")));
    let slo = &report["slos"][0];
    assert_eq!(slo["verdict"], "inconclusive", "a storm that was paused proves nothing: {slo}");
    assert!(report["reasons"].to_string().contains("paused by hand"), "{}", report["reasons"]);
    Ok(())
}

#[test]
fn ctrl_c_twice_ends_at_once_and_gives_the_terminal_back() -> Result {
    let mut terminal = Terminal::start(&["--progress", "dashboard"])?;
    wait_until("requests", || Ok(count(&terminal, "requests.jsonl") > 0))?;
    let family = descendants(terminal.child.id())?;
    terminal.press(b"\x03\x03")?;
    assert_eq!(terminal.end()?, Some(INTERRUPTED));
    terminal.wait_for(SHOW_CURSOR)?;
    given_back(&terminal.seen(), "");
    wait_until("the fleet's end", || Ok(!family.iter().any(|pid| lives(*pid))))
}

#[test]
fn a_window_may_change_its_size_and_a_signal_ends_the_run() -> Result {
    let mut terminal = Terminal::start(&[])?;
    terminal.wait_for("flight")?;
    terminal.resize(50, 10)?;
    terminal.wait_for("small")?;
    terminal.resize(120, 40)?;
    wait_until("the timeline", || {
        Ok(terminal.seen().rsplit_once("small").is_some_and(|(_, after)| after.contains("flight")))
    })?;
    kill_process(pid(&terminal.child)?, Signal::TERM)?;
    assert_eq!(terminal.end()?, Some(3));
    terminal.wait_for("Repeat")?;
    given_back(&terminal.seen(), "INCONCLUSIVE");
    let report = terminal.scene.report()?;
    assert!(report["aborted"].as_str().is_some_and(|why| why.contains("signal")), "{}", report["aborted"]);
    Ok(())
}

#[test]
fn without_a_terminal_there_are_plain_lines_and_no_dashboard() -> Result {
    let scene = Scene::new(&SCENARIO.replace("10m", "2s"))?;
    let output = scene.run()?;
    let said = String::from_utf8(output.stderr)?;
    assert!(said.contains("storm begins: 2s, 2 faults"), "{said}");
    assert!(!said.contains('\x1b') && !output.stdout.contains(&0x1b), "{said}");
    fs_gone(&scene)?;
    let refused = scene.command().args(["--progress", "dashboard"]).stdin(Stdio::null()).output()?;
    assert_eq!(refused.status.code(), Some(2));
    let said = String::from_utf8(refused.stderr)?;
    assert!(said.contains("there is no terminal for a dashboard"), "{said}");
    let silent = scene.command().args(["--progress", "none"]).output()?;
    assert_eq!(String::from_utf8(silent.stderr)?, "");
    Ok(())
}

/// Makes room for another run.
fn fs_gone(scene: &Scene) -> Result {
    Ok(std::fs::remove_dir_all(scene.out())?)
}
