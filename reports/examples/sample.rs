//! Writes the reports of four runs that never were, to look at them while working on a renderer:
//! `cargo run -p squall-report --example sample -- FOLDER`.

use std::io::stdout;
use std::path::PathBuf;

#[path = "../tests/it/sample.rs"]
mod sample;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = PathBuf::from(std::env::args_os().nth(1).ok_or("name a folder to write into")?);
    let width = std::env::args().nth(2).and_then(|columns| columns.parse().ok()).unwrap_or(100);
    let runs = [
        ("pass", sample::pass()),
        ("fail", sample::fail()),
        ("inconclusive", sample::inconclusive()),
        ("long", sample::long()),
    ];
    for (name, report) in runs {
        let dir = folder.join(name);
        std::fs::create_dir_all(&dir)?;
        squall_report::write_all(&report, &dir)?;
        squall_report::write_terminal(&report, &mut stdout().lock(), &dir.display().to_string(), width)?;
    }
    Ok(())
}
