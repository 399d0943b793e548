//! A run as it could have been: three phases of twenty seconds, three nodes; `a` is killed at 22 s and
//! back at 31 s, while `b` is slow and answers errors. Its figures follow from simple formulas.

use squall_report::{
    Advice, Alert, Answers, Around, AttemptEnds, Budget, Burn, Calibration, Check, CheckKind, Client,
    Clients, Clock, Cohort, Correlation, Counter, Counts, Curve, Failover, Fault, Invariant, Lag, Latency,
    Method, Metric, Node, NodeState, Pause, Peak, Percentiles, Period, PeriodLatency, Phase, Point, Report,
    SCHEMA, ScenarioInfo, Severity, Skipped, Slice, Slo, Verdict, WhyWorst, WorstAttempt, WorstRequest,
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
        stops: Vec::new(),
        failover: vec![failover()],
        invariants: invariants(),
        faults: faults(),
        pauses: Vec::new(),
        fault_log_digest: "9f".repeat(32),
        answers: Answers { tokenizer: "o200k_base".into(), ..Answers::default() },
        skipped: Skipped::default(),
        sessions: None,
        clients: Clients::default(),
        correlation: Correlation::default(),
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
        periods: periods(),
        worst: vec![slowest()],
        runbook: Vec::new(),
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
    report.worst.insert(0, cut_short());
    report.runbook = vec![advice()];
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
    report.pauses = vec![Pause { from_s: 24.2, to_s: 26.4 }];
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

/// A day at a million requests: two dozen nodes that die again and again, and every list as long as it gets.
pub(crate) fn long() -> Report {
    const NODES: u32 = 24;
    const DAY: f64 = 86_400.0;
    let mut report = fail();
    report.scenario.name = "a day of twenty-four nodes that die again and again".into();
    report.duration_s = DAY;
    report.counts =
        Counts { scheduled: 1_000_000, sent: 1_000_000, ok: 991_204, cut: 8_796, ..Counts::default() };
    for (index, phase) in report.phases.iter_mut().enumerate() {
        (phase.start_s, phase.end_s) = (DAY / 3.0 * index as f64, DAY / 3.0 * (index + 1) as f64);
    }
    for fault in &mut report.faults {
        (fault.start_s, fault.end_s) = (DAY / 3.0, DAY / 1.5);
    }
    report.series = (0..360).map(|n| Slice { start_s: 240.0 * f64::from(n), ..slice(n % 60) }).collect();
    for slice in &mut report.series {
        slice.node_attempts = (0..u64::from(NODES)).map(|node| 20 + node).collect();
    }
    let states = |node: u32| {
        let deaths = (0..200).map(move |death| 30_000.0 + f64::from(node) * 11.0 + 140.0 * f64::from(death));
        let changes = deaths.flat_map(|at| [(at, "down"), (at + 40.0, "up")]);
        std::iter::once((0.0, "up"))
            .chain(changes)
            .map(|(at_s, state)| NodeState { at_s, state: state.into() })
    };
    let node = |index: u32| Node {
        name: format!("node-{index}"),
        zone: format!("z{}", index % 3),
        attempts: 41_000 + u64::from(index),
        ends: AttemptEnds { complete: 41_000, reset: u64::from(index), ..AttemptEnds::default() },
        states: states(index).collect(),
    };
    report.nodes = (0..NODES).map(node).collect();
    for period in &mut report.periods {
        period.node_attempts = (0..u64::from(NODES)).map(|node| 13_000 + node).collect();
    }
    let death = report.failover[0].clone();
    let deaths =
        (0..60_u32).map(|n| Failover { t0_s: 30_000.0 + 300.0 * f64::from(n), t1_s: None, ..death.clone() });
    report.failover = deaths.collect();
    report.worst = (0..22_u64).map(|n| WorstRequest { id: 400_000 + n, ..cut_short() }).collect();
    report.runbook = (0..24).map(|_| advice()).collect();
    report.reasons =
        (0..80).map(|n| format!("availability of phase {n}: 97.2% of 12,448 requests succeeded")).collect();
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
        empty: a.empty + b.empty,
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
        in_flight: Some((31.0 * stress(second) + 6.0 * noise(second, 5)) as u64),
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
            node: None,
            cohort: None,
            model: None,
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
            rate: None,
            block_s: None,
            window: None,
            budget: None,
            verdict: Verdict::Pass,
            line: Some(44),
        },
        Slo {
            name: "availability".into(),
            objective: "success >= 99%".into(),
            during: during(&["steady", "recovery"]),
            node: None,
            cohort: None,
            model: None,
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
            rate: None,
            block_s: None,
            window: None,
            budget: None,
            verdict: Verdict::Pass,
            line: Some(48),
        },
        Slo {
            name: "availability in the storm".into(),
            objective: "success >= 95%".into(),
            during: during(&["storm"]),
            node: None,
            cohort: None,
            model: None,
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
            rate: None,
            block_s: None,
            window: None,
            budget: Some(budget()),
            verdict: Verdict::Pass,
            line: Some(52),
        },
    ]
}

