//! `squall check`: what a scenario means, without running it.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use anyhow::Context as _;
use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;
use squall::clock::Nanos;
use squall::fault;
use squall::scenario::plan::{
    Counted, Entry, FailoverBounds, FaultPlan, Key, NodeKind, NodePlan, Objective, Phase, Plan, Promises,
    Slo, Stop,
};
use squall::scenario::{self, ScenarioError};
use squall::traffic::{self, Basis, Survey};

use super::exit::Exit;
use super::limits;

mod load;

const HEADING: Style = Style::new().bold();
const WARNING: Style = AnsiColor::Yellow.on_default().bold();

/// How objectives are judged.
const METHOD: &str =
    "bounds at 95 % each way: Clopper-Pearson, on effective samples where misses come together";

/// The built-in plugins that end nodes.
const KILLERS: [&str; 4] = ["crash-loop", "flap", "node-kill", "zone-outage"];

/// Check a scenario and print its plan, without running anything.
///
/// Every mistake is shown with its line and what would be right. Exit code 0: it can run; 2: it has
/// mistakes.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  squall check scenarios/quickstart.toml")]
pub(crate) struct Args {
    /// The scenario's file.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Take this seed instead of the scenario's.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Print the plan as JSON; of a scenario with mistakes, print those.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<Exit> {
    let plan = match scenario::load(&args.file, args.seed) {
        Ok(plan) => plan,
        Err(error) => {
            if args.json {
                print_json(&serde_json::json!({ "mistakes": error.mistakes() }))?;
            }
            return Err(error.into());
        }
    };
    fault::check_all(&plan)?;
    let survey = traffic::survey(&plan)?;
    let checked = Checked::new(&plan, &survey);
    if args.json {
        print_json(&checked)?;
    } else {
        let mut out = anstream::stdout().lock();
        out.write_all(checked.text().as_bytes())
            .and_then(|()| out.flush())
            .context("could not write to stdout")?;
    }
    Ok(Exit::Pass)
}

/// Shows what is wrong with a scenario; colours go to terminals only.
pub(crate) fn show_mistakes(error: &ScenarioError) {
    // Nothing is left to tell when stderr is closed.
    let _ = write!(anstream::stderr(), "{}", error.render(true));
}

pub(crate) fn print_json(value: &impl Serialize) -> anyhow::Result<()> {
    let text = serde_json::to_string_pretty(value)?;
    writeln!(std::io::stdout().lock(), "{text}").context("could not write to stdout")
}

/// A plan and what can be told of it beforehand.
#[derive(Serialize)]
struct Checked<'a> {
    digest: String,
    plan: &'a Plan,
    phases: Vec<PhaseLoad<'a>>,
    objectives: Vec<Evidence<'a>>,
    warnings: Vec<String>,
}

/// What a phase will send.
#[derive(Serialize)]
struct PhaseLoad<'a> {
    name: &'a str,
    start_s: f64,
    end_s: f64,
    /// None for closed-loop users and for sessions.
    requests: Option<u64>,
    /// The most in any one second; none for closed-loop users and for sessions.
    busiest_second: Option<u64>,
    /// Of sessions: what they send if answers take no time. In the whole run they send no more.
    requests_about: Option<u64>,
    /// Of closed-loop users: no more than this, which is what they send if answers take no time.
    requests_at_most: Option<u64>,
}

impl PhaseLoad<'_> {
    /// Its requests and their mean rate, as the timeline shows them.
    fn shown(&self) -> [String; 2] {
        let rate = |requests: u64| format!("{:.1}/s", requests as f64 / (self.end_s - self.start_s));
        match (self.requests, self.requests_about, self.requests_at_most) {
            (Some(requests), ..) => [requests.to_string(), rate(requests)],
            (_, Some(about), _) => [format!("≈ {about}"), format!("≈ {}", rate(about))],
            (.., Some(most)) => [format!("≤ {most}"), format!("≤ {}", rate(most))],
            (None, None, None) => ["?".into(), "?".into()],
        }
    }
}

/// What an objective needs, and what it will get.
#[derive(Serialize)]
struct Evidence<'a> {
    name: &'a str,
    objective: &'a str,
    during: Vec<&'a str>,
    /// The smallest number of samples that can prove it.
    samples_needed: Option<u64>,
    /// Requests in its phases; none for closed-loop users and for sessions.
    requests_expected: Option<u64>,
    /// Of sessions: what they send in its phases if answers take no time.
    requests_about: Option<u64>,
    /// Of closed-loop users: no more than this in its phases.
    requests_at_most: Option<u64>,
}

