//! The interface that plugins are built for: its text, its version, and which versions this one speaks.
//!
//! Versions of one track (`0.2.x`, later `1.x`) only add to each other, which a test holds by comparing
//! `plugins/wit/fault.wit` with each released text of its track.

/// `plugins/wit/fault.wit`.
pub const WIT: &str = include_str!("../../../plugins/wit/fault.wit");
/// What the names of all its interfaces begin with.
const PACKAGE: &str = "squall:fault";

/// The version of the interface.
pub fn version() -> &'static str {
    let named = WIT.lines().find_map(|line| line.strip_prefix("package squall:fault@")?.strip_suffix(';'));
    named.unwrap_or_default()
}

/// The version in a name such as `squall:fault/host@0.3.0`; none when it is of another package. A name
/// without a version has the empty one.
pub fn version_of(name: &str) -> Option<&str> {
    let rest = name.strip_prefix(PACKAGE)?.strip_prefix('/')?;
    Some(rest.split_once('@').map_or("", |(_, version)| version))
}

/// A plugin that is built for `other` runs here.
pub fn speaks(other: &str) -> bool {
    track(other) == track(version())
}

/// The part of a version that an incompatible change changes: `0.2` of `0.2.7`, `1` of `1.4.0`.
pub fn track(version: &str) -> &str {
    let parts = if version.starts_with("0.") { 2 } else { 1 };
    let end = version.match_indices('.').nth(parts - 1).map_or(version.len(), |(at, _)| at);
    &version[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_names_its_version() {
        assert_eq!(version().split('.').count(), 3, "{}", version());
        assert!(speaks(version()));
        assert!(!speaks("") && !speaks("99.0.0") && !speaks("0.99.0"));
    }

    #[test]
    fn names_tell_their_version_and_a_version_its_track() {
        assert_eq!(version_of("squall:fault/host@0.1.0"), Some("0.1.0"));
        assert_eq!(version_of("squall:fault/host"), Some(""));
        assert_eq!(version_of("squall:faults/host@0.1.0"), None);
        assert_eq!(version_of("wasi:cli/run@0.2.0"), None);
        for (version, is) in [("0.2.7", "0.2"), ("1.4.0", "1"), ("12.0.1", "12"), ("0.10.0", "0.10")] {
            assert_eq!(track(version), is);
        }
    }
}
