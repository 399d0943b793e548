//! A run as it could have been: three phases of twenty seconds, three nodes; `a` is killed at 22 s and
//! back at 31 s, while `b` is slow and answers errors. Its figures follow from simple formulas.

use squall_report::{
    Answers, Calibration, Check, Client, Clients, Clock, Cohort, Counter, Counts, Curve, Failover, Fault,
    Invariant, Lag, Latency, Method, Metric, Node, NodeState, Peak, Percentiles, Phase, Point, Report,
    SCHEMA, ScenarioInfo, Skipped, Slice, Slo, Verdict,
};

const DIED: u32 = 22;
const BACK: u32 = 31;
const PHASES: [&str; 3] = ["steady", "storm", "recovery"];

/// A service that held.
pub(crate) fn pass() -> Report {
    Report {
        schema: SCHEMA,
        squall: "0.1.0".into(),
        scenario: ScenarioInfo {
            name: "one node of three dies under chat traffic".into(),
            seed: 7,
            digest: "4f0c8f6a2f6be1b0d3a3c1a9cfb2d19a5b1f7f0a3c9d2e8b6a4c0e1f2d3b4a59".into(),
            path: "scenarios/quickstart.toml".into(),
        },
        verdict: Verdict::Pass,
        reasons: vec!["All 3 objectives, 6 bounds on failover and 8 invariants hold.".into()],
        aborted: None,
        started_at: "2026-11-24T15:57:30.123456789Z".into(),
        duration_s: 60.84,
        command: "squall run scenarios/quickstart.toml --seed 7".into(),
        phases: phases(),
        counts: sum(phases().iter().map(|phase| phase.counts)),
        latency: latency(),
        slos: slos(),
        failover: vec![failover()],
        invariants: invariants(),
        faults: faults(),
        fault_log_digest: "9f".repeat(32),
        answers: Answers { tokenizer: "o200k_base".into(), ..Answers::default() },
        skipped: Skipped::default(),
        sessions: None,
        clients: Clients::default(),
        control: None,
        client: Client {
            dispatch_lag_us: Lag { p50: 38.0, p99: 212.0, max: 1_840.0 },
            runtime_stall_us: Lag { p50: 1_020.0, p99: 2_310.0, max: 6_400.0 },
            saturated: false,
            peak: Peak { requests_per_s: 44.2, events_per_s: 9_120.0, in_flight: 131 },
            calibration: Some(Calibration {
                measured_at: "2026-11-24T12:00:00Z".into(),
                requests_per_s: 3_200.0,
                events_per_s: 160_000.0,
                open_streams: 4_000,
                exceeded: Vec::new(),
            }),
            cpu_s: 9.42,
            peak_rss_bytes: 96_468_992,
        },
        nodes: nodes(),
        series: (0..61).map(slice).collect(),
        curves: curves(),
    }
}

