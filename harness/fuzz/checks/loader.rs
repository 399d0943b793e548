//! What must hold of the plugin loader, whatever bytes it is given.

use squall::fault::{Refusal, Specimen};

/// A refusal is shown in a line or two.
const LONGEST_REFUSAL: usize = 2_000;

/// Holds that `bytes` are refused in words, or run within their budget.
pub(crate) fn check(bytes: &[u8]) {
    match Specimen::new("fuzz", bytes) {
        Ok(specimen) => run(&specimen),
        Err(refusal) => {
            shown(&refusal);
            // What Squall does not run can be looked at, if it is WebAssembly at all.
            if let Err(refusal) = Specimen::shape(bytes) {
                shown(&refusal);
            }
        }
    }
}

fn run(specimen: &Specimen) {
    let mut trial = match specimen.trial(Vec::new(), Vec::new()) {
        Ok(trial) => trial,
        Err(refusal) => return shown(&refusal),
    };
    // What it says of itself is its own affair; that the calls return is not.
    let _ = trial.describe();
    let _ = trial.configure("{}");
}

fn shown(refusal: &Refusal) {
    let text = refusal.to_string();
    assert!(!text.is_empty() && text.len() <= LONGEST_REFUSAL, "{} bytes: {text:.200}", text.len());
    assert!(!text.chars().any(char::is_control), "{text:?}");
}
