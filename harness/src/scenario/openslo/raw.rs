//! An OpenSLO file as it is written: these types mirror the objects that matter to a run.
//!
//! Source of the format: <https://github.com/OpenSLO/OpenSLO>, `openslo/v1`.

use super::super::diagnostic::Diagnostic;
use super::super::place::{Placed, Span};
use super::super::suggest::{list, nearest};
use super::signal::Query;
use super::table::{Reader, Table};
use super::yaml::{Node, Value};

const VERSION: &str = "openslo/v1";
/// Kinds that say how a service is watched and whom to call. A run has no use for them.
const LEFT_OUT: [&str; 6] =
    ["DataSource", "Service", "AlertPolicy", "AlertCondition", "AlertNotificationTarget", "BudgetAdjustment"];

/// The objects of a file.
#[derive(Debug, Default)]
pub(super) struct File {
    pub(super) slos: Vec<Slo>,
    pub(super) slis: Vec<Sli>,
    /// What has no meaning in a run, and where.
    pub(super) left_out: Vec<Placed<String>>,
}

/// An object's `metadata`, as far as it matters.
#[derive(Debug)]
pub(super) struct Metadata {
    pub(super) name: Placed<String>,
    /// Its `displayName`, or its name.
    pub(super) title: String,
    /// Annotations that are ours, without `squall/`.
    pub(super) annotations: Vec<(Placed<String>, Placed<String>)>,
}

#[derive(Debug)]
pub(super) struct Slo {
    pub(super) metadata: Metadata,
    pub(super) indicator: Option<Indicator>,
    pub(super) method: Option<Placed<String>>,
    /// The length of its `timeWindow`, as a scenario writes it, where a scenario can.
    pub(super) window: Option<Placed<String>>,
    pub(super) objectives: Vec<Objective>,
}

#[derive(Debug)]
pub(super) enum Indicator {
    Inline(Sli),
    Named(Placed<String>),
}

#[derive(Debug)]
pub(super) struct Sli {
    pub(super) metadata: Option<Metadata>,
    pub(super) signal: Signal,
}

/// What an indicator reads.
#[derive(Debug)]
pub(super) enum Signal {
    /// `thresholdMetric`: values, which an objective compares.
    Threshold(Query),
    /// `ratioMetric`: what is counted as good, or as bad.
    Ratio { is_good: bool, counted: Query },
}

#[derive(Debug)]
pub(super) struct Objective {
    pub(super) at: Span,
    pub(super) title: Option<String>,
    pub(super) op: Option<Placed<String>>,
    pub(super) value: Option<Placed<f64>>,
    /// In percent.
    pub(super) target: Option<Placed<f64>>,
}

/// Reads the documents; whatever is wrong is the reader's.
pub(super) fn read<'a>(reader: &'a Reader<'a>, documents: &'a [Node]) -> File {
    let mut file = File::default();
    for document in documents {
        // A document may be a list of objects.
        match &document.value {
            Value::Null => {}
            Value::List(objects) => objects.iter().for_each(|object| file.read(reader, object)),
            _ => file.read(reader, document),
        }
    }
    file
}

