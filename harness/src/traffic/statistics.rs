//! What tests of distributions share.

/// The Kolmogorov-Smirnov distance of a sample to a distribution function, as a multiple of the critical
/// value at a level of 1 % (1.63 / √n): below 1 the sample may well be of that distribution.
pub(super) fn kolmogorov_smirnov(mut sample: Vec<f64>, distribution: impl Fn(f64) -> f64) -> f64 {
    sample.sort_by(f64::total_cmp);
    let n = sample.len() as f64;
    let distance = sample.iter().enumerate().map(|(i, x)| {
        let expected = distribution(*x);
        (expected - i as f64 / n).abs().max(((i + 1) as f64 / n - expected).abs())
    });
    distance.fold(0.0, f64::max) * n.sqrt() / 1.63
}

/// Mean and variance.
pub(super) fn moments(sample: &[f64]) -> (f64, f64) {
    let n = sample.len() as f64;
    let mean = sample.iter().sum::<f64>() / n;
    (mean, sample.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0))
}

#[test]
fn a_sample_of_another_distribution_is_told_apart() {
    let grid: Vec<f64> = (0..1_000).map(|i| (f64::from(i) + 0.5) / 1_000.0).collect();
    assert!(kolmogorov_smirnov(grid.clone(), |x| x) < 0.1);
    assert!(kolmogorov_smirnov(grid.clone(), |x| x * x) > 1.0);
    let (mean, variance) = moments(&grid);
    assert!((mean - 0.5).abs() < 1e-9 && (variance - 1.0 / 12.0).abs() < 1e-3);
}
