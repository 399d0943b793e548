//! The report's files in a run's folder.
//!
//! Each appears whole or not at all, and `report.json` last: whoever finds it finds the others too.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use crate::{Report, write_html, write_json, write_junit, write_markdown};

/// The report's files, in the order in which they are written.
pub(crate) const FILES: [&str; 4] = ["report.html", "junit.xml", "summary.md", "report.json"];

/// Why a report could not be written.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// A file could not be written.
    #[error(
        "could not write {}: {source}; make room or see to the folder's permissions, or choose another \
         folder with --out",
        path.display()
    )]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Writes every file of `report` into `dir`, which must exist. A file that is there is replaced.
pub fn write_all(report: &Report, dir: &Path) -> Result<(), RenderError> {
    for name in FILES {
        let path = dir.join(name);
        whole(&path, |out| match name {
            "report.html" => write_html(report, out),
            "junit.xml" => write_junit(report, out),
            "summary.md" => write_markdown(report, out),
            _ => write_json(report, out),
        })
        .map_err(|source| RenderError::Write { path, source })?;
    }
    Ok(())
}

/// Writes beside `path` first, so that a reader never sees half a file.
fn whole(path: &Path, write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>) -> io::Result<()> {
    let beside = path.with_extension("part");
    let written = (|| {
        let mut out = BufWriter::new(File::create(&beside)?);
        write(&mut out)?;
        out.flush()?;
        out.get_ref().sync_all()?;
        fs::rename(&beside, path)
    })();
    if written.is_err() {
        // What failed above is what counts.
        let _ = fs::remove_file(&beside);
    }
    written
}
