//! Deeds: what a plugin does to nodes, with its failures told.

use crate::host;

/// Whether a deed on a node was done. One that was not is a warning in the run's log.
pub fn done(deed: &str, node: u32, result: Result<(), String>) -> bool {
    if let Err(why) = &result {
        host::log(host::Level::Warn, &format!("could not {deed} node `{}`: {why}", host::node_name(node)));
    }
    result.is_ok()
}
