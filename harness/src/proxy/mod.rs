//! The fault proxy: one before each node, faithful on the wire, and the carrier of every verdict.