impl File {
    fn read<'a>(&mut self, reader: &'a Reader<'a>, node: &'a Node) {
        let keys = ["apiVersion", "kind", "metadata", "spec"];
        let Some(object) = Table::of(reader, "the object", &node.span, node, &keys) else { return };
        match object.text("apiVersion") {
            Some(version) if *version == VERSION => {}
            Some(version) => {
                let title = format!("`{}` is not a version that can be imported", version.value);
                return reader.mistake(
                    Diagnostic::new(title)
                        .at(&version.span, format!("expected `{VERSION}`"))
                        .help("convert the file to OpenSLO v1"),
                );
            }
            None => return object.lacks("apiVersion", "apiVersion: openslo/v1"),
        }
        let Some(kind) = object.text("kind") else { return object.lacks("kind", "kind: SLO") };
        match kind.as_str() {
            "SLO" => {
                let slo = slo(reader, object);
                let windowed = slo.as_ref().is_some_and(|slo| slo.window.is_some());
                self.slos.extend(slo);
                if let Some((_, spec)) = object.get("spec") {
                    self.leave_out(reader, spec, windowed);
                }
            }
            "SLI" => {
                let metadata = metadata(reader, object);
                if let Some(spec) =
                    object.table("spec", "the SLI", &["description", "thresholdMetric", "ratioMetric"])
                {
                    self.slis.extend(signal(reader, spec).map(|signal| Sli { metadata, signal }));
                } else if object.get("spec").is_none() {
                    object.lacks("spec", "spec: { ratioMetric: … }");
                }
            }
            other if LEFT_OUT.contains(&other) => {
                let name = metadata(reader, object)
                    .map_or_else(String::new, |metadata| format!(" `{}`", metadata.name.value));
                let value = format!("the {other}{name} is left out: a run does not watch, it sends");
                self.left_out.push(Placed { value, span: kind.span });
            }
            other => {
                let kinds: Vec<&str> = ["SLO", "SLI"].into_iter().chain(LEFT_OUT).collect();
                let label = nearest(other, kinds.iter().copied()).map_or_else(
                    || "no kind of OpenSLO v1".into(),
                    |meant| format!("did you mean `{meant}`?"),
                );
                reader.mistake(
                    Diagnostic::new(format!("`{other}` is not a kind of object"))
                        .at(&kind.span, label)
                        .help(format!("kinds are {}", list(kinds, "and"))),
                );
            }
        }
    }

    /// What an SLO says beyond its objectives.
    fn leave_out(&mut self, reader: &Reader<'_>, spec: &Node, windowed: bool) {
        let Value::Map(entries) = &spec.value else { return };
        for (key, value) in entries {
            let why = match reader.scalar(key).as_deref().map(String::as_str) {
                Some("timeWindow") if windowed => continue,
                Some("timeWindow") => {
                    "`timeWindow` is left out: a budget's is of hours, days or weeks, and there is one"
                }
                Some("alertPolicies") => "`alertPolicies` is left out: a run has a verdict, and calls nobody",
                _ => continue,
            };
            if !matches!(&value.value, Value::Null)
                && !matches!(&value.value, Value::List(list) if list.is_empty())
            {
                self.left_out.push(Placed { value: why.into(), span: key.span.clone() });
            }
        }
    }
}

fn metadata<'a>(reader: &'a Reader<'a>, object: Table<'a>) -> Option<Metadata> {
    let Some(metadata) =
        object.table("metadata", "`metadata`", &["name", "displayName", "labels", "annotations"])
    else {
        if object.get("metadata").is_none() {
            object.lacks("metadata", "metadata: { name: first-token }");
        }
        return None;
    };
    let Some(name) = metadata.text("name") else {
        metadata.lacks("name", "name: first-token");
        return None;
    };
    let title = metadata.text("displayName").map_or_else(|| name.value.clone(), |title| title.value);
    let annotations = metadata.table("annotations", "`annotations`", &[]);
    let annotations = annotations.into_iter().flat_map(|table| table.texts().collect::<Vec<_>>());
    let ours = |(key, value): (Placed<String>, Placed<String>)| {
        let name = key.value.strip_prefix("squall/")?.to_owned();
        if !["metric", "unit"].contains(&name.as_str()) {
            let title = format!("unknown annotation `{}`", key.value);
            let help = "ours are `squall/metric` and `squall/unit`";
            reader.mistake(Diagnostic::new(title).at(&key.span, "not one of ours").help(help));
        }
        Some((Placed { value: name, span: key.span }, value))
    };
    Some(Metadata { name, title, annotations: annotations.filter_map(ours).collect() })
}