/// The same storm on a router that does not fail over.
pub(crate) fn fail() -> Report {
    let mut report = pass();
    report.verdict = Verdict::Fail;
    report.scenario.name = "one node of three dies, and nobody takes over".into();
    report.scenario.path = "scenarios/quickstart-broken.toml".into();
    report.command = "squall run scenarios/quickstart-broken.toml --seed 7".into();
    report.reasons = vec![
        "availability in the storm: 71.2% of 448 requests succeeded; at least 95% was claimed".into(),
        "failover of a: 98 of 214 requests were lost (45.8%); the bound is 5%".into(),
        "failover of a: 3 answers were cut short and looked complete; the bound is 0".into(),
        "invariant broken 3 times: no success without a genuine final marker".into(),
    ];
    let storm = &mut report.phases[1].counts;
    *storm =
        Counts { ok: 319, http_error: 84, in_band_error: 21, cut: 18, invented: 3, timeout: 3, ..*storm };
    report.counts = sum(report.phases.iter().map(|phase| phase.counts));
    let slo = &mut report.slos[2];
    (slo.good, slo.lower, slo.upper) = (319, 0.674_9, 0.746_8);
    (slo.observed, slo.verdict) = (Some(319.0 / 448.0), Verdict::Fail);
    let death = &mut report.failover[0];
    (death.detection_s, death.first_rescue_s, death.recovery_s) = (None, Some(0.97), Some(9.0));
    (death.lost, death.silently_truncated, death.amplification_mean) = (98, 3, Some(1.0));
    death.amplification_max = 1;
    death.checks = vec![
        check("detection", "<= 2s", "–", Verdict::Fail, "work was sent to the node until it was back"),
        check("recovery", "<= 5s", "9s", Verdict::Fail, "the service level held again only from 31 s"),
        check("lost", "<= 5%", "45.8%", Verdict::Fail, "98 of 214 requests, the first is r-412"),
        check("silently_truncated", "<= 0", "3", Verdict::Fail, "r-431, r-433, r-440"),
        check("duplicated", "<= 0", "0", Verdict::Pass, ""),
        check("amplification", "<= 1.5", "1.00", Verdict::Pass, ""),
    ];
    let invariant = &mut report.invariants[2];
    (invariant.verdict, invariant.violations) = (Verdict::Fail, 3);
    invariant.examples = vec![
        "r-431: [DONE] after 12 of 31 events; a was killed at 22.0 s".into(),
        "r-433: [DONE] after 3 of 54 events; a was killed at 22.0 s".into(),
    ];
    for slice in report.series.iter_mut().filter(|slice| (22.0..31.0).contains(&slice.start_s)) {
        (slice.ok, slice.failed) = (slice.ok * 3 / 5, slice.ok + slice.failed - slice.ok * 3 / 5);
        let slower = |ms: Option<f64>| ms.map(|ms| ms * 6.0);
        (slice.ttft.p95_ms, slice.ttft.p99_ms) = (slower(slice.ttft.p95_ms), slower(slice.ttft.p99_ms));
    }
    report
}

/// A run that was ended early, with a plugin that trapped and too few requests.
pub(crate) fn inconclusive() -> Report {
    let mut report = pass();
    report.verdict = Verdict::Inconclusive;
    report.aborted = Some("interrupted by a signal".into());
    report.duration_s = 26.4;
    if let Some(calibration) = &mut report.client.calibration {
        calibration.requests_per_s = 40.0;
        calibration.exceeded = vec!["44 requests a second in its busiest five seconds, it carries 40".into()];
    }
    report.reasons = vec![
        "the run was ended before its time: interrupted by a signal".into(),
        "first token: 24 samples can't decide p95; 59 are needed".into(),
        "fault http-error trapped once on node b: out of fuel in `request`".into(),
    ];
    report.series.truncate(27);
    report.phases[1].counts =
        Counts { scheduled: 141, sent: 141, ok: 119, http_error: 4, aborted: 18, ..Counts::default() };
    report.phases[2].counts = Counts::default();
    report.counts = sum(report.phases.iter().map(|phase| phase.counts));
    report.latency.retain(|row| row.phase != "recovery");
    report.curves.retain(|curve| curve.phase != "recovery");
    for slo in &mut report.slos {
        slo.verdict = Verdict::Inconclusive;
        (slo.samples, slo.good, slo.lower, slo.upper) = (24, 24, 0.8827, 1.0);
        (slo.method, slo.effective_samples) = (Some(Method::ClopperPearson), Some(24.0));
    }
    (report.slos[2].samples, report.slos[2].good, report.slos[2].observed) = (0, 0, None);
    (report.slos[2].lower, report.slos[2].upper) = (0.0, 1.0);
    let death = &mut report.failover[0];
    (death.t1_s, death.recovery_s, death.failback_s) = (None, None, None);
    for check in death.checks.iter_mut().filter(|check| check.name == "recovery" || check.name == "lost") {
        check.verdict = Verdict::Inconclusive;
        check.observed = "–".into();
        check.reason = Some("the run was ended before the node was back".into());
    }
    let fault = &mut report.faults[2];
    (fault.traps, fault.trap) = (1, Some("out of fuel in `request` after 10,000,000 units".into()));
    report.nodes[0].states.truncate(2);
    report
}

