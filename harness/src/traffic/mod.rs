//! Traffic: arrivals, each with its prompt and the length of its answer.
