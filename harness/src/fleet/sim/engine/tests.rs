use std::future::poll_fn;

use super::*;

fn spec() -> SimSpec {
    SimSpec {
        ttft: Duration::from_millis(20),
        itl: Duration::from_millis(4),
        prefill: 1000,
        slots: 3,
        queue: 1,
        slowdown: 0.5,
        cold_start: Duration::ZERO,
    }
}

/// The thread is not started: the test does what is due, and time stands still.
fn still(spec: SimSpec) -> Arc<Engine> {
    Engine::new(spec, Clock::stopped())
}

/// Does all that is due until `until`; returns how often.
fn pass(engine: &Engine, until: Nanos) -> u32 {
    let mut done = 0;
    let mut state = engine.state.lock();
    while let Some(at) = state.next_deadline().filter(|at| *at <= until) {
        engine.due(&mut state, at, at);
        done += 1;
    }
    done
}

fn given(ticket: &Ticket) -> u32 {
    ticket.progress.given.load(Ordering::Acquire)
}

fn ms(ms: u64) -> Nanos {
    Nanos(ms * 1_000_000)
}

#[test]
fn a_step_is_itl_for_one_and_slower_by_slowdown_for_a_full_batch() {
    let spec = spec();
    assert_eq!(step_length(&spec, 1), Duration::from_millis(4));
    assert_eq!(step_length(&spec, 2), Duration::from_millis(5));
    assert_eq!(step_length(&spec, 3), Duration::from_millis(6));
    let alone = SimSpec { slots: 1, ..spec };
    assert_eq!(step_length(&alone, 1), Duration::from_millis(4));
}

#[test]
fn the_first_token_takes_the_prefill_and_each_other_a_step() -> Result<(), Full> {
    let engine = still(spec());
    // 20 ms + 10 tokens at 1,000 a second.
    let ticket = engine.submit(10, 3)?;
    assert_eq!(pass(&engine, ms(29)), 0);
    pass(&engine, ms(30));
    assert_eq!(given(&ticket), 1);
    pass(&engine, ms(33));
    assert_eq!(given(&ticket), 1);
    pass(&engine, ms(34));
    assert_eq!(given(&ticket), 2);
    pass(&engine, ms(38));
    assert_eq!(given(&ticket), 3);
    assert_eq!(engine.load(), Load { running: 0, waiting: 0 });
    assert_eq!(pass(&engine, ms(1000)), 0, "nothing is due when nobody is there");
    Ok(())
}

#[test]
fn one_who_joins_decodes_from_the_next_step_on_and_slows_the_others() -> Result<(), Full> {
    let engine = still(spec());
    let first = engine.submit(0, 100)?;
    let second = engine.submit(2, 100)?;
    // Prefilled at 20 and at 22; steps end at 24 (alone), 29 and 34 (together).
    pass(&engine, ms(24));
    assert_eq!((given(&first), given(&second)), (2, 1));
    pass(&engine, ms(28));
    assert_eq!((given(&first), given(&second)), (2, 1));
    pass(&engine, ms(29));
    assert_eq!((given(&first), given(&second)), (3, 2));
    pass(&engine, ms(34));
    assert_eq!((given(&first), given(&second)), (4, 3));
    Ok(())
}

#[test]
fn who_finds_no_slot_waits_and_who_finds_no_place_is_refused() -> Result<(), Full> {
    let engine = still(spec());
    let running = [engine.submit(0, 9)?, engine.submit(0, 9)?, engine.submit(0, 9)?];
    let waiting = engine.submit(0, 9)?;
    assert_eq!(engine.submit(0, 9).err(), Some(Full));
    assert_eq!(engine.load(), Load { running: 3, waiting: 1 });
    // One who waits leaves: its place is free, and nothing else changed.
    drop(waiting);
    assert_eq!(engine.load(), Load { running: 3, waiting: 0 });
    let waiting = engine.submit(0, 1)?;
    // One who runs leaves: the one who waits has its slot at once.
    let [gone, ..] = running;
    drop(gone);
    assert_eq!(engine.load(), Load { running: 3, waiting: 0 });
    pass(&engine, ms(20));
    assert_eq!(given(&waiting), 1);
    Ok(())
}

#[test]
fn without_itl_the_whole_answer_comes_with_the_first_token() -> Result<(), Full> {
    let engine = still(SimSpec { itl: Duration::ZERO, ..spec() });
    assert!(!engine.is_instant(0));
    let ticket = engine.submit(0, 50)?;
    pass(&engine, ms(20));
    assert_eq!(given(&ticket), 50);
    let instant = SimSpec { ttft: Duration::ZERO, prefill: 1_000_000_000, ..engine.spec.clone() };
    assert!(still(instant).is_instant(64));
    Ok(())
}

#[tokio::test]
async fn the_thread_gives_tokens_to_a_reader_and_ends_when_told() -> io::Result<()> {
    let engine = Engine::new(spec(), Clock::start());
    let thread = engine.start()?;
    let Ok(ticket) = engine.submit(1, 5) else { return Err(io::Error::other("refused")) };
    let mut seen = 0;
    while seen < 5 {
        let given = poll_fn(|context| ticket.poll_beyond(seen, context)).await;
        assert!(given > seen);
        seen = given;
    }
    assert!(engine.clock.now() >= ms(20 + 1 + 4 * 4));
    engine.stop();
    thread.join().map_err(|_| io::Error::other("the thread panicked"))
}

#[test]
fn a_late_thread_catches_up_but_a_node_that_stood_still_goes_on_from_there() -> Result<(), Full> {
    let engine = still(spec());
    let ticket = engine.submit(0, 100)?;
    pass(&engine, ms(20));
    let mut state = engine.state.lock();
    // Due at 24, done at 30: the next step still ends at 28.
    engine.due(&mut state, ms(24), ms(30));
    assert_eq!(state.step_end, Some(ms(28)));
    // Due at 28, done ten seconds later.
    engine.due(&mut state, ms(28), ms(10_028));
    assert_eq!(state.step_end, Some(ms(10_032)));
    drop(state);
    assert_eq!(given(&ticket), 3);
    Ok(())
}