/// Of 99 % over 28 days: 9 of 448 fail in the storm of 20 s.
fn budget() -> Budget {
    let burn = |phase: Option<&str>, requests: u64, bad: u64| {
        let rate = bad as f64 / requests as f64 / 0.01;
        Burn {
            phase: phase.map(Into::into),
            length_s: 20.0,
            requests,
            bad,
            burn_rate: Some(rate),
            spent: Some(rate * 20.0 / 2_419_200.0),
        }
    };
    let alert = |burn_rate: f64, long_s: f64, short_s: f64, severity, after_s: Option<f64>| Alert {
        burn_rate,
        long_s,
        short_s,
        severity,
        after_s,
        within: false,
    };
    Budget {
        target: 0.99,
        window_s: 2_419_200.0,
        phases: vec![
            burn(Some("steady"), 431, 0),
            burn(Some("storm"), 448, 9),
            burn(Some("recovery"), 402, 0),
        ],
        storm: Some(burn(None, 448, 9)),
        exhausted_after_s: Some(2_419_200.0 / (9.0 / 4.48)),
        alerts: vec![
            alert(14.4, 3_360.0, 280.0, Severity::Page, None),
            alert(6.0, 20_160.0, 1_680.0, Severity::Page, None),
            alert(1.0, 241_920.0, 20_160.0, Severity::Ticket, Some(241_920.0 / (9.0 / 4.48))),
        ],
    }
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
        ends: AttemptEnds { complete: attempts - 4, reset: 4, ..AttemptEnds::default() },
        states,
    };
    vec![
        node("a", "z1", 352, a),
        node("b", "z1", 489, states(&[(0.0, "up")])),
        node("c", "z2", 498, states(&[(0.0, "up")])),
    ]
}

fn periods() -> Vec<Period> {
    let arounds = [Around::Before, Around::During, Around::After];
    let period = |(index, period): (usize, Around)| {
        let phase = &phases()[index];
        let Counts { scheduled, ok, .. } = phase.counts;
        let quantiles = [0.5, 0.65, 0.8, 0.9, 0.95, 0.975, 0.99];
        let latency = |(metric, median): (Metric, f64)| {
            let at = |q: f64| Some(tail(median * SLOWER[index], q));
            PeriodLatency {
                metric,
                samples: scheduled,
                percentiles: Percentiles {
                    p50_ms: at(0.5),
                    p90_ms: at(0.9),
                    p95_ms: at(0.95),
                    p99_ms: at(0.99).filter(|_| ok == scheduled),
                    p999_ms: None,
                },
                points: quantiles
                    .into_iter()
                    .filter_map(|quantile| Some(Point { quantile, ms: at(quantile)? }))
                    .collect(),
            }
        };
        let shown = [Metric::Ttft, Metric::Tpot, Metric::E2e];
        let shown = medians().into_iter().filter(|(metric, _)| shown.contains(metric));
        Period {
            period,
            start_s: phase.start_s,
            end_s: phase.end_s,
            requests: scheduled,
            ok,
            latency: shown.map(latency).collect(),
            node_attempts: [vec![144, 143, 144], vec![74, 212, 220], vec![134, 134, 134]][index].clone(),
        }
    };
    arounds.into_iter().enumerate().map(period).collect()
}

/// Its first attempt met a dead node; the second was slow.
fn slowest() -> WorstRequest {
    WorstRequest {
        id: 497,
        why: vec![WhyWorst::FirstToken, WhyWorst::Attempts],
        alike: 1,
        phase: "storm".into(),
        cohort: Cohort::Faulted,
        intended_s: 21.9,
        sent_s: Some(21.900_1),
        first_content_s: Some(22.61),
        last_content_s: Some(24.2),
        end_s: 24.21,
        outcome: squall_report::Outcome::Ok,
        status: Some(200),
        error: None,
        content: "whole".into(),
        output_tokens: 181,
        expected_tokens: Some(181),
        node: Some("b".into()),
        attempts: 2,
        claimed_attempts: Some(2),
        sends: 1,
        marker: true,
        genuine_marker: true,
        clean_end: true,
        ledger: vec![
            WorstAttempt {
                id: 501,
                node: "a".into(),
                start_s: 21.900_4,
                first_byte_s: None,
                end_s: 22.004,
                status: None,
                events: 0,
                end: "reset".into(),
                marker: false,
                after_end: false,
                hedge: false,
                faults: Vec::new(),
                touched: 0,
            },
            WorstAttempt {
                id: 502,
                node: "b".into(),
                start_s: 22.006,
                first_byte_s: Some(22.6),
                end_s: 24.209,
                status: Some(200),
                events: 183,
                end: "complete".into(),
                marker: true,
                after_end: false,
                hedge: false,
                faults: vec!["latency: delay(184.113ms)".into()],
                touched: 1,
            },
        ],
        ledger_left_out: 0,
    }
}

/// Its node died in the middle of the stream.
fn cut_short() -> WorstRequest {
    let mut request = slowest();
    request.ledger.truncate(1);
    request.ledger[0].first_byte_s = Some(21.97);
    request.ledger[0].events = 12;
    WorstRequest {
        id: 431,
        why: vec![WhyWorst::Failed],
        alike: 3,
        end_s: 22.005,
        last_content_s: Some(22.003),
        first_content_s: Some(21.971),
        outcome: squall_report::Outcome::Invented,
        content: "truncated".into(),
        output_tokens: 12,
        node: Some("a".into()),
        attempts: 1,
        claimed_attempts: Some(1),
        genuine_marker: false,
        ..request
    }
}

fn advice() -> Advice {
    Advice {
        kind: CheckKind::Failover,
        check: "silently_truncated at the death of `a`".into(),
        verdict: Verdict::Fail,
        seen: "3 of 214 requests in the 9.2s from the death of `a`, more than 0".into(),
        means: vec!["The gateway passes the end of a broken stream on as if it were a whole one.".into()],
        look: vec!["Request 431 in both ledgers: what the node sent, and what the client got.".into()],
        change: vec![
            "Break the client's connection, or send an error event, when a node's stream breaks.".into(),
        ],
    }
}
