//! The plugins that are part of the program, built from plugins/catalogue/ by ci/build-plugins.

macro_rules! built_in {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_bytes!(concat!("../../../plugins/dist/", $name, ".wasm")))),*]
    };
}

/// All of them, by name: each with its bytes, as committed under plugins/dist/.
pub const BUILT_IN: &[(&str, &[u8])] = built_in![
    "bandwidth",
    "blackhole",
    "brownout",
    "connect",
    "crash-loop",
    "cut",
    "duplicate",
    "fail-first",
    "flap",
    "http-error",
    "in-band-error",
    "latency",
    "malformed",
    "node-kill",
    "node-pause",
    "poison",
    "rate-limit",
    "refusal",
    "slow-stream",
    "stall",
    "wrong-model",
    "wrong-usage",
    "zombie",
    "zone-outage",
];

/// The names of all of them.
pub fn built_in_names() -> Vec<&'static str> {
    BUILT_IN.iter().map(|(name, _)| *name).collect()
}