fn phases() -> Vec<Phase> {
    let ends = [
        Counts { scheduled: 431, sent: 431, ok: 431, ..Counts::default() },
        Counts {
            scheduled: 448,
            sent: 448,
            ok: 439,
            http_error: 4,
            in_band_error: 3,
            cut: 2,
            ..Counts::default()
        },
        Counts { scheduled: 402, sent: 402, ok: 402, ..Counts::default() },
    ];
    let phase = |(index, counts): (usize, Counts)| {
        let start_s = 20.0 * index as f64;
        Phase { name: PHASES[index].into(), start_s, end_s: start_s + 20.0, warmup: false, counts }
    };
    ends.into_iter().enumerate().map(phase).collect()
}

fn sum(counts: impl Iterator<Item = Counts>) -> Counts {
    counts.fold(Counts::default(), |a, b| Counts {
        scheduled: a.scheduled + b.scheduled,
        sent: a.sent + b.sent,
        ok: a.ok + b.ok,
        http_error: a.http_error + b.http_error,
        in_band_error: a.in_band_error + b.in_band_error,
        connect_failed: a.connect_failed + b.connect_failed,
        reset: a.reset + b.reset,
        cut: a.cut + b.cut,
        invented: a.invented + b.invented,
        timeout: a.timeout + b.timeout,
        corrupt: a.corrupt + b.corrupt,
        shed: a.shed + b.shed,
        aborted: a.aborted + b.aborted,
    })
}

/// How much slower than idle the service is at a second of the run.
fn stress(second: u32) -> f64 {
    match second {
        DIED..BACK => 2.6 - 0.15 * f64::from(second - DIED),
        20..40 => 1.35,
        _ => 1.0,
    }
}

/// Something between 0 and 1 that looks like chance.
fn noise(second: u32, salt: u32) -> f64 {
    let mixed = (second + 1).wrapping_mul(2_654_435_761).wrapping_add(salt.wrapping_mul(40_503)) >> 8;
    f64::from(mixed % 1_000) / 1_000.0
}

fn slice(second: u32) -> Slice {
    let drain = second == 60;
    let scheduled = if drain { 0 } else { 18 + (8.0 * noise(second, 1)) as u64 };
    let failed = match second {
        DIED => 5,
        23 | 27 | 33 | 38 => 1,
        _ => 0,
    };
    let ended = if drain { 6 } else { scheduled };
    let p50 = (74.0 + 10.0 * noise(second, 2)) * stress(second);
    let spike = if second == DIED { 3.2 } else { 1.0 };
    let ttft = Percentiles {
        p50_ms: Some(p50),
        p90_ms: Some(p50 * 1.6),
        p95_ms: Some(p50 * (1.9 + 0.4 * noise(second, 3)) * spike),
        p99_ms: Some(p50 * (2.5 + 0.9 * noise(second, 4)) * spike),
        p999_ms: None,
    };
    let third = scheduled / 3;
    let node_attempts = match second {
        60 => vec![0, 0, 0],
        DIED => vec![3, third + 4, third + 3],
        23..BACK => vec![0, scheduled / 2, scheduled.div_ceil(2) + 1],
        31 => vec![1, third + 2, third + 3],
        _ => vec![third, scheduled - 2 * third, third],
    };
    Slice {
        start_s: f64::from(second),
        scheduled,
        ok: ended - failed.min(ended),
        failed,
        ttft: if drain { Percentiles::default() } else { ttft },
        node_attempts,
    }
}

/// The latency at a quantile, for a median: a long tail to the right.
fn tail(median: f64, quantile: f64) -> f64 {
    median * (1.0 + 0.55 * (-(2.0 * (1.0 - quantile)).ln()))
}

fn medians() -> [(Metric, f64); 5] {
    [
        (Metric::Ttft, 78.0),
        (Metric::Ttfb, 76.5),
        (Metric::Itl, 8.6),
        (Metric::Tpot, 8.9),
        (Metric::E2e, 1_640.0),
    ]
}

/// How much slower each phase is.
const SLOWER: [f64; 3] = [1.0, 1.8, 1.05];

