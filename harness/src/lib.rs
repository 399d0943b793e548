//! Squall replays realistic prompt traffic against LLM endpoints, breaks the path to them with
//! WebAssembly fault plugins, and proves or refutes that SLOs and failover hold.
//!
//! ARCHITECTURE.md says how it flows and where things live.

pub mod access;
pub mod answer;
pub mod api;
pub mod author;
pub mod calibration;
pub mod clock;
pub mod compare;
pub mod correlation;
pub mod fault;
pub mod fleet;
pub mod load;
pub mod name;
pub mod proxy;
pub mod record;
mod retry_after;
pub mod run;
pub mod scenario;
pub mod search;
pub mod sse;
pub mod table;
pub mod tls;
pub mod tokens;
pub mod traffic;
pub mod usage;
pub mod verify;
pub mod words;
