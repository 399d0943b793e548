//! The storms: three nodes, one of which dies and comes back, and what else a defect needs to show.

use super::gateway::Gateway;

/// What happens to the nodes while the load is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Storm {
    /// `a` dies in the midst of its streams, and is back soon.
    Death,
    /// `a` is away for longer.
    LongDeath,
    /// `b` answers most requests with an error besides.
    Errors,
    /// `b` leaves some requests without an answer besides, and clients leave.
    Leaving,
    /// `b` turns some requests away besides, and asks for a second's wait.
    Limits,
    /// Clients talk in sessions.
    Sessions,
    /// A fourth node serves another model.
    Models,
}

impl Storm {
    pub(crate) const ALL: [Self; 7] = [
        Self::Death,
        Self::LongDeath,
        Self::Errors,
        Self::Leaving,
        Self::Limits,
        Self::Sessions,
        Self::Models,
    ];

    /// What is broken beside the node that dies.
    fn besides(self) -> &'static str {
        match self {
            Self::Death | Self::LongDeath | Self::Sessions | Self::Models => "",
            Self::Errors => {
                "{ plugin = \"http-error\", nodes = [\"b\"], share = 0.6, with = { status = 503 } }"
            }
            Self::Leaving => {
                "{ plugin = \"blackhole\", nodes = [\"b\"], share = 0.3, with = { direction = \"request\" } }"
            }
            Self::Limits => {
                "{ plugin = \"http-error\", nodes = [\"b\"], share = 0.3, \
                 with = { status = 429, retry_after = \"1s\" } }"
            }
        }
    }

    /// Sixty requests a second, one way or another.
    fn load(self) -> &'static str {
        match self {
            Self::Sessions => {
                "arrivals = { constant = \"20/s\" }\nsession = { turns = 3, think = \"100ms\" }"
            }
            Self::Leaving => "arrivals = { constant = \"60/s\" }\nclient = { leave = { after = \"500ms\" } }",
            Self::Death | Self::LongDeath | Self::Errors | Self::Limits | Self::Models => {
                "arrivals = { constant = \"60/s\" }"
            }
        }
    }

    fn nodes(self) -> &'static [&'static str] {
        if self == Self::Models { &["a", "b", "c", "d"] } else { &["a", "b", "c"] }
    }

    /// The scenario with this gateway as its target.
    pub(crate) fn scenario(self, gateway: &Gateway, seed: u64) -> String {
        let away = if self == Self::LongDeath { "3s" } else { "1200ms" };
        let (besides, load) = (self.besides(), self.load());
        let target = gateway.target(self.nodes());
        // What an answer should be is known where all nodes are simulated.
        let duplicated = if self == Self::Models { "" } else { "duplicated = 0" };
        let nodes: String = self.nodes().iter().map(|name| node(name)).collect();
        format!(
            r#"
schema = 1
name = "gateways"
seed = {seed}
[target]
api = "openai-chat"
model = "sim"
{target}
promises = {{ attempts = 3, sticky = true, retry_after = true, models = ["sim"] }}
{nodes}
[traffic]
{load}
prompts = {{ input = 32, output = 40 }}
limits = {{ first_token = "5s", idle = "3s", total = "20s" }}
[[phase]]
name = "steady"
duration = "1s"
[[phase]]
name = "storm"
duration = "3500ms"
fault = [
  {{ plugin = "node-kill", nodes = ["a"], at = "200ms", with = {{ restart_after = "{away}" }} }},
  {besides}
]
[[phase]]
name = "recovery"
duration = "2200ms"
[[slo]]
name = "availability"
objective = "success >= 85%"
[failover]
detection = "800ms"
recovery = "1s"
failback = "2s"
lost = "12%"
silently_truncated = 0
amplification = 1.6
{duplicated}
"#
        )
    }
}

/// A simulated node. That of another model is started as any program is.
fn node(name: &str) -> String {
    if name != "d" {
        return format!("[[node]]\nname = \"{name}\"\nsim = {{ ttft = \"20ms\", itl = \"5ms\" }}\n");
    }
    let squall = env!("CARGO_BIN_EXE_squall");
    format!(
        "[[node]]\nname = \"{name}\"\ncommand = [\"{squall}\", \"sim\", \"--listen\", \"127.0.0.1:{{port}}\", \
         \"--model\", \"tiny\", \"--ttft\", \"20ms\", \"--itl\", \"5ms\"]\n\
         ready = \"http://127.0.0.1:{{port}}/health\"\n"
    )
}
