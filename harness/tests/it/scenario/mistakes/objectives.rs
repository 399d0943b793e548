//! Objectives, their selectors and budgets, and guards.

use insta::assert_snapshot;

use crate::scenario::{mistakes, with};

/// The small scenario's objective with more lines.
fn slo(more: &str) -> String {
    with("during = \"steady\"\n", &format!("during = \"steady\"\n{more}\n"))
}

#[test]
fn names_that_nothing_has() {
    let text = slo("node = \"alhpa\"\ncohort = \"colateral\"\nmodel = \"\"")
        .replace("during = \"steady\"", "during = \"stedy\"");
    assert_snapshot!("objective-names", mistakes(&text));
}

#[test]
fn windows_that_do_not_fit() {
    assert_snapshot!("objective-window-long", mistakes(&slo("window = \"30s\"")));
    assert!(mistakes(&slo("window = \"500ms\"")).contains("`window` is shorter than 1s"));
    let rate = slo("window = \"2s\"").replace("p95(ttft) <= 800ms", "goodput >= 10/s");
    assert!(mistakes(&rate).contains("`window` is shorter than 5s"), "{}", mistakes(&rate));
}

#[test]
fn budgets_of_what_has_none() {
    let rate = slo("budget = { target = \"99%\", window = \"28d\" }")
        .replace("p95(ttft) <= 800ms", "throughput >= 10/s");
    assert_snapshot!("objective-budget-rate", mistakes(&rate));
    let gaps = slo("budget = { window = \"28d\" }").replace("p95(ttft)", "p95(itl)");
    assert!(mistakes(&gaps).contains("its samples are gaps"));
    let all = mistakes(&slo("budget = { target = 1, windw = \"28d\" }"));
    assert!(all.contains("windw") && all.contains("did you mean `window`?"), "{all}");
    let all = mistakes(&slo("budget = { target = \"100%\", window = \"28d\" }"));
    assert!(all.contains("more than 0 % and less than 100 %"), "{all}");
}

#[test]
fn rates_and_shares_written_otherwise() {
    for (objective, said) in [
        ("goodput >= 30", "the unit is missing"),
        ("throughput >= 500 tokns/s", "did you mean `tokens`?"),
        ("qualty >= 95%", "did you mean `quality`?"),
        ("error_rate >= 1%", "write `<=` instead of `>=`"),
    ] {
        let shown = mistakes(&with("p95(ttft) <= 800ms", objective));
        assert!(shown.contains(said) && shown.contains("s.toml:30:13"), "{objective}: {shown}");
    }
}

#[test]
fn guards_that_are_none() {
    let text = slo(
        "\n[[stop]]\nwhen = \"success >= 50%\"\nover = \"0s\"\nsamples = 0\n[[stop]]\nwhen = \"p95(ttfb) > 1s\"",
    );
    assert_snapshot!(
        "guards",
        mistakes(&text.replace("samples = 0\n[[stop]]\nwhen = \"p95(ttfb) > 1s\"", "samples = 0"))
    );
    assert!(mistakes(&text).contains("lacks"), "{}", mistakes(&text));
}