fn latency() -> Vec<Latency> {
    let mut rows = Vec::new();
    for (index, phase) in phases().into_iter().enumerate() {
        for (metric, median) in medians() {
            let clocks: &[Clock] =
                if metric.has_clock() { &[Clock::Intended, Clock::Sent] } else { &[Clock::Stream] };
            for clock in clocks {
                let early = if *clock == Clock::Sent { 0.04 } else { 0.0 };
                let median = median * SLOWER[index] - early;
                let failed = phase.counts.scheduled - phase.counts.ok;
                rows.push(latency_row(
                    &phase.name,
                    (Cohort::All, metric, *clock),
                    (phase.counts.ok, failed),
                    median,
                ));
            }
        }
        if index == 1 {
            let ids = (Metric::Ttft, Clock::Intended);
            rows.push(latency_row(&phase.name, (Cohort::Faulted, ids.0, ids.1), (121, 9), 214.0));
            rows.push(latency_row(&phase.name, (Cohort::Collateral, ids.0, ids.1), (318, 0), 96.0));
        }
    }
    rows
}

fn latency_row(
    phase: &str,
    (cohort, metric, clock): (Cohort, Metric, Clock),
    (count, failed): (u64, u64),
    median: f64,
) -> Latency {
    let at = |q: f64| Some(tail(median, q));
    // With failures as the largest samples, a quantile is the smaller quantile of those that have it.
    let with = |q: f64| {
        let of_all = q * (count + failed) as f64 / count as f64;
        (of_all < 1.0).then(|| tail(median, of_all))
    };
    Latency {
        phase: phase.into(),
        cohort,
        metric,
        clock,
        count,
        failed,
        min_ms: Some(median * 0.78),
        mean_ms: Some(median * 1.22),
        p50_ms: at(0.5),
        p90_ms: at(0.9),
        p95_ms: at(0.95),
        p99_ms: at(0.99),
        p999_ms: at(0.999),
        max_ms: at(0.9995),
        with_failures: Percentiles {
            p50_ms: with(0.5),
            p90_ms: with(0.9),
            p95_ms: with(0.95),
            p99_ms: with(0.99),
            p999_ms: with(0.999),
        },
    }
}

fn curves() -> Vec<Curve> {
    let quantiles = [0.5, 0.6, 0.75, 0.8, 0.9, 0.925, 0.95, 0.975, 0.99, 0.995, 0.9975, 0.999, 1.0];
    let shown = [Metric::Ttft, Metric::Itl, Metric::E2e];
    let mut curves = Vec::new();
    for (index, phase) in PHASES.into_iter().enumerate() {
        for (metric, median) in medians().into_iter().filter(|(metric, _)| shown.contains(metric)) {
            let point = |q: f64| Point { quantile: q, ms: tail(median * SLOWER[index], q.min(0.9995)) };
            curves.push(Curve { phase: phase.into(), metric, points: quantiles.map(point).to_vec() });
        }
    }
    curves
}

fn slos() -> Vec<Slo> {
    let during = |phases: &[&str]| phases.iter().map(|phase| (*phase).into()).collect();
    vec![
        Slo {
            name: "first token".into(),
            objective: "p95(ttft) <= 800ms".into(),
            during: during(&["steady", "recovery"]),
            target: 0.95,
            samples: 833,
            good: 833,
            lower: 0.996_41,
            upper: 1.0,
            observed: Some(187.4),
            needed: 59,
            method: Some(Method::ClopperPearson),
            effective_samples: Some(833.0),
            design_effect: Some(1.0),
            verdict: Verdict::Pass,
            line: Some(44),
        },
        Slo {
            name: "availability".into(),
            objective: "success >= 99%".into(),
            during: during(&["steady", "recovery"]),
            target: 0.99,
            samples: 833,
            good: 833,
            lower: 0.996_41,
            upper: 1.0,
            observed: Some(1.0),
            needed: 299,
            method: Some(Method::ClopperPearson),
            effective_samples: Some(833.0),
            design_effect: Some(1.0),
            verdict: Verdict::Pass,
            line: Some(48),
        },
        Slo {
            name: "availability in the storm".into(),
            objective: "success >= 95%".into(),
            during: during(&["storm"]),
            target: 0.95,
            samples: 448,
            good: 439,
            lower: 0.965_18,
            upper: 0.989_52,
            observed: Some(439.0 / 448.0),
            needed: 59,
            method: Some(Method::ClopperPearsonEffective),
            effective_samples: Some(297.4),
            design_effect: Some(1.48),
            verdict: Verdict::Pass,
            line: Some(52),
        },
    ]
}

