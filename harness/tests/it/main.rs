//! Tests on real sockets, real processes and real plugins. One binary, so that it links once.

mod apis;
mod author;
mod catalogue;
mod client;
mod determinism;
mod fuzz;
mod gateways;
mod h2;
mod hedge;
mod interface;
mod keys;
mod load;
mod nodes_and_rates;
mod plugins;
mod proxy;
mod quick;
mod requests;
mod router;
mod run;
mod scenario;
mod sim;
mod slo;
mod support;
mod tls;
mod trace;
