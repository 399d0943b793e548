//! How much evidence an objective needs.

/// The risk of a pass that is not deserved: bounds are one-sided at 95 %.
const RISK: f64 = 0.05;

/// The smallest number of samples that can prove that at least `share` of all are good: with fewer,
/// even a run without one bad sample is explained by luck in more than 5 % of cases
/// (Clopper-Pearson, k = n: `share^n <= 0.05`). None when no number does.
pub fn samples_for_a_pass(share: f64) -> Option<u64> {
    if share.is_nan() || share >= 1.0 {
        return None;
    }
    if share <= RISK {
        return Some(1);
    }
    let near = (RISK.ln() / share.ln()).ceil() as u64;
    // The logarithms' rounding may be one off on either side.
    (near.saturating_sub(1).max(1)..=near).find(|&n| share.powf(n as f64) <= RISK).or(Some(near + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_samples_are_those_of_the_exact_bound() {
        let needed = |share| samples_for_a_pass(share);
        assert_eq!(needed(0.9), Some(29));
        assert_eq!(needed(0.95), Some(59));
        assert_eq!(needed(0.99), Some(299));
        assert_eq!(needed(0.999), Some(2_995));
        assert_eq!(needed(0.01), Some(1));
        assert_eq!(needed(0.05), Some(1));
        assert_eq!(needed(0.5), Some(5));
        assert_eq!(needed(1.0), None);
        assert_eq!(needed(f64::NAN), None);
    }
}
