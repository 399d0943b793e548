//! Where the calibration is kept: one file a user, in the XDG data folder.

use std::io;
use std::path::{Path, PathBuf};

use super::{Calibration, Host, SCHEMA};

/// Why a calibration could not be read or kept.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is none.
    #[error("{} is not there: nothing was calibrated; run `squall calibrate`", .0.display())]
    Missing(PathBuf),
    /// It could not be read.
    #[error("could not read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is not what Squall writes.
    #[error("{} is no calibration of this version: {why}; run `squall calibrate` again", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// It could not be written.
    #[error("could not write {}: {source}; name another file with --file", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is no folder for it.
    #[error("neither XDG_DATA_HOME nor HOME says where data is kept; name a file with --file")]
    NoFolder,
}

/// What a run finds of a calibration.
#[derive(Debug)]
pub enum Found {
    /// It was measured on a machine like this one.
    Known(Box<Calibration>),
    /// There is none.
    Nothing,
    /// There is one that says nothing of this machine; why, for people.
    Stale(String),
}

/// `$XDG_DATA_HOME/squall/calibration.json`, or under `~/.local/share`
/// (<https://specifications.freedesktop.org/basedir-spec/latest/>).
pub fn default_path() -> Result<PathBuf, StoreError> {
    let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let home = || Some(absolute("HOME")?.join(".local/share"));
    let base = absolute("XDG_DATA_HOME").or_else(home).ok_or(StoreError::NoFolder)?;
    Ok(base.join("squall/calibration.json"))
}

/// Reads the calibration at `path`.
pub fn read(path: &Path) -> Result<Calibration, StoreError> {
    let text = std::fs::read_to_string(path).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => StoreError::Missing(path.to_owned()),
        _ => StoreError::Read { path: path.to_owned(), source },
    })?;
    let unreadable = |why: String| StoreError::Unreadable { path: path.to_owned(), why };
    let known: Calibration = serde_json::from_str(&text).map_err(|error| unreadable(error.to_string()))?;
    if known.schema != SCHEMA {
        return Err(unreadable(format!("its version is {}, not {SCHEMA}", known.schema)));
    }
    Ok(known)
}

/// Keeps the calibration at `path`; it appears whole or not at all.
pub fn write(calibration: &Calibration, path: &Path) -> Result<(), StoreError> {
    let written = (|| {
        std::fs::create_dir_all(path.parent().unwrap_or(Path::new("")))?;
        let beside = path.with_extension("part");
        let mut text = serde_json::to_vec_pretty(calibration)?;
        text.push(b'\n');
        std::fs::write(&beside, text)?;
        std::fs::rename(&beside, path)
    })();
    written.map_err(|source| StoreError::Write { path: path.to_owned(), source })
}

/// What there is for this machine at `path`.
pub fn find(path: &Path) -> Found {
    let known = match read(path) {
        Ok(known) => known,
        Err(StoreError::Missing(_)) => return Found::Nothing,
        Err(error) => return Found::Stale(error.to_string()),
    };
    let differs = known.host.difference(&Host::here());
    let version = env!("CARGO_PKG_VERSION");
    let differs = differs.or_else(|| {
        (known.squall != version).then(|| format!("squall's version: {} then, {version} now", known.squall))
    });
    match differs {
        None => Found::Known(Box::new(known)),
        Some(how) => Found::Stale(format!(
            "{} was measured elsewhere ({how}); run `squall calibrate` again",
            path.display()
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calibration::tests::known;

    type Result = std::result::Result<(), Box<dyn std::error::Error>>;

    #[test]
    fn a_calibration_is_found_again() -> Result {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("new/calibration.json");
        assert!(matches!(find(&path), Found::Nothing));
        assert!(matches!(read(&path), Err(StoreError::Missing(_))));
        write(&known(), &path)?;
        assert_eq!(read(&path)?, known());
        assert!(matches!(find(&path), Found::Known(found) if *found == known()));
        Ok(())
    }

    #[test]
    fn one_of_another_machine_or_version_says_nothing_of_this() -> Result {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("calibration.json");
        let mut other = known();
        other.host.cpus += 1;
        let older = Calibration { squall: "0.0.1".into(), ..known() };
        for (calibration, said) in [(other, "processors"), (older, "0.0.1 then")] {
            write(&calibration, &path)?;
            assert!(matches!(find(&path), Found::Stale(why) if why.contains(said)), "{said}");
        }
        write(&Calibration { schema: 9, ..known() }, &path)?;
        assert!(matches!(find(&path), Found::Stale(why) if why.contains("version is 9")));
        std::fs::write(&path, "{}")?;
        assert!(matches!(find(&path), Found::Stale(why) if why.contains("no calibration")));
        Ok(())
    }
}
