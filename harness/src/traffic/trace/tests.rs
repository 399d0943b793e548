//! Every format's rows and mistakes, from real pieces and from the documented formats.

use std::io::Write as _;

use proptest::prelude::*;

use super::*;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/traces").join(name)
}

fn of_file(name: &str) -> (Format, Vec<Row>) {
    let trace = Trace::open(&Source::new(fixture(name))).expect("opens");
    (trace.format(), trace.collect::<Result<_, _>>().expect("valid"))
}

/// Time in ns, tokens in and out.
fn figures(rows: &[Row]) -> Vec<(Option<u64>, Option<u32>, Option<u32>)> {
    rows.iter().map(|row| (row.at.map(|at| at.0), row.input_tokens, row.output_tokens)).collect()
}

fn read(text: impl AsRef<[u8]>, bad_rows: BadRows) -> Result<(Vec<Row>, Skipped), TrafficError> {
    let mut trace = Trace::read(Path::new("t"), text.as_ref(), None, bad_rows)?;
    let rows = trace.by_ref().collect::<Result<_, _>>()?;
    Ok((rows, trace.skipped().clone()))
}

fn rows(text: impl AsRef<[u8]>) -> Result<Vec<Row>, TrafficError> {
    read(text, BadRows::Refuse).map(|(rows, _)| rows)
}

fn message(text: impl AsRef<[u8]>) -> String {
    rows(text).expect_err("must be refused").to_string()
}

#[test]
fn reads_all_releases_of_azure_exactly() {
    let (format, rows) = of_file("azure_2023_code.csv");
    assert_eq!((format, rows.len()), (Format::Azure, 11));
    assert_eq!(
        figures(&rows)[..2],
        [(Some(0), Some(4808), Some(10)), (Some(52_000_000), Some(3180), Some(8))]
    );
    let (format, rows) = of_file("azure_2024_conv.csv");
    assert_eq!(format, Format::Azure);
    assert_eq!(figures(&rows)[1], (Some(40_520_000), Some(584), Some(3)));
    assert_eq!(figures(&rows)[4], (Some(998_837_000), Some(617), Some(104)));
    let (format, rows) = of_file("azure_2025_multimodal.csv");
    assert_eq!(format, Format::Azure);
    assert_eq!(figures(&rows)[1], (Some(5_550_000_000), Some(949), Some(126)));
    assert_eq!(rows[4].line, 6);
}

#[test]
fn reads_both_versions_of_burst_gpt() {
    let (format, rows) = of_file("burstgpt_1.csv");
    assert_eq!(format, Format::BurstGpt);
    let second = 1_000_000_000;
    let want = [
        (Some(0), Some(472), Some(18)),
        (Some(40 * second), Some(1087), Some(230)),
        (Some(113 * second), Some(417), Some(276)),
        (Some(113 * second), Some(300), None),
    ];
    assert_eq!(figures(&rows), want, "a request that failed has no length of an answer");
    let (format, rows) = of_file("burstgpt_3.csv");
    assert_eq!(format, Format::BurstGpt);
    assert_eq!(figures(&rows)[1], (Some(51 * second), Some(36), Some(29)));
    let sessions: Vec<_> = rows.iter().map(|row| row.session.as_deref()).collect();
    assert_eq!(sessions[0], sessions[3]);
    assert!(sessions[0].is_some_and(|session| session.len() == 36) && sessions[0] != sessions[1]);
    assert_eq!(sessions[2], None, "an API call has no session");
}

#[test]
fn reads_mooncake_with_its_blocks() {
    let (format, rows) = of_file("mooncake_conversation.jsonl");
    assert_eq!((format, rows.len()), (Format::Mooncake, 14));
    assert_eq!(figures(&rows)[0], (Some(0), Some(6758), Some(500)));
    assert_eq!(rows[0].hash_ids, (0..14).collect::<Vec<_>>());
    for row in &rows {
        let blocks = row.input_tokens.expect("there").div_ceil(BLOCK_TOKENS) as usize;
        assert_eq!(row.hash_ids.len(), blocks);
    }
}

