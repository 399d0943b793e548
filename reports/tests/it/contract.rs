//! `report.json`: its fields are what others read.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use squall_report::{Report, schema, schema_text, write_all, write_json};

use crate::sample;

/// The fields that every report has, and the JSON types that each may have.
const CONTRACT: &str = "
schema                            integer
scenario.name                     string
scenario.seed                     integer
scenario.digest                   string
verdict                           string
reasons[]                         string
started_at                        string
duration_s                        number
phases[].name                     string
phases[].start_s                  number
phases[].end_s                    number
counts.scheduled                  integer
counts.sent                       integer
counts.ok                         integer
counts.http_error                 integer
counts.in_band_error              integer
counts.connect_failed             integer
counts.reset                      integer
counts.cut                        integer
counts.invented                   integer
counts.timeout                    integer
counts.corrupt                    integer
counts.empty                      integer
counts.shed                       integer
counts.aborted                    integer
latency[].phase                   string
latency[].cohort                  string
latency[].metric                  string
latency[].clock                   string
latency[].count                   integer
latency[].min_ms                  number null
latency[].mean_ms                 number null
latency[].p50_ms                  number null
latency[].p90_ms                  number null
latency[].p95_ms                  number null
latency[].p99_ms                  number null
latency[].p999_ms                 number null
latency[].max_ms                  number null
slos[].name                       string
slos[].objective                  string
slos[].during[]                   string
slos[].samples                    integer
slos[].good                       integer
slos[].lower                      number
slos[].upper                      number
slos[].observed                   number null
slos[].verdict                    string
failover[].node                   string
failover[].t0_s                   number
failover[].t1_s                   number null
failover[].detection_s            number null
failover[].first_rescue_s         number null
failover[].recovery_s             number null
failover[].failback_s             number null
failover[].lost                   integer
failover[].silently_truncated     integer
failover[].duplicated             integer
failover[].spliced                integer
failover[].amplification_mean     number null
failover[].amplification_max      integer
failover[].checks[].name          string
failover[].checks[].verdict       string
invariants[].name                 string
invariants[].verdict              string
invariants[].violations           integer
invariants[].examples[]           string
faults[].plugin                   string
faults[].sha256                   string
faults[].phase                    string
faults[].nodes[]                  string
faults[].fired                    integer
faults[].traps                    integer
client.dispatch_lag_us.p50        number
client.dispatch_lag_us.p99        number
client.dispatch_lag_us.max        number
client.runtime_stall_us.p50       number
client.runtime_stall_us.p99       number
client.runtime_stall_us.max       number
client.saturated                  boolean
client.peak.requests_per_s        number
client.peak.events_per_s          number
client.peak.in_flight             integer
client.calibration.measured_at    string
client.calibration.requests_per_s number
client.calibration.events_per_s   number
client.calibration.open_streams   integer
client.calibration.exceeded[]     string
client.cpu_s                      number
client.peak_rss_bytes             integer
";

fn value(report: &Report) -> Value {
    let mut text = Vec::new();
    write_json(report, &mut text).expect("written");
    assert!(text.ends_with(b"}\n"));
    serde_json::from_slice(&text).expect("JSON")
}

/// Everything at a path; an item of a list for each of its items.
fn at<'a>(value: &'a Value, path: &str) -> Vec<&'a Value> {
    path.split('.').fold(vec![value], |values, part| {
        let (key, list) = part.strip_suffix("[]").map_or((part, false), |key| (key, true));
        let fields = values.into_iter().map(|value| value.get(key).unwrap_or_else(|| panic!("no {path}")));
        fields
            .flat_map(|field| if list { items(field, path).iter().collect() } else { vec![field] })
            .collect()
    })
}

fn items<'a>(field: &'a Value, path: &str) -> &'a [Value] {
    field.as_array().unwrap_or_else(|| panic!("{path} is no list"))
}

fn is(value: &Value, kind: &str) -> bool {
    match kind {
        "integer" => value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("{other} is no type"),
    }
}

#[test]
fn every_field_of_the_contract_is_there_with_its_type() {
    let reports = [sample::pass(), sample::fail(), sample::inconclusive()].map(|report| value(&report));
    for line in CONTRACT.trim().lines() {
        let mut words = line.split_whitespace();
        let path = words.next().expect("a path");
        let kinds: Vec<_> = words.collect();
        let found: Vec<_> = reports.iter().flat_map(|report| at(report, path)).collect();
        assert!(!found.is_empty(), "no sample has {path}");
        for value in found {
            assert!(kinds.iter().any(|kind| is(value, kind)), "{path} is {value}, not {kinds:?}");
        }
    }
}

#[test]
fn the_committed_schema_is_that_of_the_code() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema/report.schema.json");
    if std::env::var_os("SQUALL_UPDATE").is_some() {
        fs::write(&path, schema_text()).expect("written");
    }
    let committed = fs::read_to_string(&path).expect("the committed schema");
    assert!(
        committed == schema_text(),
        "reports/schema/report.schema.json is not what the code says; look at what changed, then renew it with \
         SQUALL_UPDATE=1 cargo test -p squall-report"
    );
}

#[test]
fn reports_keep_the_schema() {
    let validator = jsonschema::validator_for(&schema()).expect("a schema");
    for report in [sample::pass(), sample::fail(), sample::inconclusive()] {
        let value = value(&report);
        let mistakes: Vec<_> = validator.iter_errors(&value).map(|error| error.to_string()).collect();
        assert!(mistakes.is_empty(), "{mistakes:#?}");
    }
}

#[test]
fn the_schema_refuses_what_is_no_report() {
    let validator = jsonschema::validator_for(&schema()).expect("a schema");
    let wrong: [fn(&mut Value); 4] = [
        |report| report["verdict"] = json!("passed"),
        |report| report["counts"]["ok"] = json!(-1),
        |report| report["slos"][0]["observed"] = json!("187 ms"),
        |report| {
            report.as_object_mut().map(|fields| fields.remove("reasons"));
        },
    ];
    for spoil in wrong {
        let mut report = value(&sample::pass());
        spoil(&mut report);
        assert!(!validator.is_valid(&report));
    }
}

#[test]
fn a_report_is_read_as_it_was_written() {
    for report in [sample::pass(), sample::fail(), sample::inconclusive()] {
        assert_eq!(serde_json::from_value::<Report>(value(&report)).expect("a report"), report);
    }
}

#[test]
fn a_run_leaves_every_file_and_nothing_else() {
    let dir = tempfile::tempdir().expect("a folder");
    write_all(&sample::fail(), dir.path()).expect("written");
    // Again: what is there is replaced.
    write_all(&sample::pass(), dir.path()).expect("written");
    let entries = fs::read_dir(dir.path()).expect("listed");
    let mut names: Vec<_> = entries.map(|entry| entry.expect("an entry").file_name()).collect();
    names.sort();
    assert_eq!(names, ["junit.xml", "report.html", "report.json", "summary.md"]);
    let read = |name: &str| fs::read_to_string(dir.path().join(name)).expect("read");
    assert_eq!(serde_json::from_str::<Report>(&read("report.json")).expect("a report"), sample::pass());
    assert!(read("report.html").ends_with("</html>"));
}

#[test]
fn a_folder_that_is_not_there_is_named_with_what_to_do() {
    let dir = tempfile::tempdir().expect("a folder");
    let missing = dir.path().join("gone");
    let error = write_all(&sample::pass(), &missing).expect_err("no folder").to_string();
    assert!(error.contains(&missing.join("report.html").display().to_string()), "{error}");
    assert!(error.contains("--out"), "{error}");
}
