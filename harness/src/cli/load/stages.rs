//! Stages: a load that goes from one target to the next, as k6 types it.

use std::time::Duration;

use anyhow::{Context as _, bail};

use super::text::{quoted, seconds};

/// From the target of the stage before (nothing before the first) to this one.
#[derive(Clone, Debug, PartialEq)]
struct Stage {
    lasts: Duration,
    /// As typed.
    target: String,
}

/// Stages, one after the other; at least one.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Stages(Vec<Stage>);

impl Stages {
    /// From `30s:20/s` and the like; none where none is given.
    pub(super) fn of(typed: &[String]) -> anyhow::Result<Option<Self>> {
        let stages: Vec<Stage> = typed.iter().map(|stage| read(stage)).collect::<anyhow::Result<_>>()?;
        let rates = stages.iter().filter(|stage| stage.target.contains('/')).count();
        if rates > 0 && rates < stages.len() {
            bail!("some --stage go to a rate (`20/s`) and some to a number of users (`20`); give one kind");
        }
        Ok((!stages.is_empty()).then_some(Self(stages)))
    }

    /// Their targets are rates, not numbers of users.
    pub(super) fn are_rates(&self) -> bool {
        self.0.iter().any(|stage| stage.target.contains('/'))
    }

    /// How long all of them last.
    pub(super) fn last(&self) -> Duration {
        self.0.iter().map(|stage| stage.lasts).sum()
    }

    /// As a scenario has them.
    pub(super) fn steps(&self) -> String {
        let steps = self.0.iter().map(|Stage { lasts, target }| {
            let ramp = format!("ramp = \"{}ms\"", lasts.as_millis());
            if self.are_rates() {
                format!("{{ rate = {}, {ramp} }}", quoted(target))
            } else {
                format!("{{ count = {target}, {ramp} }}")
            }
        });
        format!("steps = [{}]", steps.collect::<Vec<_>>().join(", "))
    }
}

fn read(stage: &str) -> anyhow::Result<Stage> {
    let wrong = || format!("--stage {stage} is not a duration and a target, as in `30s:20/s` or `30s:20`");
    let (lasts, target) = stage.split_once(':').with_context(wrong)?;
    let lasts = humantime::parse_duration(&seconds(lasts.trim())).with_context(wrong)?;
    let target = target.trim();
    if !target.contains('/') && target.parse::<u32>().is_err() {
        bail!("{}", wrong());
    }
    if lasts < Duration::from_millis(1) {
        bail!("--stage {stage} takes no time; the shortest is 1ms");
    }
    Ok(Stage { lasts, target: target.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(typed: &[&str]) -> anyhow::Result<Option<Stages>> {
        Stages::of(&typed.iter().map(ToString::to_string).collect::<Vec<_>>())
    }

    #[test]
    fn stages_become_steps_that_only_rise_and_fall() {
        let rates = of(&["30s:20/s", "1m:0/s"]).expect("right").expect("some");
        assert!(rates.are_rates());
        assert_eq!(rates.last(), Duration::from_secs(90));
        let steps =
            "steps = [{ rate = \"20/s\", ramp = \"30000ms\" }, { rate = \"0/s\", ramp = \"60000ms\" }]";
        assert_eq!(rates.steps(), steps);
        let users = of(&["10:5"]).expect("right").expect("some");
        assert_eq!(
            (users.steps().as_str(), users.are_rates()),
            ("steps = [{ count = 5, ramp = \"10000ms\" }]", false)
        );
        assert_eq!(of(&[]).expect("right"), None);
    }

    #[test]
    fn what_is_no_stage_is_refused() {
        for bad in [&["30s"][..], &["soon:5"], &["5s:many"], &["0s:5"], &["5s:5", "5s:5/s"]] {
            assert!(of(bad).is_err(), "{bad:?}");
        }
    }
}
