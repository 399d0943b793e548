//! The storm's pauses: each a stretch between two rows of `pauses.jsonl`.

use squall_report::Pause;

use super::PauseEvent;
use crate::clock::Nanos;

/// The stretches in which the storm was paused, as far as is known at `until`.
pub fn pauses(events: &[PauseEvent], until: Nanos) -> Vec<Pause> {
    let mut pauses: Vec<Pause> = Vec::new();
    let mut since: Option<Nanos> = None;
    let pause = |from: Nanos, to: Nanos| Pause { from_s: from.as_secs_f64(), to_s: to.as_secs_f64() };
    for event in events {
        match since {
            None if event.paused => since = Some(event.at_ns),
            Some(from) if !event.paused => {
                pauses.push(pause(from, event.at_ns));
                since = None;
            }
            _ => {}
        }
    }
    pauses.extend(since.map(|from| pause(from, until.max(from))));
    pauses
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn a_pause_lasts_until_the_storm_goes_on_or_to_the_end() {
        let event = |at: u64, paused| PauseEvent { at_ns: Nanos(at * SECOND), paused };
        let events = [event(2, true), event(2, true), event(5, false), event(6, false), event(8, true)];
        let pause = |from_s, to_s| Pause { from_s, to_s };
        assert_eq!(pauses(&events, Nanos(9 * SECOND)), [pause(2.0, 5.0), pause(8.0, 9.0)]);
        assert_eq!(pauses(&events[..3], Nanos(9 * SECOND)), [pause(2.0, 5.0)]);
        assert_eq!(pauses(&[], Nanos(9 * SECOND)), []);
    }
}