#[test]
fn reads_a_batch_as_it_is() {
    let (format, rows) = of_file("openai_batch.jsonl");
    assert_eq!(format, Format::OpenaiBatch);
    assert_eq!(figures(&rows), [(None, None, Some(20)), (None, None, Some(64)), (None, None, None)]);
    let text = std::fs::read_to_string(fixture("openai_batch.jsonl")).expect("there");
    for (row, line) in rows.iter().zip(text.lines()) {
        let request = row.request.as_ref().expect("as it is");
        assert!(line.ends_with(&format!("\"body\": {}}}", request.body)), "byte for byte: {request:?}");
    }
    assert_eq!(rows[2].request.as_ref().map(|request| &*request.url), Some("/v1/embeddings"));
}

#[test]
fn reads_its_own_format() {
    let (format, rows) = of_file("squall.jsonl");
    assert_eq!(format, Format::Squall);
    let want = [
        (Some(0), Some(900), Some(40)),
        (Some(250_000_000), Some(1300), None),
        (Some(1_000_000_001), None, Some(12)),
        (Some(1_500_000_000), None, None),
    ];
    assert_eq!(figures(&rows), want);
    assert_eq!(rows[1].hash_ids, [1, 2, 3]);
    assert_eq!(rows[0].session.as_deref(), Some("a"));
    assert_eq!(rows[2].request.as_ref().map(|request| &*request.url), Some("/v1/chat/completions"));
}

