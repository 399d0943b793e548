//! The hot paths, each beside what it can't be faster than: `cargo bench --bench paths`.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use squall::correlation::Correlator;
use squall::name::{NodeName, RequestId};
use squall::sse::Parser;

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
                parser.push(chunk);
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
            correlator.answered(id, &node);
            correlator.marker(id);
            correlator.finish(id)
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

criterion_group!(benches, sse, join);
criterion_main!(benches);