fn slo<'a>(reader: &'a Reader<'a>, object: Table<'a>) -> Option<Slo> {
    const KEYS: [&str; 8] = [
        "description",
        "service",
        "indicator",
        "indicatorRef",
        "timeWindow",
        "budgetingMethod",
        "objectives",
        "alertPolicies",
    ];
    let metadata = metadata(reader, object);
    let Some(spec) = object.table("spec", "the SLO", &KEYS) else {
        if object.get("spec").is_none() {
            object.lacks("spec", "spec: { objectives: [{ target: 0.99 }] }");
        }
        return None;
    };
    let method = spec.text("budgetingMethod");
    if spec.get("budgetingMethod").is_none() {
        spec.lacks("budgetingMethod", "budgetingMethod: Occurrences");
    }
    let objectives = match spec.list("objectives") {
        Some((at, [])) => {
            reader.mistake(Diagnostic::new("the SLO has no objective").at(at, "the list is empty"));
            Vec::new()
        }
        Some((_, objectives)) => objectives.iter().filter_map(|node| objective(reader, node)).collect(),
        None => {
            if spec.get("objectives").is_none() {
                spec.lacks("objectives", "objectives: [{ target: 0.99 }]");
            }
            Vec::new()
        }
    };
    let window = match spec.list("timeWindow") {
        Some((_, [window])) => time_window(reader, window),
        _ => None,
    };
    Some(Slo { metadata: metadata?, indicator: indicator(reader, spec), method, window, objectives })
}

/// `28d` or `4w`; months, quarters and years have no one length.
fn time_window<'a>(reader: &'a Reader<'a>, node: &'a Node) -> Option<Placed<String>> {
    let table =
        Table::of(reader, "the time window", &node.span, node, &["duration", "isRolling", "calendar"])?;
    let Placed { value, span } = table.text("duration")?;
    let unit = value.chars().last()?;
    let number: u32 = value.strip_suffix(unit)?.trim().parse().ok()?;
    let value = match unit {
        'w' if number > 0 => format!("{}d", u64::from(number) * 7),
        'd' | 'h' | 'm' if number > 0 => format!("{number}{unit}"),
        _ => return None,
    };
    Some(Placed { value, span })
}

fn indicator<'a>(reader: &'a Reader<'a>, spec: Table<'a>) -> Option<Indicator> {
    let reference = spec.text("indicatorRef");
    let Some(inline) = spec.table("indicator", "`indicator`", &["metadata", "spec"]) else {
        if reference.is_none() && spec.get("indicator").is_none() {
            spec.lacks("indicator", "indicatorRef: first-token");
        }
        return reference.map(Indicator::Named);
    };
    if let Some(reference) = reference {
        let title = "an SLO has `indicator` or `indicatorRef`, not both";
        reader.mistake(Diagnostic::new(title).at(&reference.span, "one of them is enough"));
    }
    // The specification's examples name it; an inline one may be without.
    let metadata = inline.get("metadata").and_then(|_| metadata(reader, inline));
    let Some(table) = inline.table("spec", "the SLI", &["description", "thresholdMetric", "ratioMetric"])
    else {
        if inline.get("spec").is_none() {
            inline.lacks("spec", "spec: { ratioMetric: … }");
        }
        return None;
    };
    let signal = signal(reader, table)?;
    Some(Indicator::Inline(Sli { metadata, signal }))
}

fn signal<'a>(reader: &'a Reader<'a>, spec: Table<'a>) -> Option<Signal> {
    let threshold = spec.table("thresholdMetric", "`thresholdMetric`", &["metricSource"]);
    let ratio =
        spec.table("ratioMetric", "`ratioMetric`", &["counter", "good", "bad", "total", "raw", "rawType"]);
    match (threshold, ratio) {
        (Some(threshold), None) => Some(Signal::Threshold(query(reader, threshold))),
        (None, Some(ratio)) => counted(reader, ratio),
        (Some(_), Some(ratio)) => {
            let title = "an SLI has `thresholdMetric` or `ratioMetric`, not both";
            reader.mistake(Diagnostic::new(title).at(ratio.at(), "one of them is enough"));
            None
        }
        (None, None) => {
            if spec.get("thresholdMetric").is_none() && spec.get("ratioMetric").is_none() {
                spec.lacks("ratioMetric", "ratioMetric: { good: …, total: … }");
            }
            None
        }
    }
}

