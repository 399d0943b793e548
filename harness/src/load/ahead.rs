//! Makes items before they are asked for, on a thread of its own.
//!
//! The making of a prompt of 100,000 tokens takes longer than requests may be late. Invariants: the order
//! stays; no more than so many items are ahead; the thread ends when nobody asks any more.

use std::io;
use std::thread;

use crossbeam_channel::{Receiver, bounded};

/// Items that are made ahead.
pub(super) struct Ahead<T> {
    made: Receiver<T>,
}

impl<T: Send + 'static> Ahead<T> {
    /// Makes `items`, `most` of them ahead.
    pub(super) fn of(items: impl Iterator<Item = T> + Send + 'static, most: usize) -> io::Result<Self> {
        let (give, made) = bounded(most);
        let make = move || {
            for item in items {
                if give.send(item).is_err() {
                    break;
                }
            }
        };
        thread::Builder::new().name("squall-ask".into()).spawn(make)?;
        Ok(Self { made })
    }
}

impl<T> Iterator for Ahead<T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.made.recv().ok()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[test]
    fn all_items_come_in_order() {
        let ahead = Ahead::of(0..1_000, 7).expect("a thread");
        assert!(ahead.eq(0..1_000));
    }

    #[test]
    fn no_more_than_asked_for_are_ahead_and_the_thread_ends_with_whoever_asks() {
        let made = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&made);
        let items = std::iter::repeat_with(move || count.fetch_add(1, Ordering::SeqCst));
        let mut ahead = Ahead::of(items, 5).expect("a thread");
        assert_eq!(ahead.next(), Some(0));
        drop(ahead);
        // The thread lets go of what it counts by when it ends.
        while Arc::strong_count(&made) > 1 {
            thread::yield_now();
        }
        // One was taken, five are ahead, one is in hand, and one more may have been made before the drop.
        assert!(made.load(Ordering::SeqCst) <= 8);
    }
}
