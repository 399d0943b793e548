//! The interface keeps its promise: what was released goes on working.

use std::fs;
use std::path::{Path, PathBuf};

use squall::fault::interface::{WIT, track, version};
use wit_component::semver_check;
use wit_parser::{Resolve, WorldId};

use crate::support::Result;

fn released() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins/wit/released")
}

/// Each released version, with its text.
fn releases() -> Result<Vec<(String, String)>> {
    let mut all = Vec::new();
    for entry in fs::read_dir(released())? {
        let path = entry?.path();
        if path.is_dir() {
            let version = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            all.push((version, fs::read_to_string(path.join("fault.wit"))?));
        }
    }
    Ok(all)
}

/// Numbers that order versions.
fn order(version: &str) -> Vec<u64> {
    version.split('.').filter_map(|part| part.parse().ok()).collect()
}

fn world(resolve: &mut Resolve, text: &str) -> Result<WorldId> {
    let package = resolve.push_str("fault.wit", text)?;
    Ok(resolve.select_world(&[package], Some("fault"))?)
}

/// Whether a plugin that was built for `old` runs where `new` is spoken.
fn keeps(old: &str, new: &str) -> Result<std::result::Result<(), String>> {
    let mut resolve = Resolve::default();
    // Two packages of one name and version can't stand side by side. No `@since` may lie in the future.
    let (head, rest) = old.split_once(';').ok_or("no package")?;
    let (name, _) = head.split_once('@').ok_or("no version")?;
    let old = world(&mut resolve, &format!("{name}@9999.0.0;{rest}"))?;
    let new = world(&mut resolve, new)?;
    Ok(semver_check(resolve, old, new).map_err(|error| format!("{error:#}")))
}

#[test]
fn each_release_is_in_the_folder_of_its_version() -> Result {
    let releases = releases()?;
    assert!(!releases.is_empty());
    for (version, text) in releases {
        assert!(text.starts_with(&format!("package squall:fault@{version};")), "released/{version}");
    }
    Ok(())
}

#[test]
fn the_interface_is_a_released_one_or_newer_than_all() -> Result {
    let releases = releases()?;
    let newest = releases.iter().map(|(version, _)| order(version)).max();
    let is_released = releases.iter().any(|(released, _)| released == version());
    assert!(
        is_released || Some(order(version())) > newest,
        "squall:fault@{} is neither in plugins/wit/released/ nor newer than what is",
        version()
    );
    Ok(())
}

#[test]
fn what_was_released_in_this_track_goes_on_working() -> Result {
    for (released, text) in releases()? {
        if track(&released) != track(version()) || order(&released) > order(version()) {
            continue;
        }
        if let Err(why) = keeps(&text, WIT)? {
            panic!(
                "plugins built for squall:fault@{released} no longer run: raise the version in \
                 plugins/wit/fault.wit to another track ({why})"
            );
        }
        if released == version() {
            let same = keeps(WIT, &text)?;
            assert!(
                same.is_ok(),
                "squall:fault@{released} is released and means something else here: raise the version in \
                 plugins/wit/fault.wit ({same:?})"
            );
        }
    }
    Ok(())
}

#[test]
fn the_guard_tells_changes_that_break_from_those_that_do_not() -> Result {
    let changed = |from: &str, to: &str| {
        assert!(WIT.contains(from), "{from}");
        keeps(WIT, &WIT.replacen(from, to, 1)).map(|kept| kept.is_ok())
    };
    assert!(changed("now: func() -> nanos;", "now: func() -> nanos;\n  later: func() -> nanos;")?);
    assert!(!changed("now: func() -> nanos;", "now: func() -> u32;")?);
    assert!(!changed("  log: func(level: level, message: string);\n", "")?);
    assert!(!changed("finish: func(a: attempt);", "finish: func(a: attempt);\n  begin: func(a: attempt);")?);
    assert!(!changed("variant connect-verdict { pass,", "variant connect-verdict { pass, close,")?);
    assert!(!changed("ordinal: u32,", "ordinal: u32,\n    zone: string,")?);
    Ok(())
}
