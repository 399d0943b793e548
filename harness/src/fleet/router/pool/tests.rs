//! The states of a node, on paused time.

use super::*;

fn pool(nodes: &[&str]) -> Arc<Pool> {
    pool_tuned(nodes, Tuning::default())
}

fn pool_tuned(nodes: &[&str], tuning: Tuning) -> Arc<Pool> {
    let meters = Meters::new(nodes.iter().map(|&name| name.into()));
    Pool::new(tuning, Clock::start(), meters)
}

/// The node that would be picked; it is given back at once.
fn next(pool: &Arc<Pool>) -> Option<usize> {
    pool.pick(&[]).map(|ticket| ticket.node)
}

async fn pass(duration: Duration) {
    tokio::time::advance(duration).await;
}

#[tokio::test(start_paused = true)]
async fn the_least_busy_is_picked_and_ties_take_turns() {
    let pool = pool(&["a", "b", "c"]);
    let held: Vec<_> = (0..30).filter_map(|_| pool.pick(&[])).collect();
    let on = |node| held.iter().filter(|ticket| ticket.node == node).count();
    assert_eq!([on(0), on(1), on(2)], [10, 10, 10]);
    let mut held = held;
    held.retain(|ticket| ticket.node != 1);
    assert_eq!(next(&pool), Some(1));
    assert_eq!(pool.pick(&[0, 1]).map(|ticket| ticket.node), Some(2));
    assert!(pool.pick(&[0, 1, 2]).is_none());
}

#[tokio::test(start_paused = true)]
async fn nobody_is_alive_until_a_check_says_so() {
    let pool = pool(&["a", "b"]);
    assert!(!pool.any_alive());
    pool.checked(0, Err(Trouble::Unreachable));
    assert!(!pool.any_alive());
    pool.checked(1, Ok(()));
    assert!(pool.any_alive());
}

#[tokio::test(start_paused = true)]
async fn a_refused_connection_ejects_at_once_and_the_last_node_too() {
    let pool = pool(&["a"]);
    if let Some(mut ticket) = pool.pick(&[]) {
        ticket.troubled(Trouble::Unreachable);
    }
    assert_eq!(next(&pool), None);
}

#[tokio::test(start_paused = true)]
async fn failures_in_a_row_eject_but_never_the_last_node() {
    let pool = pool(&["a", "b"]);
    let fail = |node: usize, times| {
        for _ in 0..times {
            if let Some(mut ticket) = pool.pick(&[1 - node]) {
                ticket.troubled(Trouble::Failed);
            }
        }
    };
    fail(0, 2);
    if let Some(mut ticket) = pool.pick(&[1]) {
        ticket.succeeded();
    }
    fail(0, 2);
    assert_eq!(pool.healthy(), [true, true], "a success between starts the count anew");
    fail(0, 1);
    assert_eq!(pool.healthy(), [false, true]);
    fail(1, 10);
    assert_eq!(pool.healthy(), [false, true], "the last one stays");
}

#[tokio::test(start_paused = true)]
async fn a_node_returns_by_one_trial_at_a_time() {
    let pool = pool(&["a", "b"]);
    pool.checked(0, Err(Trouble::Unreachable));
    pool.checked(0, Ok(()));
    assert!(pool.pick(&[1]).is_none(), "not before its time, however healthy");
    pass(Tuning::default().backoff).await;
    assert!(pool.pick(&[1]).is_none(), "not before a check");
    pool.checked(0, Ok(()));
    for _ in 0..Tuning::default().trials {
        let mut trial = pool.pick(&[1]).expect("room for a trial");
        assert!(pool.pick(&[1]).is_none(), "one at a time");
        assert_eq!(pool.healthy(), [false, true]);
        trial.succeeded();
    }
    assert_eq!(pool.healthy(), [true, true]);
}

#[tokio::test(start_paused = true)]
async fn a_trial_that_shows_nothing_makes_room_and_one_that_fails_doubles_the_wait() {
    let tuning = Tuning::default();
    let pool = pool(&["a", "b"]);
    pool.checked(0, Err(Trouble::Unreachable));
    pass(tuning.backoff).await;
    pool.checked(0, Ok(()));
    drop(pool.pick(&[1]).expect("a trial"));
    pool.pick(&[1]).expect("another").troubled(Trouble::Failed);
    pass(tuning.backoff).await;
    pool.checked(0, Ok(()));
    assert!(pool.pick(&[1]).is_none(), "the second wait is longer");
    pass(tuning.backoff).await;
    pool.checked(0, Ok(()));
    assert!(pool.pick(&[1]).is_some());
}

#[tokio::test(start_paused = true)]
async fn the_remains_of_a_death_do_not_eject_the_node_that_came_back() {
    let tuning = Tuning { trials: 1, ..Tuning::default() };
    let pool = pool_tuned(&["a", "b"], tuning);
    let mut old: Vec<_> = (0..5).filter_map(|_| pool.pick(&[1])).collect();
    pool.checked(0, Err(Trouble::Unreachable));
    pass(tuning.backoff).await;
    pool.checked(0, Ok(()));
    pool.pick(&[1]).expect("a trial").succeeded();
    for ticket in &mut old {
        ticket.troubled(Trouble::Failed);
    }
    assert_eq!(pool.healthy(), [true, true]);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_came_back_meets_no_herd() {
    let tuning = Tuning { trials: 1, ..Tuning::default() };
    let pool = pool_tuned(&["a", "b"], tuning);
    pool.checked(0, Err(Trouble::Unreachable));
    let _busy: Vec<_> = (0..50).filter_map(|_| pool.pick(&[])).collect();
    pass(tuning.backoff).await;
    pool.checked(0, Ok(()));
    pool.pick(&[1]).expect("a trial").succeeded();
    let burst: Vec<_> = (0..40).filter_map(|_| pool.pick(&[])).collect();
    let on_a = burst.iter().filter(|ticket| ticket.node == 0).count();
    assert_eq!(on_a, 2, "its cap, though it is the least busy");
}

#[tokio::test(start_paused = true)]
async fn those_who_wait_hear_of_a_dead_node_and_not_of_a_failing_one() {
    let pool = pool(&["a", "b"]);
    let waiting = pool.pick(&[1]).expect("a ticket");
    for _ in 0..Tuning::default().failures_to_eject {
        if let Some(mut ticket) = pool.pick(&[1]) {
            ticket.troubled(Trouble::Failed);
        }
    }
    assert_eq!(pool.healthy(), [false, true]);
    let soon = Duration::from_secs(1);
    assert!(tokio::time::timeout(soon, waiting.node_gone()).await.is_err());

    let waiting = pool.pick(&[]).expect("a ticket");
    assert_eq!(waiting.node, 1);
    pool.checked(1, Err(Trouble::Unhealthy));
    pool.checked(1, Err(Trouble::Unhealthy));
    assert!(tokio::time::timeout(soon, waiting.node_gone()).await.is_ok());
}
