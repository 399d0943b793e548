//! The hot paths, each beside what it can't be faster than: `cargo bench --bench paths`.

use std::hint::black_box;
use std::path::Path;

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use squall::correlation::{Correlator, Which};
use squall::name::{NodeName, RequestId};
use squall::scenario::plan::{Encoding, Tokenizer};
use squall::sse::Parser;
use squall::traffic::{Prompts, Shape};

/// A stream of chat chunks, as a node sends it.
fn stream() -> Vec<u8> {
    let event = |n: usize| {
        format!(
            "data: {{\"id\":\"chatcmpl-{n}\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"sim\",\
             \"choices\":[{{\"index\":0,\"delta\":{{\"content\":\" word\"}},\"finish_reason\":null}}]}}\n\n"
        )
    };
    (0..512).map(event).collect::<String>().into_bytes()
}

/// The SSE parser, beside one search through the same bytes.
fn sse(criterion: &mut Criterion) {
    let stream = stream();
    let mut group = criterion.benchmark_group("sse");
    group.throughput(Throughput::Bytes(stream.len() as u64));
    group.bench_function("parse 512 events in chunks of 4 KiB", |bencher| {
        bencher.iter(|| {
            let mut parser = Parser::new();
            let mut events = 0;
            for chunk in stream.chunks(4096) {
                parser.push(Bytes::copy_from_slice(chunk));
                while let Some(event) = parser.next_event() {
                    black_box(&event.data);
                    events += 1;
                }
            }
            events
        });
    });
    group.bench_function("limit: memchr over the same bytes", |bencher| {
        bencher.iter(|| memchr::memchr_iter(b'\n', black_box(&stream)).count());
    });
    group.finish();
}

/// The join's life of one request, beside what a lock and a map cost at least.
fn join(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("join");
    let correlator = Correlator::new();
    let node = NodeName::from("a");
    let mut id = 0;
    group.bench_function("begin, attempt, answer, marker, finish", |bencher| {
        bencher.iter(|| {
            id += 1;
            let id = RequestId(id);
            correlator.begin(id);
            black_box(correlator.attempt(id));
            correlator.answered(id, Which::First, &node);
            correlator.marker(id, Which::First);
            correlator.finish(id, Which::First)
        });
    });
    let locked = parking_lot::Mutex::new(std::collections::HashMap::new());
    group.bench_function("limit: five locked visits of a map", |bencher| {
        bencher.iter(|| {
            id += 1;
            locked.lock().insert(id, 0_u64);
            for _ in 0..3 {
                *locked.lock().entry(id).or_default() += 1;
            }
            locked.lock().remove(&id)
        });
    });
    group.finish();
}

/// The making of a prompt, beside the copying of its bytes and beside what counting it would cost.
fn prompts(criterion: &mut Criterion) {
    let scenario = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/quickstart.toml");
    let mut plan = squall::scenario::load(&scenario, None).expect("the quickstart");
    let mut group = criterion.benchmark_group("prompts");
    for encoding in [Encoding::O200kBase, Encoding::Cl100kBase] {
        plan.target.tokenizer = Tokenizer::Encoding(encoding);
        let prompts = Prompts::of(&plan).expect("ready");
        let blocks: Vec<u64> = (0..235).collect();
        for (tokens, blocks) in [(1_155, &blocks[..0]), (7_500, &blocks[..15]), (120_000, &blocks[..])] {
            let shape = Shape { tokens, blocks, block_tokens: 512 };
            let mut id = 0;
            let name = format!("{} tokens, {} shared blocks, {}", tokens, blocks.len(), encoding.name());
            group.throughput(Throughput::Elements(u64::from(tokens)));
            group.bench_function(name, |bencher| {
                bencher.iter(|| {
                    id += 1;
                    prompts.shaped(RequestId(id), shape).expect("written")
                });
            });
        }
    }
    let text = Prompts::of(&plan).expect("ready");
    let text = text.shaped(RequestId(1), Shape { tokens: 1_155, ..Shape::default() }).expect("written");
    group.throughput(Throughput::Elements(1_155));
    group.bench_function("limit: the copy of 1155 tokens", |bencher| {
        bencher.iter(|| black_box(text.question()).to_owned());
    });
    let tokenizer = squall::tokens::Tokenizer::load(&plan.target.tokenizer).expect("loaded");
    group.bench_function("what is spared: the counting of 1155 tokens", |bencher| {
        bencher.iter(|| tokenizer.count(black_box(text.question())));
    });
    group.finish();
}

criterion_group!(benches, sse, join, prompts);
criterion_main!(benches);
