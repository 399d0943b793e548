//! Objectives as TOML, and into a scenario.

use std::fmt::Write as _;
use std::path::Path;

use super::super::ScenarioError;
use super::Objective;

/// `[[slo]]` sections, each with the line of `from` that it comes from. `during` are the phases that they
/// count; all but warm-ups where there are none.
pub fn to_toml(slos: &[Objective], from: &Path, during: &[String]) -> String {
    let string = |text: &str| toml::Value::String(text.to_owned()).to_string();
    let from = from.file_name().map_or_else(String::new, |name| name.display().to_string());
    let mut text = String::new();
    for slo in slos {
        // Writing to a string can't fail.
        let _ = writeln!(text, "# {from}, line {}", slo.line);
        let _ =
            writeln!(text, "[[slo]]\nname = {}\nobjective = {}", string(&slo.name), string(&slo.objective));
        if let Some(window) = &slo.budget_window {
            let _ = writeln!(text, "budget = {{ window = {} }}", string(window));
        }
        if !during.is_empty() {
            let phases: Vec<String> = during.iter().map(|phase| string(phase)).collect();
            let _ = writeln!(text, "during = [{}]", phases.join(", "));
        }
        text.push('\n');
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

/// The text of the scenario at `path` with `sections` at its end; an error where that is no scenario, as when
/// it has an SLO of such a name already.
pub fn insert(scenario: &str, path: &Path, sections: &str) -> Result<String, ScenarioError> {
    super::super::parse(scenario, path, None).map_err(ScenarioError::nothing_written)?;
    let whole = format!("{}\n\n{sections}", scenario.trim_end());
    super::super::parse(&whole, path, None).map_err(ScenarioError::nothing_written)?;
    Ok(whole)
}
