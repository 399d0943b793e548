//! What the harness itself used: CPU time and memory.

use nix::sys::resource::{UsageWho, getrusage};

/// Resources that this process used so far.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Usage {
    /// CPU time in user and system mode, seconds.
    pub cpu_s: f64,
    /// The largest resident size, bytes.
    pub peak_rss_bytes: u64,
}

impl std::ops::Sub for Usage {
    type Output = Self;
    /// CPU time since `earlier`. A peak can't be subtracted: it stays that of the whole process.
    fn sub(self, earlier: Self) -> Self {
        Self { cpu_s: self.cpu_s - earlier.cpu_s, ..self }
    }
}

/// The kernel's unit of `ru_maxrss`: KiB, but bytes on macOS.
const MAXRSS_UNIT: u64 = if cfg!(target_os = "macos") { 1 } else { 1024 };

impl Usage {
    /// This process, until now.
    pub fn now() -> Self {
        // It fails for a bad argument only.
        let Ok(usage) = getrusage(UsageWho::RUSAGE_SELF) else { return Self::default() };
        let seconds =
            |time: nix::sys::time::TimeVal| time.tv_sec() as f64 + f64::from(time.tv_usec() as i32) / 1e6;
        Self {
            cpu_s: seconds(usage.user_time()) + seconds(usage.system_time()),
            peak_rss_bytes: u64::try_from(usage.max_rss()).unwrap_or(0) * MAXRSS_UNIT,
        }
    }
}
