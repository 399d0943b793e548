//! Gateways that leave little of what identifies a request, as real ones do: the ledgers are joined by what is
//! left, and where nothing is, that is counted, and nothing that needs the join passes or fails.

use super::defect::Defect;
use super::gateway::Gateway;
use super::manner::{Manner, RETRIES};
use super::{AFTER, BELONG, BOUND, GENUINE, HEADERS, Judged, TOLD};
use crate::support::scene::Scene;
use crate::support::{Result, SEED};

/// Some attempts fail, and at last every node asks for a wait.
fn judge(manner: Manner, defect: Option<Defect>) -> Result<Judged> {
    let gateway = Gateway::with_manner(defect, manner)?;
    let target = gateway.target(&["a", "b", "c"]);
    let squall = env!("CARGO_BIN_EXE_squall");
    // A node whose answers nobody knows, since they are to words that the gateway changed.
    let node = |name: &str| match manner {
        Manner::Plain | Manner::Rewrites => {
            format!("[[node]]\nname = \"{name}\"\nsim = {{ ttft = \"5ms\", itl = \"1ms\" }}\n")
        }
        Manner::Traces | Manner::Forgets => format!(
            "[[node]]\nname = \"{name}\"\nready = \"http://127.0.0.1:{{port}}/health\"\ncommand = [\"{squall}\", \"sim\", \
             \"--listen\", \"127.0.0.1:{{port}}\", \"--ttft\", \"5ms\", \"--itl\", \"1ms\"]\n"
        ),
    };
    let nodes: String = ["a", "b", "c"].map(node).concat();
    let scene = Scene::new(&format!(
        r#"
schema = 1
name = "identity"
seed = {SEED}
[target]
api = "openai-chat"
model = "sim"
{target}
promises = {{ attempts = 3, retries_in = ["{RETRIES}"], wait_told = true }}
{nodes}
[traffic]
arrivals = {{ constant = "40/s" }}
prompts = {{ input = 32, output = 20 }}
[[phase]]
name = "errors"
duration = "2s"
fault = [{{ plugin = "http-error", nodes = ["b"], share = 0.5, when = {{ path = "/v1/" }}, with = {{ status = 503 }} }}]
[[phase]]
name = "limits"
duration = "500ms"
fault = [{{ plugin = "http-error", when = {{ path = "/v1/" }}, with = {{ status = 429, retry_after = "1s" }} }}]
"#
    ))?;
    let output = scene.run_in_peace()?;
    let said =
        [output.stdout, output.stderr].map(|said| String::from_utf8_lossy(&said).into_owned()).concat();
    let report = scene.report().map_err(|error| format!("{error}: {said}"))?;
    Ok(Judged { report, said, wrongs: gateway.wrongs() })
}

fn known(judged: &Judged) -> [u64; 4] {
    ["by_header", "by_message", "by_trace", "untold"]
        .map(|by| judged.report["correlation"][by].as_u64().unwrap_or(u64::MAX))
}

#[test]
fn a_message_or_a_trace_that_is_left_is_enough() -> Result {
    for manner in [Manner::Plain, Manner::Rewrites, Manner::Traces] {
        let judged = judge(manner, None)?;
        let [by_header, by_message, by_trace, untold] = known(&judged);
        let by = [by_header, by_message, by_trace].map(|number| number > 80);
        let place = [Manner::Plain, Manner::Rewrites, Manner::Traces].map(|other| other == manner);
        assert_eq!((by, untold), (place, 0), "{}", judged.said);
        let proven = judged.with("pass");
        let names = [BELONG, GENUINE, BOUND, AFTER, HEADERS, TOLD];
        assert!(manner == Manner::Plain || names.iter().all(|name| proven.contains(name)), "{}", judged.said);
        judged.holds()?;
    }
    Ok(())
}

#[test]
fn what_cannot_be_told_is_counted_and_decides_nothing() -> Result {
    let judged = judge(Manner::Forgets, None)?;
    let [by_header, by_message, by_trace, untold] = known(&judged);
    assert_eq!([by_header, by_message, by_trace], [0, 0, 0]);
    // Some 80 requests are answered; what a fault answered itself is not looked for.
    assert!(untold > 70, "{}", judged.said);
    assert_eq!(judged.report["counts"]["invented"], 0, "a node's marker can't be told: {}", judged.said);
    assert_eq!(judged.with("fail"), [].into(), "{}", judged.said);
    let open = judged.with("inconclusive");
    for name in [BELONG, GENUINE, BOUND, AFTER, HEADERS, TOLD] {
        assert!(open.contains(name), "`{name}` was decided: {}", judged.said);
    }
    assert_eq!(judged.report["verdict"], "inconclusive");
    assert!(judged.said.contains("it CAN'T BE TOLD"), "{}", judged.said);
    Ok(())
}

#[test]
fn what_a_gateway_tells_in_headers_of_its_own_is_held_against_the_ledger() -> Result {
    for (defect, name) in [(Defect::LiesOfItsAttempts, HEADERS), (Defect::HidesWaits, TOLD)] {
        let judged = judge(Manner::Rewrites, Some(defect))?;
        assert!(judged.wrongs > 0, "{defect:?}");
        assert_eq!(judged.with("fail"), [name].into(), "{}", judged.said);
        assert_eq!(judged.report["verdict"], "fail");
    }
    Ok(())
}
