use std::path::Path;

use super::*;

/// An SLO with this indicator and these objectives.
fn slo(indicator: &str, objectives: &str) -> String {
    format!(
        "apiVersion: openslo/v1\nkind: SLO\nmetadata:\n  name: chat\n  displayName: Chat\nspec:\n  service: llm\n  \
         budgetingMethod: Occurrences\n  indicator: {indicator}\n  objectives: {objectives}\n"
    )
}

fn threshold(query: &str) -> String {
    format!(
        "{{spec: {{thresholdMetric: {{metricSource: {{type: Prometheus, spec: {{query: '{query}'}}}}}}}}}}"
    )
}

fn ratio(which: &str, query: &str) -> String {
    let source = |query: &str| format!("{{metricSource: {{type: Prometheus, spec: {{query: '{query}'}}}}}}");
    format!("{{spec: {{ratioMetric: {{{which}: {}, total: {}}}}}}}", source(query), source("all"))
}

fn with(source: &str, choices: &Choices) -> Import {
    import(source, Path::new("s.yaml"), choices)
}

/// The objectives of a file without a mistake.
fn good(source: &str) -> Vec<String> {
    let import = with(source, &Choices::default());
    assert!(import.refused.is_none(), "{}", import.refused.map_or_else(String::new, |e| e.to_string()));
    import.slos.into_iter().map(|slo| slo.objective).collect()
}

fn bad(source: &str) -> String {
    let import = with(source, &Choices::default());
    import.refused.map_or_else(|| panic!("{source} was taken: {:?}", import.slos), |error| error.to_string())
}

const FAST: &str = "[{op: lte, value: 0.8, target: 0.95}]";
const TTFT: &str = "vllm:time_to_first_token_seconds";

#[test]
fn thresholds_of_latencies_are_percentiles() {
    assert_eq!(good(&slo(&threshold(TTFT), FAST)), ["p95(ttft) <= 800ms"]);
    for (query, objective, text) in [
        ("ttft_ms", "[{op: lt, value: 70, targetPercent: 99.9}]", "p99.9(ttft) <= 70ms"),
        ("itl_seconds", "[{op: lte, value: 0.0005, target: 0.5}]", "p50(itl) <= 500us"),
        (
            "sglang:e2e_request_latency_seconds",
            "[{op: lte, value: 12, target: 0.999}]",
            "p99.9(e2e) <= 12000ms",
        ),
        ("tpot_seconds", "[{op: lte, value: 0.07, target: 0.57}]", "p57(tpot) <= 70ms"),
    ] {
        assert_eq!(good(&slo(&threshold(query), objective)), [text]);
    }
}

#[test]
fn ratios_are_successes_or_buckets() {
    let bucket = format!("sum(rate({TTFT}_bucket{{le=\"2.5\"}}[5m]))");
    assert_eq!(good(&slo(&ratio("good", &bucket), "[{target: 0.99}]")), ["p99(ttft) <= 2500ms"]);
    let by_status = "sum(rate(http_requests_total{status=~\"2..\"}[5m]))";
    assert_eq!(good(&slo(&ratio("good", by_status), "[{target: 0.999}]")), ["success >= 99.9%"]);
    let errors = "sum(rate(http_requests_total{code=~\"5..\"}[5m]))";
    assert_eq!(good(&slo(&ratio("bad", errors), "[{targetPercent: 99.95}]")), ["success >= 99.95%"]);
    let raw = ratio("rawType: success, raw", errors);
    assert_eq!(good(&slo(&raw, "[{target: 0.9}]")), ["success >= 90%"]);
    assert!(bad(&slo(&ratio("bad", &bucket), "[{target: 0.9}]")).contains("what is beyond it"));
}

#[test]
fn several_objectives_have_names_of_their_own_and_lines() {
    let objectives =
        "\n  - {op: lte, value: 0.5, target: 0.9, displayName: most}\n  - {op: lte, value: 2, target: 0.99}";
    let one = slo(&threshold(TTFT), objectives);
    let import = with(&format!("{one}---\n{one}"), &Choices::default());
    let found: Vec<(&str, usize)> = import.slos.iter().map(|slo| (slo.name.as_str(), slo.line)).collect();
    assert_eq!(found, [("Chat: most", 11), ("Chat: 2", 12), ("Chat: most (2)", 24), ("Chat: 2 (2)", 25)]);
}

