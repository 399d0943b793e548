//! Several scenarios' repeated runs side by side, as a table in Markdown: the same figures of each.

use std::io::{self, Write};

use super::{Repeats, Spread};
use crate::format;

/// Runs of one scenario, under the name that stands above their column.
pub type Named<'a> = (&'a str, &'a Repeats);

/// Writes a table: a row a figure, a column each, `median (least – most)`.
pub fn write_repeats_table(all: &[Named<'_>], out: &mut (impl Write + ?Sized)) -> io::Result<()> {
    let names: Vec<String> = all.iter().map(|(name, repeats)| column(name, repeats)).collect();
    writeln!(out, "| | {} |", names.join(" | "))?;
    writeln!(out, "|---|{}", "---|".repeat(all.len()))?;
    for (of, what) in figures(all) {
        let cells: Vec<String> = all.iter().map(|(_, repeats)| cell(find(repeats, of, what))).collect();
        writeln!(out, "| {what}, {} | {} |", format::line(of), cells.join(" | "))?;
    }
    out.flush()
}

fn column(name: &str, repeats: &Repeats) -> String {
    let runs = format::counted(repeats.runs.len() as u64, "run");
    format!("{}, {runs}", format::line(name).replace('|', "\\|"))
}

/// Every figure that one of them has, in the order of the first that has it.
pub(crate) fn figures<'a>(all: &[Named<'a>]) -> Vec<(&'a str, &'a str)> {
    let mut figures: Vec<(&str, &str)> = Vec::new();
    for spread in all.iter().flat_map(|(_, repeats)| &repeats.spreads) {
        let figure = (spread.of.as_str(), spread.what.as_str());
        if !figures.contains(&figure) {
            figures.push(figure);
        }
    }
    figures
}

pub(crate) fn find<'a>(repeats: &'a Repeats, of: &str, what: &str) -> Option<&'a Spread> {
    repeats.spreads.iter().find(|spread| spread.of == of && spread.what == what)
}

fn cell(spread: Option<&Spread>) -> String {
    let Some(spread) = spread else { return "–".into() };
    let [least, median, most] = [spread.least, spread.median, spread.most].map(|value| spread.shown(value));
    if least == most { median } else { format!("{median} ({least} – {most})") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Verdict;

    fn repeats(spreads: &[(&str, &str, &str, f64)]) -> Repeats {
        let spread = |(of, what, unit, value): &(&str, &str, &str, f64)| Spread {
            of: (*of).into(),
            what: (*what).into(),
            unit: (*unit).into(),
            runs: 3,
            least: value / 2.0,
            median: *value,
            most: value * 2.0,
        };
        Repeats {
            scenario: "s".into(),
            verdict: Verdict::Pass,
            reasons: vec!["all holds".into()],
            runs: Vec::new(),
            slos: Vec::new(),
            spreads: spreads.iter().map(spread).collect(),
        }
    }

    #[test]
    fn each_figure_has_a_row_and_what_one_lacks_is_a_dash() -> io::Result<()> {
        let one = repeats(&[("storm", "p50(ttft)", "ms", 100.0), ("`a`", "attempts", "", 2.0)]);
        let other = repeats(&[("storm", "p50(ttft)", "ms", 300.0), ("`a`", "lost", "share", 0.1)]);
        let mut out = Vec::new();
        write_repeats_table(&[("One", &one), ("The | other", &other)], &mut out)?;
        let text = String::from_utf8_lossy(&out);
        let rows: Vec<&str> = text.lines().collect();
        assert_eq!(rows[0], "| | One, 0 runs | The \\| other, 0 runs |");
        assert_eq!(rows[2], "| p50(ttft), storm | 100 ms (50 ms – 200 ms) | 300 ms (150 ms – 600 ms) |");
        assert_eq!(rows[3], "| attempts, `a` | 2.00 (1.00 – 4.00) | – |");
        assert_eq!(rows[4], "| lost, `a` | – | 10% (5% – 20%) |");
        Ok(())
    }
}
