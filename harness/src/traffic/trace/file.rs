//! A trace's file: opened as text, whatever it is compressed with. Its name says with what.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::Path;

use flate2::Compression as Level;
use flate2::bufread::MultiGzDecoder;
use flate2::write::GzEncoder;

use super::super::TrafficError;

/// Between the disk and a decoder, and between a decoder and lines.
const BUFFER: usize = 64 << 10;
/// The largest window of zstd that is read: what `zstd -d` takes unasked, 128 MiB.
const WINDOW_LOG: u32 = 27;
/// zstd's own default.
const ZSTD_LEVEL: i32 = 3;

/// How a file is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Compression {
    None,
    Gzip,
    Zstd,
}

impl Compression {
    fn of(path: &Path) -> Self {
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        match extension.to_ascii_lowercase().as_str() {
            "gz" | "gzip" => Self::Gzip,
            "zst" | "zstd" => Self::Zstd,
            _ => Self::None,
        }
    }

    fn hint(self) -> &'static str {
        match self {
            Self::None => "it was readable until here; check the disk",
            Self::Gzip => "its name says gzip: check that it is, and whole",
            Self::Zstd => "its name says zstd: check that it is, and whole",
        }
    }
}

/// Opens the file at `path` for reading.
pub(super) fn open(path: &Path) -> Result<Box<dyn BufRead + Send>, TrafficError> {
    let unreadable = |source: io::Error| TrafficError::Unreadable {
        path: path.to_owned(),
        hint: match source.kind() {
            io::ErrorKind::NotFound => "check the path; one in a scenario is relative to the scenario's file",
            io::ErrorKind::PermissionDenied => "make it readable for this user",
            _ => "it must be a file, plain or compressed by gzip or zstd",
        },
        source,
    };
    let file = File::open(path).map_err(unreadable)?;
    // A pipe or a device may never end.
    if !file.metadata().map_err(unreadable)?.is_file() {
        return Err(unreadable(io::Error::other("not a regular file")));
    }
    let file = BufReader::with_capacity(BUFFER, file);
    Ok(match Compression::of(path) {
        Compression::None => Box::new(file),
        Compression::Gzip => Box::new(BufReader::with_capacity(BUFFER, MultiGzDecoder::new(file))),
        Compression::Zstd => {
            let mut decoder = zstd::Decoder::with_buffer(file).map_err(unreadable)?;
            decoder.window_log_max(WINDOW_LOG).map_err(unreadable)?;
            Box::new(BufReader::with_capacity(BUFFER, decoder))
        }
    })
}

/// A file that can't be read on.
pub(super) fn broken(path: &Path, source: io::Error) -> TrafficError {
    TrafficError::Unreadable { path: path.to_owned(), source, hint: Compression::of(path).hint() }
}

/// A file that is being written.
pub(super) enum Sink {
    Plain(BufWriter<File>),
    Gzip(GzEncoder<BufWriter<File>>),
    Zstd(zstd::Encoder<'static, BufWriter<File>>),
}

impl Sink {
    /// Makes the file at `path`, or empties it, compressed as the name `like` says.
    pub(super) fn create(path: &Path, like: &Path) -> io::Result<Self> {
        let file = BufWriter::with_capacity(BUFFER, File::create(path)?);
        Ok(match Compression::of(like) {
            Compression::None => Self::Plain(file),
            Compression::Gzip => Self::Gzip(GzEncoder::new(file, Level::default())),
            Compression::Zstd => Self::Zstd(zstd::Encoder::new(file, ZSTD_LEVEL)?),
        })
    }

    /// Writes what is left, and the end that the compression needs.
    pub(super) fn finish(self) -> io::Result<()> {
        match self {
            Self::Plain(file) => file,
            Self::Gzip(encoder) => encoder.finish()?,
            Self::Zstd(encoder) => encoder.finish()?,
        }
        .flush()
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(file) => file.write(bytes),
            Self::Gzip(encoder) => encoder.write(bytes),
            Self::Zstd(encoder) => encoder.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(file) => file.flush(),
            Self::Gzip(encoder) => encoder.flush(),
            Self::Zstd(encoder) => encoder.flush(),
        }
    }
}
