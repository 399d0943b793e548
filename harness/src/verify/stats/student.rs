//! Student's t: what an estimate of few values is worth.

use statrs::function::beta::checked_beta_reg;
use statrs::function::erf::erf_inv;

/// Halvings of the interval that a quantile is looked for in.
const HALVINGS: usize = 100;
/// Beyond this many degrees of freedom it is the normal distribution's to four digits.
const MANY: f64 = 1e5;

/// The `share` quantile, above a half, of Student's t with so many degrees of freedom; infinite with none.
pub(in super::super) fn t_quantile(share: f64, degrees: f64) -> f64 {
    if degrees < 1.0 {
        return f64::INFINITY;
    }
    if degrees > MANY {
        return std::f64::consts::SQRT_2 * erf_inv(2.0 * share - 1.0);
    }
    // P(T > t) is half of I_x(ν/2, 1/2) at x = ν / (ν + t²), and falls with t.
    let above = |t: f64| {
        let x = degrees / (degrees + t * t);
        checked_beta_reg(degrees / 2.0, 0.5, x).unwrap_or(0.0) / 2.0
    };
    let (mut low, mut high) = (0.0, 1e6);
    for _ in 0..HALVINGS {
        let middle = f64::midpoint(low, high);
        if above(middle) > 1.0 - share {
            low = middle;
        } else {
            high = middle;
        }
    }
    low
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From the tables of every textbook.
    #[test]
    fn quantiles_are_those_of_the_tables() {
        for (share, degrees, expected) in [
            (0.95, 1.0, 6.314),
            (0.95, 4.0, 2.132),
            (0.95, 19.0, 1.729),
            (0.975, 10.0, 2.228),
            (0.99, 30.0, 2.457),
            (0.95, 1e9, 1.645),
        ] {
            let found = t_quantile(share, degrees);
            assert!((found - expected).abs() < 6e-4, "{share} {degrees}: {found}");
        }
        assert!(t_quantile(0.95, 0.0).is_infinite());
        assert!((t_quantile(0.95, 99_000.0) - t_quantile(0.95, 101_000.0)).abs() < 1e-4);
    }
}
