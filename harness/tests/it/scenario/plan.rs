//! What a scenario without a mistake means.

use std::fs;
use std::time::Duration;

use squall::clock::Nanos;
use squall::scenario::plan::{Encoding, Entry, NodeKind, PluginRef, RouterPolicy, Tokenizer};
use squall::scenario::{digest, load, samples_for_a_pass};
use squall::traffic;

use super::{GOOD, scenarios, with};

#[test]
fn the_good_scenario_has_a_plan_with_defaults() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = folder.path().join("s.toml");
    fs::write(&path, GOOD).expect("written");
    let plan = load(&path, None).expect("no mistake");
    assert_eq!(plan.seed, 0);
    assert_eq!(load(&path, Some(9)).expect("no mistake").seed, 9);
    assert!(matches!(plan.target.entry, Entry::Router(RouterPolicy { failover: true })));
    let NodeKind::Sim(sim) = &plan.nodes[0].kind else { panic!("a simulated node") };
    assert_eq!((sim.ttft, sim.itl), (Duration::from_millis(60), Duration::from_millis(8)));
    assert_eq!((sim.prefill, sim.slots, sim.queue), (20_000, 32, 256));
    let limits = plan.traffic.limits;
    assert_eq!(limits.in_flight, 1_000);
    assert_eq!(
        [limits.connect, limits.first_token, limits.idle, limits.total].map(|limit| limit.as_secs()),
        [2, 10, 5, 120]
    );
    let fault = &plan.faults[0];
    assert_eq!((fault.on, fault.off), (Nanos(22_000_000_000), Nanos(30_000_000_000)));
    assert_eq!((fault.phase, fault.index), (1, 0));
    assert_eq!(fault.plugin, PluginRef::BuiltIn("latency".into()));
    assert!((fault.share - 1.0).abs() < f64::EPSILON);
    assert_eq!(plan.slos[0].during, [0]);
}

#[test]
fn a_tokenizer_is_the_models_or_the_simulated_nodes_or_a_stated_default() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = folder.path().join("s.toml");
    let tokenizer = |text: &str| {
        fs::write(&path, text).expect("written");
        load(&path, None).expect("no mistake").target.tokenizer
    };
    let simulated = with("url = \"http://127.0.0.1:8000\"", "sim = {}");
    assert_eq!(tokenizer(&simulated), Tokenizer::Words);
    assert_eq!(tokenizer(GOOD), Tokenizer::Encoding(Encoding::O200kBase));
    let model = simulated.replace("model = \"sim\"", "model = \"gpt-4-turbo\"");
    assert_eq!(tokenizer(&model), Tokenizer::Encoding(Encoding::Cl100kBase));
    let chosen = simulated.replace("model = \"sim\"", "model = \"sim\"\ntokenizer = \"r50k_base\"");
    assert_eq!(tokenizer(&chosen), Tokenizer::Encoding(Encoding::R50kBase));
}

#[test]
fn what_is_left_out_means_all_nodes_and_all_phases_but_warmups() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = folder.path().join("s.toml");
    let text = with("nodes = [\"alpha\"], ", "")
        .replace("during = \"steady\"\n", "")
        .replace("duration = \"20s\"", "duration = \"20s\"\nwarmup = true");
    fs::write(&path, text).expect("written");
    let plan = load(&path, None).expect("no mistake");
    let nodes: Vec<_> = plan.faults[0].nodes.iter().map(squall::name::NodeName::as_str).collect();
    assert_eq!(nodes, ["alpha", "beta"]);
    assert_eq!(plan.slos[0].during, [1]);
}

#[test]
fn a_digest_is_of_what_is_meant_not_of_where_it_lies() {
    let plan = load(&scenarios().join("quickstart.toml"), None).expect("no mistake");
    assert_eq!(digest(&plan).len(), 64);
    let copy = tempfile::tempdir().expect("temporary folder");
    let traces = copy.path().join("traces");
    fs::create_dir(&traces).expect("made");
    for file in ["quickstart.toml", "traces/azure_llm_2023_conv.csv"] {
        fs::copy(scenarios().join(file), copy.path().join(file)).expect("copied");
    }
    let moved = load(&copy.path().join("quickstart.toml"), None).expect("no mistake");
    assert_eq!(digest(&moved), digest(&plan));
    let other = load(&copy.path().join("quickstart.toml"), Some(8)).expect("no mistake");
    assert_ne!(digest(&other), digest(&plan));
}

#[test]
fn the_quickstart_has_the_samples_that_its_objectives_need() {
    for file in ["quickstart.toml", "quickstart-broken.toml"] {
        let plan = load(&scenarios().join(file), None).expect("no mistake");
        let survey = traffic::survey(&plan).expect("the trace is long enough");
        for slo in &plan.slos {
            let needed = slo.objective.share().and_then(samples_for_a_pass).expect("below 100 %");
            let expected: u64 = slo.during.iter().map(|&phase| survey.per_phase[phase]).sum();
            assert!(expected >= needed, "{file}: {} needs {needed} of {expected}", slo.name);
        }
    }
}
