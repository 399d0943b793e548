//! The thread that one node's proxy runs on.
//!
//! A plugin is one instance that takes one call at a time. Attempts of a node that ran on many threads
//! would wait for each other at every event, and its memory would wander from core to core; on one thread
//! they never do, and the threads of other nodes go on meanwhile.

use std::io;

use tokio::runtime::{Builder, Handle};
use tokio_util::sync::CancellationToken;

/// A thread with a runtime of its own. Dropping it ends the runtime, and with it whatever runs there.
pub(super) struct ProxyThread {
    runtime: Handle,
    over: CancellationToken,
}

impl ProxyThread {
    /// Starts it; `node` is part of its name.
    pub(super) fn start(node: &str) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (handle, over) = (runtime.handle().clone(), CancellationToken::new());
        let ended = over.clone();
        let work = move || runtime.block_on(ended.cancelled());
        std::thread::Builder::new().name(format!("proxy-{node}")).spawn(work)?;
        Ok(Self { runtime: handle, over })
    }

    /// Where its tasks run.
    pub(super) fn runtime(&self) -> &Handle {
        &self.runtime
    }
}

impl Drop for ProxyThread {
    fn drop(&mut self) {
        self.over.cancel();
    }
}
