//! The system's limits on a process.

use std::io;

use rustix::process::{Resource, getrlimit, setrlimit};

/// Raises the limit on open files to what is allowed: each stream takes a file descriptor or two, and the
/// usual soft limit of 1,024 is for programs that use `select`.
pub(crate) fn raise_open_files() -> io::Result<()> {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    Ok(setrlimit(Resource::Nofile, limit)?)
}