#[test]
fn an_sli_may_be_another_object_and_the_rest_is_left_out_by_name() {
    let sli = format!(
        "apiVersion: openslo/v1\nkind: SLI\nmetadata: {{name: first}}\nspec:\n  thresholdMetric:\n    metricSource:\n      \
         spec: {{query: '{TTFT}'}}\n"
    );
    let named =
        slo("", FAST).replace("  indicator: \n", "  indicatorRef: first\n  timeWindow: [{duration: 28d}]\n");
    let rest = "apiVersion: openslo/v1\nkind: AlertPolicy\nmetadata: {name: page}\nspec: {anything: [1]}\n";
    let source = format!("- {}---\n{named}---\n{rest}", sli.replace('\n', "\n  ").trim_end_matches(' '));
    let import = with(&source, &Choices::default());
    assert_eq!(import.slos.len(), 1, "{:?}", import.refused);
    let left: Vec<(usize, &str)> =
        import.left_out.iter().map(|left| (left.line, left.message.as_str())).collect();
    assert_eq!(import.slos[0].budget_window.as_deref(), Some("28d"));
    assert!(left[0].1.starts_with("the AlertPolicy `page` is left out"), "{left:?}");
    let missing = bad(&format!("{named}---\n{rest}"));
    assert!(missing.contains("no SLI `first` in this file") && missing.contains("s.yaml:9:17"), "{missing}");
}

#[test]
fn a_time_window_is_an_error_budget_where_it_can_be() {
    let windowed = |source: &str, window: &str| {
        source.replace("  service: llm", &format!("  service: llm\n  timeWindow: [{{duration: {window}}}]"))
    };
    let fast = slo(&threshold(TTFT), FAST);
    for (window, budget) in [("28d", Some("28d")), ("4w", Some("28d")), ("1M", None), ("1Q", None)] {
        let import = with(&windowed(&fast, window), &Choices::default());
        assert_eq!(import.slos[0].budget_window.as_deref(), budget, "{window}");
        assert_eq!(import.left_out.is_empty(), budget.is_some(), "{window}: {:?}", import.left_out);
    }
    let gaps = with(&windowed(&slo(&threshold("itl_seconds"), FAST), "28d"), &Choices::default());
    assert_eq!(gaps.slos[0].budget_window, None);
    assert!(gaps.left_out[0].message.contains("on `itl` has no error budget"), "{:?}", gaps.left_out);
}

#[test]
fn right_answers_are_annotated() {
    let right = slo(&ratio("good", "evals_total{verdict=\"right\"}"), "[{target: 0.95}]");
    let right = right.replace("  displayName", "  annotations: {squall/metric: quality}\n  displayName");
    assert_eq!(good(&right), ["quality >= 95%"]);
}

#[test]
fn what_the_file_does_not_say_is_chosen_or_annotated() {
    let source = slo(&threshold("job:chat:99"), "[{op: lte, value: 300, target: 0.95}]");
    let error = bad(&source);
    assert!(error.contains("which of Squall's metrics `chat` is can't be told"), "{error}");
    assert!(error.contains("`--metric chat=ttft`"), "{error}");
    let metrics = [("chat".to_owned(), Subject::Latency(squall_report::Metric::E2e))].into();
    let chosen = Choices { metrics, unit: Some(Unit::Milliseconds) };
    assert_eq!(with(&source, &chosen).slos[0].objective, "p95(e2e) <= 300ms");
    let unit = with(&source, &Choices { unit: None, ..chosen }).refused.map(|error| error.to_string());
    assert!(unit.as_ref().is_some_and(|error| error.contains("`--unit s`")), "{unit:?}");
    let annotated = source.replace(
        "  displayName",
        "  annotations: {squall/metric: itl, squall/unit: ms, other: 1}\n  displayName",
    );
    assert_eq!(good(&annotated), ["p95(itl) <= 300ms"]);
    let wrong = bad(&annotated.replace("metric: itl", "metric: tftt"));
    assert!(wrong.contains("did you mean `ttft`?") && wrong.contains("s.yaml:5:"), "{wrong}");
    assert!(bad(&annotated.replace("squall/unit", "squall/units")).contains("ours are `squall/metric`"));
}

