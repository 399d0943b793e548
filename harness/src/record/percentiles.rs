//! Percentile files (`.hgrm`): a series over the whole run, as HdrHistogram's tools print and plot it.
//!
//! The format is that of `AbstractHistogram.outputPercentileDistribution` in HdrHistogram for Java:
//! value, percentile from 0 to 1, samples up to the value, and 1/(1 - percentile), with a foot of mean,
//! standard deviation, maximum and count (<https://hdrhistogram.github.io/HdrHistogram/>). Values are
//! milliseconds, to the nanosecond.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::RecordError;
use super::histogram::Latencies;
use super::interval::Interval;

/// The folder of percentile files in a run's folder.
pub(super) const FOLDER: &str = "percentiles";
/// Rows for each halving of the distance to 100 %; the tools' own default.
const ROWS_A_HALVING: u32 = 5;
const NS_A_MS: f64 = 1e6;

/// Writes a file for each series that has samples.
pub(super) fn write_all(interval: &Interval, run: &Path) -> Result<(), RecordError> {
    let folder = run.join(FOLDER);
    let failed = |path: PathBuf| move |source| RecordError::Write { path, source };
    fs::create_dir_all(&folder).map_err(failed(folder.clone()))?;
    for (series, latencies) in interval.whole() {
        let path = folder.join(format!("{}.hgrm", series.tag()));
        let written = File::create(&path).and_then(|file| {
            let mut out = BufWriter::new(file);
            write(latencies, &mut out)?;
            out.flush()
        });
        written.map_err(failed(path))?;
    }
    Ok(())
}

fn write(latencies: &Latencies, out: &mut impl Write) -> io::Result<()> {
    let histogram = latencies.inner();
    writeln!(out, "{:>12} {:>14} {:>10} {:>14}\n", "Value", "Percentile", "TotalCount", "1/(1-Percentile)")?;
    let mut count = 0;
    for row in histogram.iter_quantiles(ROWS_A_HALVING) {
        count += row.count_since_last_iteration();
        let (ms, quantile) = (row.value_iterated_to() as f64 / NS_A_MS, row.quantile_iterated_to());
        write!(out, "{ms:12.6} {quantile:14.12} {count:10}")?;
        // The last row is all samples: one in infinitely many lies beyond it.
        if quantile < 1.0 { writeln!(out, " {:14.2}", 1.0 / (1.0 - quantile))? } else { writeln!(out)? }
    }
    let (mean, deviation) = (histogram.mean() / NS_A_MS, histogram.stdev() / NS_A_MS);
    let max = histogram.max() as f64 / NS_A_MS;
    writeln!(out, "#[Mean    = {mean:12.3}, StdDeviation   = {deviation:12.3}]")?;
    writeln!(out, "#[Max     = {max:12.3}, Total count    = {:12}]", histogram.len())?;
    let sub_buckets = 2 * 10_u64.pow(histogram.sigfig().into());
    writeln!(
        out,
        "#[Buckets = {:12}, SubBuckets     = {:12}]",
        histogram.buckets(),
        sub_buckets.next_power_of_two()
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_percentile_file_is_as_the_tools_write_it() -> Result<(), Box<dyn std::error::Error>> {
        let mut latencies = Latencies::fine();
        (1..=4).for_each(|ms| latencies.record(Duration::from_millis(ms)));
        let mut out = Vec::new();
        write(&latencies, &mut out)?;
        let text = String::from_utf8(out)?;
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "       Value     Percentile TotalCount 1/(1-Percentile)");
        assert_eq!(lines[1], "");
        let rows: Vec<Vec<&str>> = lines[2..]
            .iter()
            .take_while(|line| !line.starts_with('#'))
            .map(|line| line.split_whitespace().collect())
            .collect();
        let (first, last) = (rows.first().ok_or("no rows")?, rows.last().ok_or("no rows")?);
        assert_eq!(first[1..], ["0.000000000000", "1", "1.00"]);
        assert_eq!(last[1..], ["1.000000000000", "4"]);
        // A value is its bucket's upper end: right to three digits, never less.
        let values: Vec<f64> = [first, last].iter().filter_map(|row| row[0].parse().ok()).collect();
        assert!((1.0..1.002).contains(&values[0]) && (4.0..4.005).contains(&values[1]), "{values:?}");
        let last = 1 + rows.len();
        assert!(lines[last + 1].starts_with("#[Mean    =        2.50"), "{}", lines[last + 1]);
        assert!(lines[last + 2].ends_with("Total count    =            4]"), "{}", lines[last + 2]);
        assert!(lines[last + 3].contains("SubBuckets     =         2048]"), "{}", lines[last + 3]);
        Ok(())
    }
}
