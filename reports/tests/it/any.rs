//! No report breaks a renderer: samples with any figure, text and list replaced by extremes.

use proptest::prelude::*;
use serde_json::{Value, json};
use squall_report::{Report, write_html, write_json, write_junit, write_markdown, write_terminal};

use crate::sample;

/// Where numbers come from: a report has hundreds, too many for a strategy each.
struct Dice(u64);

impl Dice {
    /// `SplitMix64` (Steele, Lea and Flood 2014).
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[(self.roll() % choices.len() as u64) as usize]
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.roll().is_multiple_of(n)
    }
}

const FIGURES: [f64; 12] = [0.0, -0.0, -1.0, 5e-324, 1e-9, 0.5, 1.0, 60.0, 59.999_999, 1e6, 1e15, f64::MAX];
const TEXTS: [&str; 8] = [
    "",
    " ",
    "a",
    "<b>&\"'|`",
    "\u{1b}[31m\n\r\t\0",
    "a_very_long_name_without_any_space_in_it_that_fits_nowhere",
    "日本語の名前",
    "🌩️ e\u{301}",
];
/// Their words are those of an enum.
const FIXED: [&str; 11] = [
    "verdict", "method", "metric", "cohort", "clock", "schema", "period", "why", "kind", "outcome", "status",
];
/// They have 32 bits.
const SMALL: [&str; 8] = [
    "amplification_max",
    "attempts",
    "claimed_attempts",
    "sends",
    "output_tokens",
    "expected_tokens",
    "events",
    "touched",
];
/// Figures that may be null.
const NULLABLE: [&str; 9] = [
    "t1_s",
    "detection_s",
    "first_rescue_s",
    "recovery_s",
    "failback_s",
    "amplification_mean",
    "observed",
    "effective_samples",
    "design_effect",
];

/// Replaces about one value in `rarity` by an extreme of its kind.
fn spoil(value: &mut Value, key: &str, dice: &mut Dice, rarity: u64) {
    let hit = dice.one_in(rarity);
    match value {
        Value::Object(fields) => {
            for (key, field) in fields.iter_mut().filter(|(key, _)| !FIXED.contains(&key.as_str())) {
                spoil(field, key, dice, rarity);
            }
        }
        Value::Array(items) => {
            for item in items.iter_mut() {
                spoil(item, key, dice, rarity);
            }
            if hit {
                spoil_list(items, dice);
            }
        }
        _ if !hit => {}
        Value::Number(_) if nullable(key) && dice.one_in(3) => *value = Value::Null,
        Value::String(_) if matches!(key, "trap" | "reason") && dice.one_in(3) => *value = Value::Null,
        Value::Number(number) if number.is_f64() => *value = json!(dice.one_of(&FIGURES)),
        Value::Number(_) if SMALL.contains(&key) => *value = json!(dice.one_of(&[0, 1, u32::MAX])),
        Value::Number(_) => *value = json!(dice.one_of(&[0, 1, u64::from(u32::MAX), u64::MAX])),
        Value::String(_) => *value = json!(dice.one_of(&TEXTS)),
        Value::Bool(flag) => *flag = !*flag,
        Value::Null => {}
    }
}

fn nullable(key: &str) -> bool {
    NULLABLE.contains(&key) || (key.ends_with("_ms") && key != "ms")
}

fn spoil_list(items: &mut Vec<Value>, dice: &mut Dice) {
    match dice.roll() % 4 {
        0 => items.clear(),
        1 => items.truncate(1),
        2 => items.reverse(),
        _ => {
            let copies = items.clone();
            for _ in 0..dice.roll() % 12 {
                items.extend(copies.iter().cloned());
            }
        }
    }
}

fn any_report() -> impl Strategy<Value = Report> {
    let samples = prop_oneof![Just(sample::pass()), Just(sample::fail()), Just(sample::inconclusive())];
    (samples, any::<u64>(), prop_oneof![Just(2_u64), Just(8), Just(60)]).prop_map(|(report, seed, rarity)| {
        let mut value = serde_json::to_value(&report).expect("JSON");
        spoil(&mut value, "", &mut Dice(seed), rarity);
        serde_json::from_value(value).expect("still a report")
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn any_report_is_rendered(report in any_report(), width in any::<u16>()) {
        let render = |write: &dyn Fn(&mut Vec<u8>) -> std::io::Result<()>| {
            let mut out = Vec::new();
            write(&mut out).map(|()| String::from_utf8(out).expect("UTF-8"))
        };
        let html = render(&|out| write_html(&report, out)).expect("a page");
        prop_assert!(html.ends_with("</html>"));
        prop_assert!(!html.contains("NaN") && !html.contains("<b>&\""), "{html}");
        let terminal = render(&|out| write_terminal(&report, out, "runs/x", width)).expect("tables");
        prop_assert!(terminal.contains(&report.verdict.to_string().to_uppercase()));
        let steered = terminal.contains('\0') || terminal.contains('\r') || terminal.contains("\u{1b}[31m\n");
        prop_assert!(!steered, "{}", terminal);
        let markdown = render(&|out| write_markdown(&report, out)).expect("a summary");
        prop_assert!(markdown.len() < 1 << 20);
        let junit = render(&|out| write_junit(&report, out)).expect("a document");
        let read = quick_junit::Report::deserialize_from_str(&junit).expect("JUnit");
        let bounds: usize = report.failover.iter().map(|death| death.checks.len()).sum();
        prop_assert_eq!(read.tests, 1 + report.slos.len() + bounds + report.invariants.len());
        render(&|out| write_json(&report, out)).expect("JSON");
    }
}