fn check(name: &str, bound: &str, observed: &str, verdict: Verdict, reason: &str) -> Check {
    Check {
        name: name.into(),
        bound: bound.into(),
        observed: observed.into(),
        verdict,
        reason: (!reason.is_empty()).then(|| reason.into()),
        line: Some(match name {
            "detection" => 57,
            "recovery" => 58,
            "lost" => 59,
            "silently_truncated" => 60,
            "duplicated" => 61,
            _ => 62,
        }),
    }
}

fn failover() -> Failover {
    Failover {
        node: "a".into(),
        t0_s: 22.004,
        t1_s: Some(31.218),
        detection_s: Some(0.31),
        first_rescue_s: Some(0.124),
        recovery_s: Some(1.996),
        failback_s: Some(1.78),
        requests: 214,
        lost: 5,
        silently_truncated: 0,
        duplicated: 0,
        spliced: 0,
        amplification_mean: Some(1.084),
        amplification_max: 3,
        checks: vec![
            check("detection", "<= 2s", "0.31s", Verdict::Pass, ""),
            check("recovery", "<= 5s", "2.0s", Verdict::Pass, ""),
            check("lost", "<= 5%", "2.3%", Verdict::Pass, ""),
            check("silently_truncated", "<= 0", "0", Verdict::Pass, ""),
            check("duplicated", "<= 0", "0", Verdict::Pass, ""),
            check("amplification", "<= 1.5", "1.08", Verdict::Pass, ""),
        ],
    }
}

fn invariants() -> Vec<Invariant> {
    let held = [
        "every arrival ends exactly once",
        "every attempt belongs to a request",
        "no success without a genuine final marker",
        "no duplicated or spliced content",
        "attempts stay within the retry bound",
        "no attempts after the client left",
        "a dead node gets only probes after detection",
        "every fault happened",
    ];
    let mut all: Vec<_> = held
        .into_iter()
        .map(|name| Invariant {
            name: name.into(),
            verdict: Verdict::Pass,
            violations: 0,
            examples: Vec::new(),
        })
        .collect();
    all.push(Invariant {
        name: "no herd at failback".into(),
        verdict: Verdict::NotChecked,
        violations: 0,
        examples: vec!["this version does not decide it".into()],
    });
    all
}

fn faults() -> Vec<Fault> {
    let fault =
        |plugin: &str, digit: char, node: &str, start_s: f64, fired: u64, counters: &[(&str, u64)]| Fault {
            plugin: plugin.into(),
            sha256: digit.to_string().repeat(64),
            phase: "storm".into(),
            nodes: vec![node.into()],
            start_s,
            end_s: 40.0,
            fired,
            traps: 0,
            trap: None,
            counters: counters
                .iter()
                .map(|(name, value)| Counter { name: (*name).into(), value: *value })
                .collect(),
        };
    vec![
        fault("node-kill", '7', "a", 22.0, 2, &[("kills", 1), ("restarts", 1)]),
        fault("latency", 'c', "b", 20.0, 61, &[("delayed", 61)]),
        fault("http-error", '3', "b", 20.0, 19, &[("answered", 19)]),
    ]
}

fn nodes() -> Vec<Node> {
    let states = |changes: &[(f64, &str)]| {
        changes.iter().map(|(at_s, state)| NodeState { at_s: *at_s, state: (*state).into() }).collect()
    };
    let a = states(&[(0.0, "up"), (22.004, "down"), (30.1, "starting"), (31.218, "up")]);
    let node = |name: &str, zone: &str, attempts, states| Node {
        name: name.into(),
        zone: zone.into(),
        attempts,
        states,
    };
    vec![
        node("a", "z1", 352, a),
        node("b", "z1", 489, states(&[(0.0, "up")])),
        node("c", "z2", 498, states(&[(0.0, "up")])),
    ]
}
