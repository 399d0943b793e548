//! The fleet: nodes and their lives, and the processes of the built-in router and simulated nodes.

pub mod router;
pub mod sim;
