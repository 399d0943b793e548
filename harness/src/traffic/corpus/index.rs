//! Where the lines of a large file begin, in little memory.
//!
//! Every `step`-th line that is not blank is remembered; when that gets too many, every second is
//! forgotten. So a file of any size takes [`MOST`] numbers at most, and reaching a line takes the reading
//! of less than a step's lines before it.

/// Places that are remembered at most: half a MiB.
const MOST: usize = 65_536;

/// Where lines begin.
#[derive(Debug)]
pub(super) struct Index {
    starts: Vec<u64>,
    step: u64,
    lines: u64,
    most: usize,
}

impl Index {
    /// Of no lines.
    pub(super) fn new() -> Self {
        Self { starts: Vec::new(), step: 1, lines: 0, most: MOST }
    }

    /// Of no lines, with room for so many of them; for tests.
    #[cfg(test)]
    pub(super) fn with_room_for(most: usize) -> Self {
        Self { most, ..Self::new() }
    }

    /// The next line begins at byte `start`.
    pub(super) fn push(&mut self, start: u64) {
        if self.lines.is_multiple_of(self.step) {
            if self.starts.len() == self.most {
                let mut index = 0;
                self.starts.retain(|_| {
                    index += 1;
                    index % 2 == 1
                });
                self.step *= 2;
            }
            if self.lines.is_multiple_of(self.step) {
                self.starts.push(start);
            }
        }
        self.lines += 1;
    }

    /// How many there are.
    pub(super) fn lines(&self) -> u64 {
        self.lines
    }

    /// Where to read for line `line`, from 0: at this byte, so many lines further on.
    pub(super) fn find(&self, line: u64) -> Option<(u64, u64)> {
        let start = *self.starts.get(usize::try_from(line / self.step).ok()?)?;
        (line < self.lines).then_some((start, line % self.step))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_line_is_found_within_a_step_however_many_there_are(
            lengths in prop::collection::vec(1_u64..50, 1..400), half in 1_usize..20,
        ) {
            let most = half * 2;
            let mut index = Index { most, ..Index::new() };
            let mut starts = Vec::new();
            let mut at = 0;
            for length in lengths {
                starts.push(at);
                index.push(at);
                at += length;
            }
            prop_assert!(index.starts.len() <= most);
            prop_assert_eq!(index.lines(), starts.len() as u64);
            for (line, _) in starts.iter().enumerate() {
                let (start, further) = index.find(line as u64).expect("found");
                prop_assert_eq!(start, starts[line - further as usize]);
                prop_assert!(further < index.step);
            }
            prop_assert_eq!(index.find(starts.len() as u64), None);
        }
    }
}
