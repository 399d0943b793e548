//! The system's limits on a process, held against what a plan may need, before the run.
//!
//! A client that runs out of file descriptors or ports looks like a service that refuses connections:
//! the run would end inconclusive, minutes later. What is certain to be too little is refused, what may
//! be too little is told.

use std::io::{self, Write as _};

use anyhow::bail;
use rustix::process::{Resource, getrlimit, setrlimit};
use squall::scenario::plan::{Entry, Plan, Schedule};
use squall::traffic;

/// Descriptors beside connections: ledgers, logs, pipes to processes, the runtime, listeners.
const RESERVE: u64 = 64;
/// The range of ports that outgoing connections are given (Linux).
const PORT_RANGE: &str = "/proc/sys/net/ipv4/ip_local_port_range";

/// Raises the limit on open files to what is allowed: each stream takes a file descriptor or two, and the
/// usual soft limit of 1,024 is for programs that use `select`.
pub(crate) fn raise_open_files() -> io::Result<()> {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    Ok(setrlimit(Resource::Nofile, limit)?)
}

/// How many files this process may open; none where there is no limit.
pub(crate) fn open_files() -> Option<u64> {
    getrlimit(Resource::Nofile).current
}

/// Raises what may be raised, then holds the limits against what `plan` may need: says on stderr what may
/// be too little, fails where it certainly is.
pub(crate) fn check(plan: &Plan) -> anyhow::Result<()> {
    // Not being allowed to is no error: the limit that stays is what counts.
    let _ = raise_open_files();
    for shortage in shortages(&Need::of(plan), &Have::now()) {
        if shortage.certain {
            bail!("{}", shortage.text);
        }
        writeln!(anstream::stderr(), "warning: {}", shortage.text)?;
    }
    Ok(())
}

/// What may be too little for `plan`, for people.
pub(crate) fn warnings(plan: &Plan) -> Vec<String> {
    shortages(&Need::of(plan), &Have::now()).into_iter().map(|shortage| shortage.text).collect()
}

/// What a plan may need.
#[derive(Clone, Copy, Debug)]
struct Need {
    /// Requests that are open at once, at most.
    open: u64,
    /// They will be: users are all there.
    certain: bool,
    /// Descriptors of this process for each: one to the target, two more in the proxy on the way.
    descriptors_each: u64,
}

impl Need {
    fn of(plan: &Plan) -> Self {
        let (open, certain) = match &plan.traffic.schedule {
            Schedule::Users(users) => (traffic::most_users(users), true),
            _ => (plan.traffic.limits.in_flight, false),
        };
        // A run of so many requests never has more of them open.
        let requests = plan.traffic.limits.requests.unwrap_or(u64::MAX);
        let proxied = !plan.nodes.is_empty() && !matches!(plan.target.entry, Entry::Url(_));
        Self { open: u64::from(open).min(requests), certain, descriptors_each: if proxied { 3 } else { 1 } }
    }

    fn descriptors(&self) -> u64 {
        self.open.saturating_mul(self.descriptors_each).saturating_add(RESERVE)
    }
}

/// What the system allows; none where it can't be told or is without limit.
#[derive(Clone, Copy, Debug)]
struct Have {
    descriptors: Option<u64>,
    ports: Option<u64>,
}

impl Have {
    fn now() -> Self {
        let ports = std::fs::read_to_string(PORT_RANGE).ok();
        Self { descriptors: open_files(), ports: ports.as_deref().and_then(range) }
    }
}

/// How many ports `32768 60999` are.
fn range(text: &str) -> Option<u64> {
    let (low, high) = text.trim().split_once(char::is_whitespace)?;
    let (low, high): (u64, u64) = (low.parse().ok()?, high.trim().parse().ok()?);
    (high + 1).checked_sub(low)
}

/// A limit that is, or may be, too low.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Shortage {
    text: String,
    /// The run would certainly meet it.
    certain: bool,
}

fn shortages(need: &Need, have: &Have) -> Vec<Shortage> {
    let Need { open, certain, descriptors_each } = *need;
    let may = if certain { "will have" } else { "may have" };
    let fewer = if certain { "ask with fewer users" } else { "lower `limits.in_flight`" };
    let mut found = Vec::new();
    let needed = need.descriptors();
    if let Some(allowed) = have.descriptors.filter(|allowed| *allowed < needed) {
        found.push(Shortage {
            certain,
            text: format!(
                "the run {may} {open} requests open at once, which takes {needed} open files ({descriptors_each} a \
                 request and {RESERVE} more), but this process may open {allowed}. Raise the limit and run again \
                 from the same shell: sudo prlimit --pid $$ --nofile={needed}:{needed}; or {fewer}"
            ),
        });
    }
    if let Some(ports) = have.ports.filter(|ports| *ports < open) {
        found.push(Shortage {
            certain,
            text: format!(
                "the run {may} {open} requests open at once, each from a port of its own, but the system gives out \
                 {ports} to one address. Widen the range: sudo sysctl -w net.ipv4.ip_local_port_range=\"1024 \
                 65535\"; or {fewer}"
            ),
        });
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const USERS: Need = Need { open: 20_000, certain: true, descriptors_each: 3 };
    const CAP: Need = Need { open: 20_000, certain: false, descriptors_each: 1 };

    #[test]
    fn what_is_enough_is_not_spoken_of() {
        let have = Have { descriptors: Some(60_064), ports: Some(20_000) };
        assert_eq!(shortages(&USERS, &have), []);
        assert_eq!(shortages(&USERS, &Have { descriptors: None, ports: None }), []);
    }

    #[test]
    fn too_few_files_are_told_with_figures_and_the_command() {
        let found = shortages(&USERS, &Have { descriptors: Some(60_063), ports: None });
        let [Shortage { text, certain: true }] = found.as_slice() else { panic!("{found:?}") };
        for said in
            ["20000 requests", "60064 open files", "may open 60063", "--nofile=60064:60064", "fewer users"]
        {
            assert!(text.contains(said), "`{said}` is not in {text}");
        }
        let found = shortages(&CAP, &Have { descriptors: Some(1_024), ports: None });
        let [Shortage { text, certain: false }] = found.as_slice() else { panic!("{found:?}") };
        assert!(
            text.contains("20064 open files (1 a request") && text.contains("limits.in_flight"),
            "{text}"
        );
    }

    #[test]
    fn too_few_ports_are_told_with_the_command() {
        let found = shortages(&CAP, &Have { descriptors: None, ports: Some(19_999) });
        let [Shortage { text, certain: false }] = found.as_slice() else { panic!("{found:?}") };
        assert!(text.contains("19999") && text.contains("ip_local_port_range"), "{text}");
    }

    #[test]
    fn the_range_counts_both_ends() {
        assert_eq!(range("32768\t60999\n"), Some(28_232));
        for odd in ["", "1", "x y", "9 1", "-1 5"] {
            assert_eq!(range(odd), None, "{odd}");
        }
    }
}
