//! Verification: pure functions from what was recorded to verdicts.