impl Evidence<'_> {
    /// The requests that can be expected, as the table shows them.
    fn shown(&self) -> String {
        match (self.requests_expected, self.requests_about, self.requests_at_most) {
            (Some(requests), ..) => requests.to_string(),
            (_, Some(about), _) => format!("≈ {about}"),
            (.., Some(most)) => format!("≤ {most}"),
            (None, None, None) => "?".into(),
        }
    }
}

impl<'a> Checked<'a> {
    fn new(plan: &'a Plan, survey: &Survey) -> Self {
        let exact = survey.basis == Basis::Exact;
        let at_most = survey.basis == Basis::AtMost;
        let about = survey.basis == Basis::About;
        let loads = survey.per_phase.iter().zip(&survey.busiest);
        let phases = plan.phases.iter().zip(loads).map(|(phase, (requests, busiest))| PhaseLoad {
            name: &phase.name,
            start_s: phase.start.as_secs_f64(),
            end_s: phase.end().as_secs_f64(),
            requests: exact.then_some(*requests),
            busiest_second: exact.then_some(*busiest),
            requests_about: about.then_some(*requests),
            requests_at_most: at_most.then_some(*requests),
        });
        let during = |slo: &Slo| slo.during.iter().map(|&phase| survey.per_phase[phase]).sum();
        let objectives = plan.slos.iter().map(|slo| Evidence {
            name: &slo.name,
            objective: &slo.text,
            during: slo.during.iter().map(|&phase| plan.phases[phase].name.as_str()).collect(),
            samples_needed: slo.objective.share().and_then(scenario::samples_for_a_pass),
            requests_expected: exact.then(|| during(slo)),
            requests_about: about.then(|| during(slo)),
            requests_at_most: at_most.then(|| during(slo)),
        });
        let mut checked = Self {
            digest: scenario::digest(plan),
            plan,
            phases: phases.collect(),
            objectives: objectives.collect(),
            warnings: Vec::new(),
        };
        checked.warnings = checked.warnings();
        checked.warnings.extend(survey.skipped.first.as_ref().map(|first| {
            format!("{} bad rows of the trace are left out; the first, {first}", survey.skipped.rows)
        }));
        checked
    }

    fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        for (slo, evidence) in self.plan.slos.iter().zip(&self.objectives) {
            // A request has many gaps: how many requests there are says little about them.
            let by_request = !slo.objective.is_on_gaps();
            let most = evidence.requests_expected.or(evidence.requests_about).or(evidence.requests_at_most);
            if let (Some(needed), Some(expected)) = (evidence.samples_needed, most)
                && expected < needed
                && (by_request || expected == 0)
            {
                let can = if evidence.requests_about.is_some() { "will hardly" } else { "can't" };
                warnings.push(format!(
                    "`{}` {can} pass: {} needs {needed} samples, all of them good, and {} requests \
                     are expected; lengthen its phases, raise the load, or claim less",
                    evidence.name,
                    evidence.objective,
                    evidence.shown()
                ));
            }
        }
        for (slo, evidence) in self.plan.slos.iter().zip(&self.objectives) {
            warnings.extend(self.rate_warning(slo, evidence));
        }
        // As the run itself will do.
        let _ = limits::raise_open_files();
        warnings.extend(limits::warnings(self.plan));
        if self.plan.slos.is_empty() && self.plan.failover.is_none() {
            warnings.push("nothing must hold: add [[slo]] or [failover], or the run proves nothing".into());
        }
        if self.plan.failover.is_some()
            && !self.plan.faults.iter().any(|fault| KILLERS.contains(&fault.plugin.name().as_str()))
        {
            warnings.push(
                "[failover] is judged when a node dies, and no fault is a `node-kill`, `crash-loop`, \
                 `zone-outage` or `flap`"
                    .into(),
            );
        }
        warnings
    }

    /// A rate of requests that the load does not even ask for.
    fn rate_warning(&self, slo: &Slo, evidence: &Evidence<'_>) -> Option<String> {
        let Objective::Rate { of: Counted::Requests | Counted::GoodRequests, least } = slo.objective else {
            return None;
        };
        let most = evidence.requests_expected.or(evidence.requests_about).or(evidence.requests_at_most)?;
        let length: Duration = slo.during.iter().map(|&phase| self.plan.phases[phase].duration).sum();
        let asked = most as f64 / length.as_secs_f64();
        (asked < least).then(|| {
            format!(
                "`{}` can't pass: {} is more than the {asked:.1} requests a second that are expected in its phases",
                slo.name, slo.text
            )
        })
    }

    /// The plan for people, with styles.
    fn text(&self) -> String {
        let plan = self.plan;
        let mut text = format!("{HEADING}{}{HEADING:#}\n", plan.name);
        text.push_str(&indented(&rows(&[
            ["file".into(), plan.path.display().to_string()],
            ["seed".into(), plan.seed.to_string()],
            ["digest".into(), self.digest.clone()],
            ["target".into(), target(plan)],
            ["load".into(), load::load(plan)],
        ])));
        if !plan.nodes.is_empty() {
            section(&mut text, "Nodes", &rows(&plan.nodes.iter().map(node).collect::<Vec<_>>()));
        }
        section(&mut text, "Timeline", &self.timeline());
        if !plan.slos.is_empty() {
            section(&mut text, "Objectives", &self.objectives());
            let _ = writeln!(text, "  {METHOD}");
        }
        if !plan.stops.is_empty() {
            let guards: Vec<_> = plan.stops.iter().map(stop).collect();
            section(&mut text, "The run is ended by", &rows(&guards));
        }
        if let Some(bounds) = &plan.failover {
            section(&mut text, "Failover", &rows(&failover(bounds)));
        }
        let promised = promises(&plan.target.promises);
        if !promised.is_empty() {
            section(&mut text, "Promises", &rows(&promised));
        }
        for warning in &self.warnings {
            let _ = write!(text, "\n{WARNING}warning{WARNING:#}: {warning}\n");
        }
        text
    }

    fn timeline(&self) -> String {
        let mut table = table();
        table.set_header(["from", "to", "", "on", "attempts", "requests", "rate", "peak"]);
        for (index, (phase, load)) in self.plan.phases.iter().zip(&self.phases).enumerate() {
            let warmup = if phase.warmup { " (warm-up)" } else { "" };
            let factor =
                if load_changes(phase) { format!(" (load × {})", phase.load) } else { String::new() };
            let [requests, rate] = load.shown();
            table.add_row([
                moment(phase.start),
                moment(phase.end()),
                format!("{}{warmup}{factor}", phase.name),
                String::new(),
                String::new(),
                requests,
                rate,
                load.busiest_second.map_or_else(String::new, |busiest| format!("{busiest}/s")),
            ]);
            for fault in self.plan.faults.iter().filter(|fault| fault.phase == index) {
                let nodes: Vec<_> = fault.nodes.iter().map(ToString::to_string).collect();
                table.add_row([
                    moment(fault.on),
                    moment(fault.off),
                    format!("  {}", described(fault)),
                    nodes.join(", "),
                    percent(fault.share),
                    String::new(),
                    String::new(),
                    String::new(),
                ]);
            }
        }
        right(&mut table, &[0, 1, 4, 5, 6, 7]);
        table.to_string()
    }

    fn objectives(&self) -> String {
        let mut table = table();
        table.set_header(["name", "claim", "during", "needs", "expects"]);
        for (slo, evidence) in self.plan.slos.iter().zip(&self.objectives) {
            let expected = match slo.objective {
                objective if objective.is_on_gaps() => format!("gaps of {}", evidence.shown()),
                Objective::Rate { .. } => "blocks of time".into(),
                _ => evidence.shown(),
            };
            table.add_row([
                evidence.name.to_owned(),
                evidence.objective.to_owned(),
                during(slo, evidence),
                evidence.samples_needed.map_or_else(String::new, |needed| needed.to_string()),
                expected,
            ]);
        }
        right(&mut table, &[3, 4]);
        table.to_string()
    }
}

/// The phases that an objective counts, and what else it says of which requests.
fn during(slo: &Slo, evidence: &Evidence<'_>) -> String {
    let only = &slo.only;
    let more = [
        slo.window.map(|window| format!("each {}", duration(window))),
        only.node.as_ref().map(|node| format!("node {node}")),
        only.cohort.map(|cohort| format!("cohort {}", cohort.as_str())),
        only.model.as_ref().map(|model| format!("model {model}")),
    ];
    [Some(evidence.during.join(", "))].into_iter().chain(more).flatten().collect::<Vec<_>>().join("; ")
}

fn stop(stop: &Stop) -> [String; 3] {
    let over = format!("over {}", duration(stop.over));
    [stop.text.clone(), over, format!("from {} requests on", stop.samples)]
}

