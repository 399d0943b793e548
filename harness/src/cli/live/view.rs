//! What of the picture is looked at, and what keys do.

use super::keys::Key;

/// A page of the dashboard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Page {
    #[default]
    Timeline,
    Nodes,
    Faults,
    Phases,
    Client,
}

impl Page {
    pub(super) const ALL: [Self; 5] = [Self::Timeline, Self::Nodes, Self::Faults, Self::Phases, Self::Client];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Timeline => "timeline",
            Self::Nodes => "nodes",
            Self::Faults => "faults",
            Self::Phases => "phases",
            Self::Client => "client",
        }
    }

    /// The page so many further, around.
    fn further(self, by: usize) -> Self {
        let place = Self::ALL.iter().position(|page| *page == self).unwrap_or_default();
        Self::ALL[(place + by) % Self::ALL.len()]
    }
}

/// What is looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct View {
    pub(super) page: Page,
    /// The page of details that was looked at last.
    pub(super) details: Option<Page>,
    pub(super) help: bool,
    /// Rows of a page's table that are above the screen; drawing keeps it within the table.
    pub(super) scroll: usize,
    /// Why the run is being ended, if it is.
    pub(super) ending: Option<String>,
}

/// What a key asks of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deed {
    /// Pause the storm, or let it go on.
    Hold,
    /// End the run, with a report.
    End,
    /// As Ctrl-C: end the run, and at once when it is being ended.
    Interrupt,
}

impl View {
    /// A key is pressed.
    pub(super) fn press(&mut self, key: Key) -> Option<Deed> {
        match key {
            Key::Interrupt => return Some(Deed::Interrupt),
            Key::Char('q') => return Some(Deed::End),
            Key::Char('p' | ' ') => return Some(Deed::Hold),
            Key::Char('?' | 'h') => self.help = !self.help,
            Key::Escape if self.help => self.help = false,
            Key::Char('d') | Key::Enter if self.page == Page::Timeline => {
                self.open(self.details.unwrap_or(Page::Nodes));
            }
            Key::Char('d') | Key::Enter | Key::Escape => self.open(Page::Timeline),
            Key::Next => self.open(self.page.further(1)),
            Key::Back => self.open(self.page.further(Page::ALL.len() - 1)),
            Key::Up => self.scroll = self.scroll.saturating_sub(1),
            Key::Down => self.scroll += 1,
            Key::Char(_) => {}
        }
        None
    }

    fn open(&mut self, page: Page) {
        self.page = page;
        self.scroll = 0;
        self.help = false;
        if page != Page::Timeline {
            self.details = Some(page);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn details_are_the_ones_that_were_looked_at_last() {
        let mut view = View::default();
        let mut press = |key| {
            assert_eq!(view.press(key), None);
            view.page
        };
        assert_eq!(press(Key::Char('d')), Page::Nodes);
        assert_eq!(press(Key::Next), Page::Faults);
        assert_eq!(press(Key::Enter), Page::Timeline);
        assert_eq!(press(Key::Char('d')), Page::Faults);
        assert_eq!(press(Key::Escape), Page::Timeline);
        assert_eq!(press(Key::Back), Page::Client);
        assert_eq!(press(Key::Next), Page::Timeline);
    }

    #[test]
    fn what_a_key_asks_of_the_run_it_asks_on_any_page() {
        let mut view = View { help: true, page: Page::Client, ..View::default() };
        assert_eq!(view.press(Key::Char('p')), Some(Deed::Hold));
        assert_eq!(view.press(Key::Char('q')), Some(Deed::End));
        assert_eq!(view.press(Key::Interrupt), Some(Deed::Interrupt));
        assert_eq!((view.press(Key::Escape), view.help, view.page), (None, false, Page::Client));
    }
}