#[test]
fn what_cannot_be_mapped_is_an_error_with_its_line_and_what_would_be_right() {
    let fine = slo(&threshold(TTFT), FAST);
    for (from, to, said) in [
        ("openslo/v1", "openslo/v2alpha", "expected `openslo/v1`"),
        ("kind: SLO", "kind: SLOs", "did you mean `SLO`?"),
        ("Occurrences", "Timeslices", "a share of time slices"),
        ("Occurrences", "Requests", "`Requests` is not a budgeting method"),
        ("  budgetingMethod: Occurrences\n", "", "the SLO lacks `budgetingMethod`"),
        ("objectives:", "objective:", "did you mean `objectives`?"),
        (TTFT, "histogram_quantile(0.99, ttft_seconds_bucket)", "(`quantile`)"),
        (TTFT, "ttft_seconds or itl_seconds", "its names speak of several"),
        ("op: lte", "op: gte", "a latency must be less than a value"),
        ("op: lte", "op: eq", "`eq` is no comparison"),
        ("op: lte, ", "", "the objective lacks `op`"),
        ("value: 0.8, ", "", "the objective lacks `value`"),
        ("value: 0.8", "value: fast", "`value` must be a number, and is a text"),
        ("value: 0.8", "value: 0", "the bound must be more than 0"),
        ("target: 0.95", "target: 1", "`p100` is not between p0 and p100"),
        ("target: 0.95", "target: 0.95, targetPercent: 95", "not both"),
        (", target: 0.95", "", "the objective lacks `target`"),
        (FAST, "[]", "the SLO has no objective"),
        ("thresholdMetric", "treshold", "unknown key `treshold` in the SLI"),
        ("  name: chat\n", "", "`metadata` lacks `name`"),
    ] {
        let source = fine.replacen(from, to, 1);
        assert_ne!(source, fine, "{from}");
        let error = bad(&source);
        assert!(error.contains(said) && error.contains("s.yaml:"), "{from} -> {to}: {error}");
        assert!(error.ends_with("nothing was written"), "{error}");
    }
    assert!(bad("").contains("the file has no SLO"));
    assert!(bad("- 5\n").contains("the object must be a mapping"));
    // Each is told.
    let both = fine.replace("Occurrences", "Timeslices") + "---\n" + &fine.replace("lte", "gte");
    let two = bad(&both);
    assert!(two.contains("s.yaml:8:20") && two.contains("s.yaml:21:21"), "{two}");
}

#[test]
fn sections_are_a_scenarios_and_one_that_has_them_is_not_given_them_again() {
    let scenario = include_str!("../../../../scenarios/quickstart.toml");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/quickstart.toml");
    let import = with(&slo(&threshold(TTFT), FAST), &Choices::default());
    let sections = to_toml(&import.slos, Path::new("a/s.yaml"), &["steady".into()]);
    let expected = "# s.yaml, line 10\n[[slo]]\nname = \"Chat\"\nobjective = \"p95(ttft) <= 800ms\"\n\
                    during = [\"steady\"]\n";
    assert_eq!(sections, expected);
    let whole = insert(scenario, &path, &sections).expect("fits");
    assert!(whole.starts_with(scenario.trim_end()) && whole.ends_with(expected));
    let twice = insert(&whole, &path, &sections).expect_err("has it").to_string();
    assert!(
        twice.contains("two SLOs are called `Chat`") && twice.ends_with("nothing was written"),
        "{twice}"
    );
    let phase = to_toml(&import.slos, Path::new("s.yaml"), &["stedy".into()]);
    assert!(insert(scenario, &path, &phase).expect_err("no such phase").to_string().contains("`steady`"));
}
