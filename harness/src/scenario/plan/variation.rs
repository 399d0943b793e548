//! The same run in another way: without its faults, or under another load.

use serde::Serialize;

use super::{Plan, Schedule};

/// A part of an experiment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Arm {
    /// The same traffic without faults.
    Control,
    /// With the faults.
    Storm,
}

impl Arm {
    /// Both, in the order in which they are run.
    pub const ALL: [Self; 2] = [Self::Control, Self::Storm];

    /// Its name in a scenario.
    pub fn name(self) -> &'static str {
        match self {
            Self::Control => "control",
            Self::Storm => "storm",
        }
    }
}

impl Plan {
    /// The same run without its faults. What is asked of a failover is left out: no node dies.
    #[must_use]
    pub fn control(mut self) -> Self {
        self.faults.clear();
        self.failover = None;
        self
    }

    /// The same run under `factor` times the load: rates, the speed of a trace, the number of users. Of users
    /// there is at least one.
    ///
    /// # Panics
    /// If `factor` is no number above 0: whoever asks has checked it.
    #[must_use]
    pub fn at_load(mut self, factor: f64) -> Self {
        assert!(factor.is_finite() && factor > 0.0, "a load factor of {factor}");
        match &mut self.traffic.schedule {
            Schedule::Trace { speed, .. } => *speed *= factor,
            Schedule::Arrivals(_) => {
                for phase in &mut self.phases {
                    phase.load *= factor;
                }
            }
            Schedule::Users(users) => {
                for crowd in &mut users.crowd {
                    let count = (f64::from(crowd.count) * factor).round().min(f64::from(u32::MAX));
                    // A time without users stays one.
                    crowd.count = if crowd.count == 0 { 0 } else { (count as u32).max(1) };
                }
            }
        }
        for spike in &mut self.traffic.spikes {
            spike.rate *= factor;
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::scenario::parse;

    fn plan(traffic: &str) -> Plan {
        let text = format!(
            "schema = 1\nname = \"n\"\n[target]\nmodel = \"m\"\nnode = \"a\"\napi = \"openai-chat\"\n\
             [[node]]\nname = \"a\"\nsim = {{}}\n[traffic]\n{traffic}\n\
             [[phase]]\nname = \"p\"\nduration = \"9s\"\nload = {{load}}\n\
             fault = [{{ plugin = \"node-kill\", nodes = [\"a\"] }}]\n[failover]\ndetection = \"2s\"\n"
        );
        let load = if traffic.contains("arrivals") { "load = 0.5" } else { "" };
        parse(&text.replace("load = {load}", load), Path::new("s.toml"), None).expect("a scenario")
    }

    #[test]
    fn a_control_arm_has_the_same_traffic_and_no_faults() {
        let storm = plan("arrivals = { poisson = \"10/s\" }");
        let control = storm.clone().control();
        assert_eq!((storm.faults.len(), control.faults.len()), (1, 0));
        assert!(storm.failover.is_some() && control.failover.is_none());
        assert_eq!(storm.traffic.schedule, control.traffic.schedule);
    }

    #[test]
    fn a_load_multiplies_rates_spikes_and_users() {
        let plan_ = plan(
            "arrivals = { poisson = \"10/s\" }\nspikes = [{ at = \"1s\", for = \"1s\", rate = \"4/s\" }]",
        );
        let loaded = plan_.at_load(3.0);
        assert!((loaded.phases[0].load - 1.5).abs() < 1e-12);
        assert!((loaded.traffic.spikes[0].rate - 12.0).abs() < 1e-12);
        for (factor, expected) in [(0.01, 1), (0.5, 2), (2.0, 8)] {
            let Schedule::Users(users) = plan("users = { count = 4 }").at_load(factor).traffic.schedule
            else {
                panic!("no users")
            };
            assert_eq!(users.crowd[0].count, expected, "{factor}");
        }
    }
}