/// What a ratio counts.
fn counted<'a>(reader: &'a Reader<'a>, ratio: Table<'a>) -> Option<Signal> {
    let source =
        |key: &str| ratio.table(key, "the metric", &["metricSource"]).map(|table| query(reader, table));
    match (source("good"), source("bad"), source("raw")) {
        (Some(counted), None, None) => Some(Signal::Ratio { is_good: true, counted }),
        (None, Some(counted), None) => Some(Signal::Ratio { is_good: false, counted }),
        (None, None, Some(counted)) => match ratio.text("rawType") {
            Some(kind) if *kind == "success" => Some(Signal::Ratio { is_good: true, counted }),
            Some(kind) if *kind == "failure" => Some(Signal::Ratio { is_good: false, counted }),
            Some(kind) => {
                let title = format!("`rawType` is `success` or `failure`, not `{}`", kind.value);
                reader.mistake(Diagnostic::new(title).at(&kind.span, "expected `success` or `failure`"));
                None
            }
            None => {
                ratio.lacks("rawType", "rawType: success");
                None
            }
        },
        (None, None, None) => {
            ratio.lacks("good", "good: { metricSource: { type: Prometheus, spec: { query: … } } }");
            None
        }
        _ => {
            let title = "a ratio has one of `good`, `bad` and `raw`";
            reader.mistake(Diagnostic::new(title).at(ratio.at(), "more than one is given here"));
            None
        }
    }
}

/// The texts of a metric's source, whatever their keys are.
fn query<'a>(reader: &'a Reader<'a>, metric: Table<'a>) -> Query {
    let mut texts = Vec::new();
    if let Some(source) = metric.table("metricSource", "`metricSource`", &["metricSourceRef", "type", "spec"])
        && let Some((_, spec)) = source.get("spec")
    {
        gather(reader, spec, &mut texts);
    }
    Query { at: metric.at().clone(), texts }
}

fn gather(reader: &Reader<'_>, node: &Node, texts: &mut Vec<String>) {
    match &node.value {
        Value::List(elements) => elements.iter().for_each(|element| gather(reader, element, texts)),
        Value::Map(entries) => entries.iter().for_each(|(_, value)| gather(reader, value, texts)),
        _ => texts.extend(reader.scalar(node).map(|text| text.value)),
    }
}

fn objective<'a>(reader: &'a Reader<'a>, node: &'a Node) -> Option<Objective> {
    const KEYS: [&str; 7] =
        ["displayName", "op", "value", "target", "targetPercent", "timeSliceTarget", "timeSliceWindow"];
    let table = Table::of(reader, "the objective", &node.span, node, &KEYS)?;
    let target = match (table.number("target"), table.number("targetPercent")) {
        // By the decimal text, since 0.999 * 100 is not 99.9.
        (Some(share), None) => {
            format!("{}e2", share.value).parse().ok().map(|value| Placed { value, span: share.span })
        }
        (None, Some(percent)) => Some(percent),
        (Some(_), Some(percent)) => {
            let title = "an objective has `target` or `targetPercent`, not both";
            reader.mistake(Diagnostic::new(title).at(&percent.span, "one of them is enough"));
            None
        }
        (None, None) => {
            if table.get("target").is_none() && table.get("targetPercent").is_none() {
                table.lacks("target", "target: 0.99");
            }
            None
        }
    };
    Some(Objective {
        at: node.span.clone(),
        title: table.text("displayName").map(|title| title.value),
        op: table.text("op"),
        value: table.number("value"),
        target,
    })
}
