//! `report.html`: one file, for everyone.

use squall_report::{Report, write_html};

use crate::sample;

fn page(report: &Report) -> String {
    let mut out = Vec::new();
    write_html(report, &mut out).expect("written");
    String::from_utf8(out).expect("UTF-8")
}

/// What stands between each `start` and the next `end`.
fn between<'a>(text: &'a str, start: &'a str, end: &'a str) -> impl Iterator<Item = &'a str> {
    text.split(start).skip(1).filter_map(move |rest| rest.split_once(end).map(|(inside, _)| inside))
}

#[test]
fn it_needs_no_network_and_no_script() {
    let page = page(&sample::pass()).replace("http://www.w3.org/2000/svg", "");
    for part in ["http:", "https:", "//", "<script", "<link", "@import", "url(", " src=", " on"] {
        // Words may well follow a space: only attributes count.
        let found = if part == " on" {
            page.contains(" onload=") || page.contains(" onclick=")
        } else {
            page.contains(part)
        };
        assert!(!found, "{part}");
    }
}

#[test]
fn the_verdict_comes_first_as_a_word_with_its_reasons() {
    for (report, word) in
        [(sample::pass(), "pass"), (sample::fail(), "fail"), (sample::inconclusive(), "inconclusive")]
    {
        let page = page(&report);
        let verdict = page.find("class=\"verdict\"").expect("a verdict");
        let rest = &page[verdict..page.find("<section").expect("a section")];
        let told = rest.replace("<code>", "`").replace("</code>", "`");
        assert!(rest.contains(&format!("</span>{word}</p>")), "{rest}");
        for reason in &report.reasons {
            assert!(told.contains(&reason.replace('&', "&amp;")), "{reason}");
        }
    }
}

#[test]
fn headings_go_down_one_level_at_a_time_and_ids_are_unique() {
    let page = page(&sample::fail());
    let levels: Vec<u32> =
        page.match_indices("<h").filter_map(|(at, _)| page[at + 2..].chars().next()?.to_digit(10)).collect();
    assert_eq!(levels.iter().filter(|level| **level == 1).count(), 1);
    assert!(levels.windows(2).all(|pair| pair[1] <= pair[0] + 1), "{levels:?}");

    let mut ids: Vec<_> = between(&page, " id=\"", "\"").collect();
    ids.sort_unstable();
    assert!(ids.windows(2).all(|pair| pair[0] != pair[1]), "{ids:?}");
    for link in between(&page, "href=\"#", "\"") {
        assert!(ids.contains(&link), "#{link} leads nowhere");
    }
}

#[test]
fn every_drawing_says_what_it_shows() {
    let page = page(&sample::pass());
    let drawings: Vec<_> = between(&page, "<svg xmlns", "</svg>").collect();
    assert_eq!(drawings.len(), 6 * 3 + 3 + 3);
    for drawing in drawings {
        assert!(drawing.contains("role=\"img\" aria-label=\""));
        let description = between(drawing, "<desc>", "</desc>").next().expect("a description");
        assert!(description.len() > 20, "{description}");
    }
}

#[test]
fn charts_over_time_share_one_axis_and_name_what_happened() {
    let page = page(&sample::pass());
    let labels = |drawing: &str| -> Vec<String> {
        let texts = between(drawing, "<text ", "</text>");
        let at = |text: &str| text.split_once("y=").map(|(x, _)| x.to_owned());
        let shown = texts.filter(|text| text.trim_end().ends_with(" s") && text.contains("middle"));
        shown.filter_map(|text| Some(at(text)? + text.split_once('>')?.1.trim())).collect()
    };
    for class in ["narrow", "medium", "wide"] {
        let start = format!("class=\"drawing {class}\">");
        let charts: Vec<_> = between(&page, &start, "</svg>").collect();
        assert_eq!(charts.len(), 6);
        let axis = labels(charts[0]);
        assert!(axis.len() >= 4, "{axis:?}");
        for chart in &charts {
            assert_eq!(labels(chart), axis);
            for phase in ["steady", "storm", "recovery"] {
                assert!(
                    chart.contains(&format!("\n{phase}\n")) || chart.contains(&format!(">{phase}\n")),
                    "{phase}"
                );
            }
        }
        for label in ["node-kill on a", "latency on b", "http-error on b"] {
            assert!(charts[0].contains(label), "{label}");
        }
        assert!(charts[2].contains("a down"));
    }
}

#[test]
fn names_from_outside_stay_text() {
    let hostile = "</title></svg><script>alert(1)</script><b x=\"'&";
    let mut report = sample::fail();
    report.scenario.name = hostile.into();
    report.command = hostile.into();
    report.reasons = vec![hostile.into()];
    report.phases[1].name = hostile.into();
    report.curves[0].phase = hostile.into();
    report.nodes[0].name = hostile.into();
    report.faults[0].plugin = hostile.into();
    report.faults[0].trap = Some(hostile.into());
    report.slos[0].name = hostile.into();
    report.failover[0].node = hostile.into();
    let page = page(&report);
    assert!(!page.contains("<script") && !page.contains("<b x"), "a name became markup");
    assert_eq!(page.matches("</title></svg>").count(), 0);
}

#[test]
fn what_is_missing_is_said() {
    let mut report = sample::pass();
    report.nodes.clear();
    report.slos.clear();
    report.failover.clear();
    report.invariants.clear();
    report.faults.clear();
    report.latency.clear();
    report.series.clear();
    report.curves.clear();
    report.phases.clear();
    let page = page(&report);
    for part in ["names no objective", "has no fault", "No latency was measured", "could be drawn over time"]
    {
        assert!(page.contains(part), "{part}");
    }
    assert!(!page.contains("href=\"#failover\""));
}

#[test]
fn what_did_not_pass_has_an_entry_in_the_runbook() {
    let told = page(&sample::fail());
    for part in ["href=\"#runbook\"", "3 of 214 requests", "What it usually means", "Look at", "Change"] {
        assert!(told.contains(part), "{part}");
    }
    assert!(!page(&sample::pass()).contains("runbook"), "nothing to do, and yet a runbook");
}

#[test]
fn the_worst_requests_show_the_rows_of_both_ledgers() {
    let page = page(&sample::fail());
    for part in [
        "Request 431",
        "one of 3 that ended so",
        "seen, but no node sent it",
        "Request 497",
        "first token after 710 ms, 2 attempts",
        "latency: delay(184.113ms)",
        "The client's row",
        "The proxies' rows",
    ] {
        assert!(page.contains(part), "{part}");
    }
}

#[test]
fn a_long_run_has_a_page_that_opens_fast() {
    let page = page(&sample::long());
    assert!(page.len() < 2_000_000, "{} bytes", page.len());
    // What is left out is said.
    assert!(page.contains("further deaths in"), "60 deaths, and all of them on the page?");
}

/// A browser takes the first and says nothing.
#[test]
fn no_element_has_an_attribute_twice() {
    let page = page(&sample::fail());
    for tag in between(&page, "<", ">").filter(|tag| !tag.starts_with(['/', '!'])) {
        let mut names: Vec<_> = tag.split("=\"").filter_map(|part| part.rsplit([' ', '\n']).next()).collect();
        names.pop();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all, "<{tag}>");
    }
}
