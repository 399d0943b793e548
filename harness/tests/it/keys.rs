//! Keys are sent where they belong, and are found nowhere else: in no file, no log, no report, no message.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::support::scene::Scene;
use crate::support::{Node, Result, Then};

const KEY: &str = "sk-very-secret-0123456789";
const TENANT: &str = "tenant-very-secret-98765";
const NODE_KEY: &str = "sk-node-secret-4567890123";

/// Every file below a folder.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() { found.extend(files(&path)?) } else { found.push(path) }
    }
    Ok(found)
}

/// A node that repeats all that it is told: in an HTTP error, in the stream, in the stream's text.
fn gossip(seen: &Arc<AtomicUsize>) -> Result<Node> {
    let seen = Arc::clone(seen);
    Node::new(move |out, request| {
        let secret = |line: &&str| [KEY, TENANT, NODE_KEY].iter().any(|secret| line.contains(secret));
        let told: Vec<&str> = request.lines().filter(secret).collect();
        let told = told.join(" ");
        if told.contains(TENANT) && (told.contains(KEY) || told.contains(NODE_KEY)) {
            let turn = seen.fetch_add(1, Ordering::SeqCst);
            let (status, kind, body) = match turn % 3 {
                0 => (
                    "401 Unauthorized",
                    "application/json",
                    format!("{{\"error\":{{\"message\":\"no: {told}\"}}}}"),
                ),
                1 => (
                    "200 OK",
                    "text/event-stream",
                    format!("data: {{\"error\":{{\"message\":\"no: {told}\"}}}}\n\n"),
                ),
                _ => ("200 OK", "text/event-stream", format!("data: this is no JSON: {told}\n\n")),
            };
            let _ = write!(
                out,
                "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            );
        } else {
            let _ = write!(out, "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n");
        }
        Then::KeepOpen
    })
}

#[test]
fn a_key_is_sent_and_found_nowhere() -> Result {
    let (direct, own) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (a, b) = (gossip(&direct)?, gossip(&own)?);
    let scene = Scene::new(&format!(
        r#"
schema = 1
name = "keys"
seed = 7
[target]
model = "m"
router = {{ failover = false }}
key = {{ env = "SQUALL_TEST_KEY" }}
headers = {{ "x-team" = "sre", "X-Tenant" = {{ env = "SQUALL_TEST_TENANT" }} }}
[[node]]
name = "a"
url = "http://{}"
[[node]]
name = "b"
url = "http://{}"
key = {{ file = "node.key" }}
[traffic]
arrivals = {{ constant = "50/s" }}
prompts = {{ input = 20, output = 5 }}
[[phase]]
name = "only"
duration = "600ms"
fault = [{{ plugin = "latency", with = {{ fixed = "1ms" }} }}]
"#,
        a.address, b.address
    ))?;
    fs::write(scene.folder.path().join("node.key"), format!("{NODE_KEY}\n"))?;
    let mut command = scene.command();
    command.env("SQUALL_TEST_KEY", KEY).env("SQUALL_TEST_TENANT", TENANT).env("RUST_LOG", "trace");
    let output = command.output()?;
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let (sent, sent_own) = (direct.load(Ordering::SeqCst), own.load(Ordering::SeqCst));
    assert!(sent >= 10 && sent_own >= 10, "keys did not reach the nodes: {sent}, {sent_own}\n{said}");

    let found = files(&scene.out())?;
    for name in ["requests.jsonl", "attempts.jsonl", "report.json", "report.html", "router.log"] {
        assert!(found.iter().any(|path| path.ends_with(name)), "no {name} in {found:?}");
    }
    let rows = fs::read_to_string(scene.out().join("requests.jsonl"))?;
    assert!(rows.contains("[key]"), "no node's words were kept, so nothing was hidden:\n{rows}");
    kept_secret(&said, &found)
}

#[test]
fn a_header_says_where_the_nodes_are() -> Result {
    let seen = Arc::new(parking_lot::Mutex::new(Vec::new()));
    let told = Arc::clone(&seen);
    let node = Node::new(move |out, request| {
        let lines = request.lines().filter(|line| line.starts_with("x-where: "));
        told.lock().extend(lines.map(str::to_owned));
        let _ = write!(out, "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n");
        Then::KeepOpen
    })?;
    let address = node.address;
    let scene = Scene::new(&format!(
        r#"
schema = 1
name = "headers"
seed = 7
[target]
model = "m"
node = "a"
headers = {{ x-where = '{{"targets":["{{node.a}}","{{port}}"]}}' }}
[[node]]
name = "a"
url = "http://{address}"
[traffic]
arrivals = {{ constant = "50/s" }}
prompts = {{ input = 20, output = 5 }}
[[phase]]
name = "only"
duration = "200ms"
"#
    ))?;
    scene.run()?;
    let seen = seen.lock();
    let told = seen.first().ok_or("no header came")?;
    let (begin, end) = (r#"x-where: {"targets":["http://127.0.0.1:"#, r#"/v1","{port}"]}"#);
    let port = told.strip_prefix(begin).and_then(|rest| rest.strip_suffix(end));
    let port: u16 = port.ok_or_else(|| told.clone())?.parse()?;
    assert_ne!(port, address.port(), "the proxy is where the node is, to a gateway");
    Ok(())
}

/// No secret is in what was said, nor in any of these files.
fn kept_secret(said: &str, files: &[PathBuf]) -> Result {
    for secret in [KEY, TENANT, NODE_KEY] {
        assert!(!said.contains(secret), "said:\n{said}");
        for path in files {
            let bytes = fs::read(path)?;
            assert!(memchr::memmem::find(&bytes, secret.as_bytes()).is_none(), "in {}", path.display());
        }
    }
    Ok(())
}

#[test]
fn what_is_typed_as_a_header_is_sent_and_found_nowhere() -> Result {
    let sent = Arc::new(AtomicUsize::new(0));
    let node = gossip(&sent)?;
    let folder = tempfile::tempdir()?;
    let key = folder.path().join("api.key");
    fs::write(&key, KEY)?;
    let authorization = ["-H".into(), "Authorization: Bearer $SQUALL_TEST_KEY".into()];
    let key = ["--key-file".into(), key.display().to_string()];
    for (turn, access) in [authorization, key].into_iter().enumerate() {
        let out = folder.path().join(format!("out-{turn}"));
        let mut command = Command::new(env!("CARGO_BIN_EXE_squall"));
        command
            .arg("load")
            .arg(format!("http://{}", node.address))
            .args(["-m", "m", "-z", "1s", "--rate", "30"]);
        command.arg("-H").arg(format!("X-Tenant: {TENANT}")).args(access).arg("--out").arg(&out);
        let output = command.env("SQUALL_TEST_KEY", KEY).env("RUST_LOG", "trace").output()?;
        let said =
            format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        let rows = fs::read_to_string(out.join("requests.jsonl")).map_err(|_| said.clone())?;
        assert!(rows.contains("[key]"), "the headers did not reach the node:\n{rows}");
        kept_secret(&said, &files(&out)?)?;
        let report = fs::read_to_string(out.join("report.json"))?;
        assert!(report.contains("-H 'x-tenant: ***'"), "{report}");
        assert_eq!(report.contains("-H 'Authorization: Bearer $SQUALL_TEST_KEY'"), turn == 0);
    }
    assert!(sent.load(Ordering::SeqCst) >= 10);
    Ok(())
}

#[test]
fn a_written_scenario_takes_what_was_typed_from_the_environment() -> Result {
    let mut command = Command::new(env!("CARGO_BIN_EXE_squall"));
    command.args(["load", "http://127.0.0.1:1", "-m", "m", "--rate", "1", "--write-scenario", "-"]);
    let output = command.arg("-H").arg(format!("x-tenant: {TENANT}")).output()?;
    let (text, hint) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(text.contains(r#"headers = { "x-tenant" = { env = "SQUALL_X_TENANT" } }  # -H"#), "{text}");
    assert!(hint.contains("export SQUALL_X_TENANT="), "{hint}");
    kept_secret(&format!("{text}{hint}"), &[])
}

#[test]
fn a_key_twice_or_from_nowhere_is_refused_without_showing_it() -> Result {
    for (flags, expected) in [
        (
            &["-H", "authorization: Bearer sk-very-secret-0123456789", "--key-env", "HOME"][..],
            "both give a key",
        ),
        (&["-H", "sk-very-secret-0123456789"], "'name: value'"),
        (&["-H", "authorization: Bearer $SQUALL_TEST_NOT_SET"], "SQUALL_TEST_NOT_SET"),
        (&["--key-file", "/no/such/file"], "/no/such/file"),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_squall"));
        command.args(["load", "http://127.0.0.1:1", "-m", "m", "--rate", "1", "-z", "1s"]).args(flags);
        let output = command.output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(expected) && !said.contains(KEY), "{said}");
    }
    Ok(())
}
