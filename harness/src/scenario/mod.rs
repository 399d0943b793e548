//! From the scenario's file to a validated [`plan::Plan`].

pub mod plan;
