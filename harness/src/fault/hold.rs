//! The storm's switch, for whoever watches the run: every fault can be withdrawn by hand, and put back.

use tokio::sync::watch;

/// How the storm stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Storm {
    /// Faults are on or to come, as the plan says.
    Going,
    /// Paused by hand: none is on, and none begins.
    Paused,
    /// No fault is on or to come, so that there is nothing to pause.
    Over,
}

/// Pauses the storm, and lets it go on. Clones share it.
#[derive(Clone, Debug)]
pub struct Hold {
    storm: watch::Sender<Storm>,
}

impl Default for Hold {
    fn default() -> Self {
        Self { storm: watch::Sender::new(Storm::Going) }
    }
}

impl Hold {
    /// Pauses a storm that goes on, and lets one go on that is paused. One that is over stays over.
    pub fn toggle(&self) {
        self.storm.send_modify(|storm| {
            *storm = match *storm {
                Storm::Going => Storm::Paused,
                Storm::Paused => Storm::Going,
                Storm::Over => Storm::Over,
            };
        });
    }

    /// How the storm stands, or is about to.
    pub fn storm(&self) -> Storm {
        *self.storm.borrow()
    }

    /// The last fault is over.
    pub(super) fn over(&self) {
        self.storm.send_replace(Storm::Over);
    }

    /// Told of changes.
    pub(super) fn changes(&self) -> watch::Receiver<Storm> {
        self.storm.subscribe()
    }
}
