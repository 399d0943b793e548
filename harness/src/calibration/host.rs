//! The machine, as far as it decides what a client can carry.

use serde::{Deserialize, Serialize};

/// A machine. Two that are equal carry about the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Host {
    /// Processors that this process may use.
    pub cpus: usize,
    /// The processor's model; empty where the system does not say.
    pub cpu: String,
    /// The kernel's name and release.
    pub kernel: String,
}

impl Host {
    /// This machine.
    pub fn here() -> Self {
        let cpus = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let uname = rustix::system::uname();
        let (name, release) = (uname.sysname().to_string_lossy(), uname.release().to_string_lossy());
        Self { cpus, cpu: model(&info).to_owned(), kernel: format!("{name} {release}") }
    }

    /// How `other` differs from this, for people; none where it does not.
    pub(super) fn difference(&self, other: &Self) -> Option<String> {
        let facts = [
            ("processors", self.cpus.to_string(), other.cpus.to_string()),
            ("the processor's model", self.cpu.clone(), other.cpu.clone()),
            ("the kernel", self.kernel.clone(), other.kernel.clone()),
        ];
        let (what, then, now) = facts.into_iter().find(|(_, then, now)| then != now)?;
        Some(format!("{what}: {then} then, {now} now"))
    }
}

/// The model in the text of `/proc/cpuinfo`.
fn model(info: &str) -> &str {
    let line = info.lines().find(|line| line.starts_with("model name"));
    line.and_then(|line| line.split_once(':')).map_or("", |(_, model)| model.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_is_equal_to_itself_and_says_how_another_differs() {
        let here = Host::here();
        assert!(here.cpus > 0 && here.kernel.contains(' '), "{here:?}");
        assert_eq!(here.difference(&Host::here()), None);
        let other = Host { cpus: here.cpus + 1, ..here.clone() };
        let said = here.difference(&other).unwrap_or_default();
        assert_eq!(said, format!("processors: {} then, {} now", here.cpus, here.cpus + 1));
    }

    #[test]
    fn the_model_is_read_where_there_is_one() {
        assert_eq!(model("processor\t: 0\nmodel name\t: A CPU @ 3 GHz\nflags\t: x\n"), "A CPU @ 3 GHz");
        assert_eq!(model("processor\t: 0\n"), "");
    }
}
