//! `squall trace` as a user runs it.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::Value;

use crate::support::Result;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/traces").join(name)
}

fn trace<I: AsRef<std::ffi::OsStr>>(args: impl IntoIterator<Item = I>) -> Output {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_squall"));
    command.arg("trace").args(args).output().expect("squall runs")
}

fn info(path: &Path, more: &[&str]) -> Value {
    let path = path.to_str().expect("text");
    let output = trace(["info", path, "--json"].iter().chain(more));
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

#[test]
fn info_says_what_a_trace_is_like() -> Result {
    let folder = tempfile::tempdir()?;
    let svg = folder.path().join("t.svg");
    let path = fixture("mooncake_conversation.jsonl");
    let output = trace(["info".as_ref(), path.as_os_str(), "--svg".as_ref(), svg.as_os_str()]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout)?;
    for part in [
        "format         mooncake",
        "rows           14",
        "CV ",
        "% of rows have the time of the row above",
        "blocks of 512 tokens",
        "input",
        "output",
    ] {
        assert!(text.contains(part), "{part} is missing in {text}");
    }
    let svg = fs::read_to_string(svg)?;
    assert!(
        svg.starts_with("<svg") && svg.contains("mooncake_conversation.jsonl: requests a second"),
        "{svg:.300}"
    );
    Ok(())
}

#[test]
fn a_bad_row_is_refused_by_its_line_or_left_out_and_counted() -> Result {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("t.csv");
    let good = fs::read_to_string(fixture("azure_2024_conv.csv"))?;
    fs::write(&path, good.replace("862,38", "862"))?;
    let output = trace(["info".as_ref(), path.as_os_str()]);
    assert_eq!(output.status.code(), Some(2));
    let error = String::from_utf8(output.stderr)?;
    assert!(error.contains("t.csv, line 4: 2 fields where the header has 3"), "{error}");
    let info = info(&path, &["--skip-bad-rows"]);
    assert_eq!((&info["rows"], &info["skipped"]["rows"]), (&4.into(), &1.into()));
    assert!(info["skipped"]["first"].as_str().is_some_and(|first| first.starts_with("line 4: ")), "{info}");
    Ok(())
}

#[test]
fn a_converted_trace_says_the_same_and_no_half_file_is_left() -> Result {
    let folder = tempfile::tempdir()?;
    let (from, to) = (fixture("mooncake_conversation.jsonl"), folder.path().join("t.jsonl.zst"));
    let output = trace(["convert".as_ref(), from.as_os_str(), to.as_os_str()]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let (mut before, mut after) = (info(&from, &[]), info(&to, &[]));
    assert_eq!((before["format"].take(), after["format"].take()), ("mooncake".into(), "squall".into()));
    assert_eq!(before, after);
    let spread = info(&from, &["--spread", "--seed", "3"]);
    assert_eq!((&spread["spread_s"], &spread["times"]["same_time"]), (&3.0.into(), &0.into()));

    let refused = folder.path().join("t.csv");
    let output =
        trace(["convert".as_ref(), from.as_os_str(), refused.as_os_str(), "--to".as_ref(), "azure".as_ref()]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr)?.contains("has no place for hash_ids"));
    assert_eq!(fs::read_dir(folder.path())?.count(), 1, "only what was whole is there");
    Ok(())
}

#[test]
fn a_made_up_trace_is_as_it_was_asked_for() -> Result {
    let folder = tempfile::tempdir()?;
    let make = |name: &str, seed: &str| {
        let path = folder.path().join(name);
        let text = path.to_str().expect("text");
        let output = trace([
            "synth",
            text,
            "--rows",
            "5000",
            "--rate",
            "20/s",
            "--cv",
            "2",
            "--input",
            "lognormal(2000, 1000)",
            "--prefixes",
            "4",
            "--prefix-tokens",
            "1024",
            "--seed",
            seed,
        ]);
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        path
    };
    let path = make("a.jsonl", "7");
    assert_eq!(fs::read(&path)?, fs::read(make("b.jsonl", "7"))?);
    assert_ne!(fs::read(&path)?, fs::read(make("c.jsonl", "8"))?);
    let info = info(&path, &[]);
    assert_eq!(info["rows"], 5000);
    let near = |value: &Value, want: f64, within: f64| {
        let got = value.as_f64().expect("a number");
        assert!((got / want - 1.0).abs() < within, "{got} for {want}");
    };
    near(&info["times"]["rate"], 20.0, 0.1);
    near(&info["times"]["gap_cv"], 2.0, 0.1);
    near(&info["input_tokens"]["mean"], 2000.0, 0.05);
    assert!(info["prefixes"]["hit_rate"].as_f64().is_some_and(|rate| rate > 0.3), "{info}");
    Ok(())
}

/// Both files have more sessions than are held, all of them different.
#[cfg(target_os = "linux")]
#[test]
fn memory_does_not_grow_with_the_trace() -> Result {
    let folder = tempfile::tempdir()?;
    let peak_kib = |rows: usize| -> Result<u64> {
        let path = folder.path().join(format!("{rows}.csv.gz"));
        let mut text =
            "Timestamp,Session ID,Elapsed time,Model,Request tokens,Response tokens,Total tokens,Log Type\n"
                .to_owned();
        let mut sink = flate2::write::GzEncoder::new(fs::File::create(&path)?, flate2::Compression::fast());
        for row in 0..rows {
            writeln!(text, "{row}.0,s{row},1,m,{},5,9,x", row % 5_000 + 1)?;
            if text.len() > 1 << 20 {
                std::io::Write::write_all(&mut sink, text.as_bytes())?;
                text.clear();
            }
        }
        std::io::Write::write_all(&mut sink, text.as_bytes())?;
        sink.finish()?;
        let path = path.to_str().expect("text");
        let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_squall"));
        let mut child = child.args(["trace", "info", path]).stdout(std::process::Stdio::null()).spawn()?;
        let status = format!("/proc/{}/status", child.id());
        let mut peak = 0;
        while child.try_wait()?.is_none() {
            let now = fs::read_to_string(&status).unwrap_or_default();
            let line = now.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let kib = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
            peak = peak.max(kib.unwrap_or(0));
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
        Ok(peak)
    };
    let small = peak_kib(600_000)?;
    let large = peak_kib(2_400_000)?;
    assert!(small > 0 && large < small + 8_192 && large < 100_000, "{small} KiB, then {large} KiB");
    Ok(())
}