fn load_changes(phase: &Phase) -> bool {
    (phase.load - 1.0).abs() > f64::EPSILON
}

fn target(plan: &Plan) -> String {
    let entry = match &plan.target.entry {
        Entry::Router(policy) if policy.failover => "the built-in router over all nodes".into(),
        Entry::Router(_) => "the built-in router over all nodes, without failover".into(),
        Entry::Url(urls) => urls.join(", then "),
        Entry::Command(command) => command.argv.join(" "),
        Entry::Node(node) => format!("node {node}"),
    };
    let key = plan.target.access.key.as_ref().map_or_else(String::new, |key| match key {
        Key::Env(name) => format!(", key from ${name}"),
        Key::File(path) => format!(", key from {}", path.display()),
        Key::Given(_) => ", key as given".into(),
    });
    format!("{entry}; {}, model {}{key}", plan.target.api, plan.target.model)
}

fn node(node: &NodePlan) -> [String; 3] {
    let kind = match &node.kind {
        NodeKind::Sim(sim) => format!(
            "sim, ttft {}, itl {}, {} slots, queue {}",
            duration(sim.ttft),
            duration(sim.itl),
            sim.slots,
            sim.queue
        ),
        NodeKind::Command(command) => command.argv.join(" "),
        NodeKind::Url(url) => url.clone(),
    };
    [node.name.to_string(), node.zone.clone(), kind]
}

/// `latency p50=20ms p99=200ms`.
fn described(fault: &FaultPlan) -> String {
    let mut text = fault.plugin.name();
    for (key, value) in fault.with.as_object().into_iter().flatten() {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let _ = write!(text, " {key}={value}");
    }
    text
}

fn failover(bounds: &FailoverBounds) -> Vec<[String; 2]> {
    let time = |bound: Option<Duration>| bound.map(|bound| format!("within {}", duration(bound)));
    let count = |bound: Option<u64>| bound.map(|bound| format!("at most {bound}"));
    [
        ("detection", time(bounds.detection)),
        ("recovery", time(bounds.recovery)),
        ("failback", time(bounds.failback)),
        ("lost", bounds.lost.map(|share| format!("at most {}", percent(share)))),
        ("silently truncated", count(bounds.silently_truncated)),
        ("duplicated", count(bounds.duplicated)),
        ("amplification", bounds.amplification.map(|mean| format!("at most {mean} attempts a request"))),
    ]
    .into_iter()
    .filter_map(|(name, bound)| Some([name.to_owned(), bound?]))
    .collect()
}

fn promises(promises: &Promises) -> Vec<[String; 2]> {
    let yes = |promised: bool, what: &str| promised.then(|| what.to_owned());
    [
        ("attempts", promises.attempts.map(|most| format!("at most {most} for each send"))),
        ("sessions", yes(promises.sticky, "each stays on its node while that is well")),
        ("Retry-After", yes(promises.retry_after, "a node is sent nothing until then")),
        ("models", yes(!promises.models.is_empty(), &promises.models.join(", "))),
        (
            "retries",
            yes(!promises.retries_in.is_empty(), &format!("told in {}", promises.retries_in.join(", "))),
        ),
        ("waits", yes(promises.wait_told, "clients are told of those that every node asked for")),
    ]
    .into_iter()
    .filter_map(|(name, promise)| Some([name.to_owned(), promise?]))
    .collect()
}

fn duration(duration: Duration) -> String {
    humantime::format_duration(duration).to_string()
}

fn moment(at: Nanos) -> String {
    duration(Duration::from_nanos(at.0))
}

/// `30 %`, without the noise of binary fractions.
fn percent(share: f64) -> String {
    let text = format!("{:.3}", share * 100.0);
    format!("{} %", text.trim_end_matches('0').trim_end_matches('.'))
}

fn table() -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table
}

fn right(table: &mut Table, columns: &[usize]) {
    for &column in columns {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
}

fn rows<const N: usize>(rows: &[[String; N]]) -> String {
    let mut table = table();
    table.add_rows(rows.iter().map(|row| row.iter()));
    table.to_string()
}

fn section(text: &mut String, heading: &str, body: &str) {
    let _ = write!(text, "\n{HEADING}{heading}{HEADING:#}\n{}", indented(body));
}

/// A table's lines, without the blanks that fill its last column.
fn indented(table: &str) -> String {
    table.lines().fold(String::new(), |mut text, line| {
        let _ = writeln!(text, " {}", line.trim_end());
        text
    })
}