#[test]
fn every_mistake_names_its_line_and_what_is_expected() {
    let azure = |row: &str| {
        message(format!(
            "TIMESTAMP,ContextTokens,GeneratedTokens\r\n2023-11-16 18:15:46.6805900,374,44\r\n\
             2023-11-16 18:15:47.0000000,374,44\r\n{row}\r\n2023-11-16 18:15:50.9951690,396,109\r\n"
        ))
    };
    assert_eq!(
        azure("2023-11-16 18:15:48.1,374"),
        "t, line 4: 2 fields where the header has 3; the row is cut off"
    );
    assert_eq!(
        azure("2023-11-16 18:15:48.1,374,4x"),
        "t, line 4: GeneratedTokens \"4x\" is not a whole number up to 10000000"
    );
    assert_eq!(
        azure("2023-11-16 18:15:48.1,0,4"),
        "t, line 4: ContextTokens is 0; a prompt has at least one token"
    );
    assert_eq!(
        azure("2023-11-16 18:15:46.5,3,4"),
        "t, line 4: time goes backwards: 0.5 s before the row above; rows are sorted by time"
    );
    assert!(azure("noon,3,4").starts_with("t, line 4: TIMESTAMP \"noon\" is not a time"));
    assert!(azure("2023-11-16 18:15:48.1,-3,9").contains("ContextTokens \"-3\""));
    assert!(azure("\"2023-11-16 18:15:48.1,3,9").contains("line 4"), "a quote swallows nothing");

    let burst = |row: &str| {
        message(format!("Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n{row}\n"))
    };
    assert_eq!(burst("x,GPT-4,1,2,3,API log"), "t, line 2: Timestamp \"x\" is not a number of seconds");
    assert!(burst("1,GPT-4,,2,3,API log").contains("Request tokens \"\" is not a whole number"));

    let first = r#"{"timestamp": 5, "input_length": 600, "output_length": 5, "hash_ids": [1, 2]}"#;
    let mooncake = |row: &str| message(format!("{first}\n{row}\n"));
    let row = |from: &str, to: &str| first.replace(from, to);
    assert_eq!(
        mooncake(&row("[1, 2]", "[1, 2, 3]")),
        "t, line 2: 3 hash_ids, but 600 tokens are 2 blocks of 512"
    );
    assert_eq!(mooncake(&row("\"input_length\": 600, ", "")), "t, line 2: missing field `input_length`");
    assert_eq!(
        mooncake(&row("600", "\"600\"")),
        "t, line 2: input_length \"600\" is not a whole number from 1 to 10000000"
    );
    assert!(
        mooncake(&first[..40]).starts_with("t, line 2: the row is cut off"),
        "{}",
        mooncake(&first[..40])
    );
    assert_eq!(
        mooncake(&row("5,", "4,")),
        "t, line 2: time goes backwards: 0.001 s before the row above; rows are sorted by time"
    );

    let batch = |method: &str, url: &str, body: &str| {
        message(format!(r#"{{"custom_id": "1", "method": "{method}", "url": "{url}", "body": {body}}}"#))
    };
    assert_eq!(batch("GET", "/v1/x", "{}"), "t, line 1: method \"GET\"; expected \"POST\"");
    assert_eq!(
        batch("POST", "v1/x", "{}"),
        "t, line 1: url \"v1/x\" is not a path; expected one like \"/v1/chat/completions\""
    );
    assert_eq!(batch("POST", "/v1/x", "[1]"), "t, line 1: body [1] is not an object");

    assert!(
        message(r#"{"at_s": 1, "tokens": 5}"#)
            .starts_with("t, line 1: unknown field `tokens`, expected one of")
    );
    assert_eq!(message("{\"at_s\": 1}\n{}\n"), "t, line 2: no time, though the rows above have one");
    assert_eq!(message("{}\n{\"at_s\": 1}\n"), "t, line 2: a time, though the rows above have none");
    assert!(message(r#"{"hash_ids": [1]}"#).contains("hash_ids without input_tokens"));
    assert!(message(r#"{"url": "/v1/x"}"#).contains("url without a body"));
}

#[test]
fn a_file_of_another_kind_is_refused_by_its_first_line() {
    assert_eq!(
        message("a,b\n1,2\n"),
        "t, line 1: no trace that Squall knows begins with \"a,b\": expected the header of a CSV \
         (TIMESTAMP,ContextTokens,GeneratedTokens for Azure, or BurstGPT's) or JSON objects, one a line"
    );
    assert!(matches!(rows(""), Err(TrafficError::Empty { .. })));
    assert_eq!(message([0xff, 0xfe, 0x00]), "t, line 1: not UTF-8 text");
    let given = Trace::read(Path::new("t"), &b"a,b\n1,2\n"[..], Some(Format::BurstGpt), BadRows::Refuse);
    assert!(given.expect_err("refused").to_string().contains("no column Timestamp; a BurstGPT trace begins"));
}

#[test]
fn bad_rows_are_skipped_and_counted_where_that_was_asked_for() {
    let text = "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n\
                1,m,10,1,11,x\nnonsense\n3,m,30,3,33,x\n2,m,20,2,22,x\n4,m,40,4,44,x\n";
    let (rows, skipped) = read(text, BadRows::Skip).expect("readable");
    assert_eq!(rows.iter().map(|row| row.line).collect::<Vec<_>>(), [2, 4, 6]);
    assert_eq!(skipped.rows, 2, "the row that goes back in time, too");
    let first = skipped.first.expect("named");
    assert!(first.starts_with("line 3: 1 fields where the header has 6"), "{first}");
}

#[test]
fn a_trace_cut_anywhere_is_whole_rows_or_an_error_on_its_last_line() {
    let text = "TIMESTAMP,ContextTokens,GeneratedTokens\r\n2023-11-16 18:15:46.6805900,374,44\r\n\
                2023-11-16 18:15:50.9951690,396,109\r\n";
    let second = text.find("2023-11-16 18:15:50").expect("there");
    for cut in second + 1..text.rfind(",1").expect("there") + 2 {
        let message = message(&text[..cut]);
        assert!(message.starts_with("t, line 3: "), "cut at {cut}: {message}");
    }
    assert_eq!(rows(&text[..second]).expect("valid").len(), 1);
    let text = std::fs::read_to_string(fixture("mooncake_conversation.jsonl")).expect("there");
    let second = text.find('\n').expect("two lines") + 1;
    let end = second + text[second..].find('\n').expect("its end");
    for cut in second + 1..end {
        assert!(message(&text[..cut]).starts_with("t, line 2: "), "cut at {cut}");
    }
}

#[test]
fn a_missing_trace_says_what_to_do() {
    let open = |path: &str| Trace::open(&Source::new(path)).expect_err("can't be read").to_string();
    let error = open("/nowhere/t.csv");
    assert!(error.starts_with("cannot read the trace /nowhere/t.csv: No such file"), "{error}");
    assert!(error.contains("relative to the scenario's file"), "{error}");
    assert!(open("/").contains("regular file"));
}

#[test]
fn compressed_traces_are_the_same_traces() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let (_, want) = of_file("azure_2023_code.csv");
    let text = std::fs::read(fixture("azure_2023_code.csv")).expect("there");
    for name in ["t.csv.gz", "t.csv.zst", "t.csv"] {
        let path = folder.path().join(name);
        let mut sink = file::Sink::create(&path, &path).expect("made");
        sink.write_all(&text).and_then(|()| sink.finish()).expect("written");
        let trace = Trace::open(&Source::new(&path)).expect("opens");
        assert_eq!(trace.collect::<Result<Vec<_>, _>>().expect("valid"), want, "{name}");
    }
    // Members one after another are one file, to both.
    let gz = std::fs::read(folder.path().join("t.csv.gz")).expect("there");
    assert_eq!(gz[..2], [0x1f, 0x8b], "it is compressed");
    let half = text.len() / 2;
    for name in ["two.csv.gz", "two.csv.zst"] {
        let path = folder.path().join(name);
        let mut both = Vec::new();
        for part in [&text[..half], &text[half..]] {
            let mut sink = file::Sink::create(&path, &path).expect("made");
            sink.write_all(part).and_then(|()| sink.finish()).expect("written");
            both.extend(std::fs::read(&path).expect("there"));
        }
        std::fs::write(&path, both).expect("written");
        let trace = Trace::open(&Source::new(&path)).expect("opens");
        assert_eq!(trace.count(), want.len(), "{name}");
    }
    // A cut file is an error, whatever becomes of bad rows.
    for name in ["t.csv.gz", "t.csv.zst"] {
        let path = folder.path().join(name);
        let bytes = std::fs::read(&path).expect("there");
        std::fs::write(&path, &bytes[..bytes.len() - 12]).expect("written");
        let source = Source { bad_rows: BadRows::Skip, ..Source::new(&path) };
        let read = Trace::open(&source).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        let error = read.expect_err("cut").to_string();
        assert!(error.contains("check that it is, and whole"), "{error}");
    }
}

#[test]
fn what_is_written_is_read_back() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let cases = [
        ("azure_2023_code.csv", Format::Azure, "t.csv"),
        ("azure_2023_code.csv", Format::Squall, "t.jsonl.zst"),
        ("azure_2025_multimodal.csv", Format::Mooncake, "t.jsonl"),
        ("mooncake_conversation.jsonl", Format::Mooncake, "t.jsonl.gz"),
        ("mooncake_conversation.jsonl", Format::Squall, "t.jsonl"),
        ("burstgpt_1.csv", Format::Azure, "t.csv.gz"),
        ("burstgpt_3.csv", Format::Squall, "t.jsonl"),
        ("openai_batch.jsonl", Format::Squall, "t.jsonl"),
        ("squall.jsonl", Format::Squall, "t.jsonl"),
    ];
    for (name, format, written) in cases {
        let path = folder.path().join(written);
        let (_, want) = of_file(name);
        let mut writer = Writer::create(&path, format).expect("made");
        want.iter().try_for_each(|row| writer.write(row)).and_then(|()| writer.finish()).expect("written");
        let trace = Trace::open(&Source::new(&path)).expect("opens");
        assert_eq!(trace.format(), format, "{name} as {format}");
        let got: Vec<_> = trace.collect::<Result<_, _>>().expect("valid");
        let bare = |rows: Vec<Row>| rows.into_iter().map(|row| Row { line: 0, ..row }).collect::<Vec<_>>();
        assert_eq!(bare(got), bare(want), "{name} as {format}");
    }
}

#[test]
fn what_a_format_cannot_hold_is_refused() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let refused = |name: &str, format| {
        let mut writer = Writer::create(&folder.path().join("t"), format).expect("made");
        let (_, rows) = of_file(name);
        let error = rows.iter().try_for_each(|row| writer.write(row)).expect_err("refused");
        error.to_string()
    };
    assert_eq!(
        refused("mooncake_conversation.jsonl", Format::Azure),
        "line 1: the format azure has no place for hash_ids; convert to `squall`, which holds every row"
    );
    assert!(
        refused("azure_2023_code.csv", Format::Mooncake)
            .contains("line 4: the format mooncake knows whole milliseconds")
    );
    assert!(refused("burstgpt_3.csv", Format::Azure).contains("sessions"));
    assert!(refused("openai_batch.jsonl", Format::Azure).contains("requests as they are"));
    assert!(matches!(
        Writer::create(&folder.path().join("t"), Format::BurstGpt),
        Err(WriteError::Unsupported(Format::BurstGpt))
    ));
}

#[test]
fn rounded_times_are_spread_within_their_bins() {
    let source =
        Source { spread: Some(Spread::Found), ..Source::new(fixture("mooncake_conversation.jsonl")) };
    let (_, recorded) = of_file("mooncake_conversation.jsonl");
    let spread = |seed| open(&source, seed).expect("opens").collect::<Result<Vec<_>, _>>().expect("valid");
    let rows = spread(7);
    assert_eq!(spread(7), rows, "fixed by the seed");
    assert_ne!(spread(8), rows);
    assert!(rows.is_sorted_by_key(|row| row.at));
    let bin = open(&source, 7).expect("opens").bin().expect("found");
    for (row, recorded) in rows.iter().zip(&recorded) {
        let moved = row.at.expect("a time").since(recorded.at.expect("a time"));
        assert!(moved < bin && row.at >= recorded.at, "{moved:?} of {bin:?}");
    }
    let mut distinct: Vec<_> = rows.iter().map(|row| row.at).collect();
    distinct.dedup();
    assert_eq!(distinct.len(), rows.len());
}

#[test]
fn spread_times_are_uniform_in_their_bin() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = folder.path().join("t.jsonl");
    let text: String = (0..4_000).map(|row| format!("{{\"at_s\": {}}}\n", row / 20)).collect();
    std::fs::write(&path, text).expect("written");
    let source = Source { spread: Some(Spread::Found), ..Source::new(&path) };
    let mut places: Vec<f64> = open(&source, 1)
        .expect("opens")
        .map(|row| row.expect("valid").at.expect("a time").as_secs_f64().fract())
        .collect();
    places.sort_by(f64::total_cmp);
    // Kolmogorov-Smirnov against the uniform distribution, at 1 %.
    let n = places.len() as f64;
    let distance = places.iter().enumerate().fold(0.0_f64, |most, (index, place)| {
        most.max((place - index as f64 / n).abs()).max((place - (index + 1) as f64 / n).abs())
    });
    assert!(distance < 1.628 / n.sqrt(), "{distance}");
}

#[test]
fn exact_times_stay_where_they_are() {
    let source = Source { spread: Some(Spread::Found), ..Source::new(fixture("azure_2024_conv.csv")) };
    let (_, recorded) = of_file("azure_2024_conv.csv");
    for (row, recorded) in open(&source, 7).expect("opens").zip(recorded) {
        let moved = row.expect("valid").at.expect("a time").since(recorded.at.expect("a time"));
        assert!(moved.as_micros() < 1_000, "{moved:?}");
    }
}

#[test]
fn too_many_rows_of_one_time_are_refused_rather_than_held() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = folder.path().join("t.jsonl");
    std::fs::write(&path, "{\"at_s\": 1}\n".repeat(20_000)).expect("written");
    let by = Some(Spread::By(std::time::Duration::from_secs(1)));
    let rows: Vec<_> = open(&Source { spread: by, ..Source::new(&path) }, 1).expect("opens").collect();
    let error = rows.last().expect("one").as_ref().expect_err("too many").to_string();
    assert!(error.contains("line 16385: more than 16384 rows"), "{error}");
    assert_eq!(rows.len(), 1, "it ends there");
}

proptest! {
    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        for format in Format::ALL.map(Some).into_iter().chain([None]) {
            for bad_rows in [BadRows::Refuse, BadRows::Skip] {
                let _ = read_to_end(&bytes[..], format, bad_rows);
            }
        }
        let header = b"TIMESTAMP,ContextTokens,GeneratedTokens\n".as_slice();
        let _ = read_to_end(&[header, &bytes].concat()[..], None, BadRows::Skip);
    }

    #[test]
    fn random_rows_never_panic_and_stay_sorted(
        text in "([-0-9 :.,TZ+\r\n]|2023-11-16 18:15:46,1,2\n){0,40}",
        json in "(\\{\"at_s\": [0-9.e-]{1,8}, \"input_tokens\": [0-9]{1,4}\\}\n|[{}\\[\\]\":,a-z0-9\n]{0,20}){0,20}",
    ) {
        let text = format!("TIMESTAMP,ContextTokens,GeneratedTokens\n{text}");
        for text in [text, json] {
            if let Ok((rows, _)) = read(text, BadRows::Skip) {
                prop_assert!(rows.is_sorted_by_key(|row| row.at));
            }
        }
    }
}
