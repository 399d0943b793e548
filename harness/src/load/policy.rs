//! What a client does about a request that failed: whether it sends it again, and when.
//!
//! Pure. As the SDKs of providers do it, a request is sent again only when nothing of an answer has come: a
//! reader who has seen its beginning can't be given another. The wait doubles with each send, up to a
//! bound, and is drawn from there down to its half where it has jitter
//! (<https://github.com/openai/openai-python>, `_calculate_retry_timeout`, draws its last quarter); what
//! the server says in `Retry-After` comes first, as far as anybody would wait for it.

use std::time::Duration;

use squall_report::Outcome;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::name::RequestId;
use crate::scenario::plan::{Retries, RetryOn};

/// A server that asks for more is not believed, as the SDKs of providers do it.
const LONGEST_RETRY_AFTER: Duration = Duration::from_mins(1);

/// How a send ended, as far as it matters for the next.
#[derive(Clone, Copy, Debug)]
pub(super) struct Failed {
    pub(super) outcome: Outcome,
    pub(super) status: Option<u16>,
    /// Events with content that had come.
    pub(super) events: u32,
    pub(super) retry_after: Option<Duration>,
}

/// How long to wait before the request is sent again, if it is, after `sends` sends.
pub(super) fn wait(retries: &Retries, failed: &Failed, sends: u32, draw: f64) -> Option<Duration> {
    if sends >= retries.attempts || !is_retried(&retries.on, failed) {
        return None;
    }
    if let Some(asked) =
        failed.retry_after.filter(|asked| retries.retry_after && *asked <= LONGEST_RETRY_AFTER)
    {
        return Some(asked);
    }
    let doubled = retries.base.saturating_mul(1 << (sends - 1).min(16)).min(retries.max);
    Some(if retries.jitter { doubled.mul_f64(1.0 - draw / 2.0) } else { doubled })
}

fn is_retried(on: &[RetryOn], failed: &Failed) -> bool {
    let kind = match failed.outcome {
        _ if failed.events > 0 => return false,
        Outcome::HttpError => match failed.status {
            Some(status) => RetryOn::Status(status),
            None => return false,
        },
        Outcome::ConnectFailed => RetryOn::Connect,
        Outcome::Reset | Outcome::Cut => RetryOn::Broken,
        Outcome::Timeout => RetryOn::Timeout,
        Outcome::Ok
        | Outcome::InBandError
        | Outcome::Invented
        | Outcome::Corrupt
        | Outcome::Empty
        | Outcome::Shed
        | Outcome::Aborted => return false,
    };
    on.contains(&kind)
}

/// From 0 to 1, fixed by the seed, the request and the send.
pub(super) fn draw(seed: u64, id: RequestId, sends: u32) -> f64 {
    let hash = xxh3_64_with_seed(&sends.to_le_bytes(), seed ^ id.0.rotate_left(32));
    // The upper 53 bits, as many as a double holds.
    (hash >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RETRIES: Retries = Retries {
        attempts: 4,
        base: Duration::from_millis(100),
        max: Duration::from_millis(300),
        jitter: false,
        on: Vec::new(),
        retry_after: true,
    };

    fn retries() -> Retries {
        Retries { on: vec![RetryOn::Status(503), RetryOn::Connect, RetryOn::Broken], ..RETRIES }
    }

    fn busy() -> Failed {
        Failed { outcome: Outcome::HttpError, status: Some(503), events: 0, retry_after: None }
    }

    #[test]
    fn the_wait_doubles_to_its_bound_and_the_sends_are_counted() {
        let waits = (1..6).map(|sends| wait(&retries(), &busy(), sends, 0.5)).collect::<Vec<_>>();
        let ms = |ms| Some(Duration::from_millis(ms));
        assert_eq!(waits, [ms(100), ms(200), ms(300), None, None]);
        let jitter = Retries { jitter: true, ..retries() };
        assert_eq!(wait(&jitter, &busy(), 2, 0.5), ms(150));
    }

    #[test]
    fn only_what_was_chosen_is_sent_again_and_never_what_has_begun() {
        let again = |failed: Failed| wait(&retries(), &failed, 1, 0.0).is_some();
        assert!(again(busy()));
        assert!(!again(Failed { status: Some(500), ..busy() }));
        assert!(again(Failed { outcome: Outcome::ConnectFailed, status: None, ..busy() }));
        assert!(again(Failed { outcome: Outcome::Reset, status: None, ..busy() }));
        assert!(!again(Failed { outcome: Outcome::Reset, events: 1, ..busy() }));
        assert!(!again(Failed { outcome: Outcome::Timeout, status: None, ..busy() }));
        assert!(!again(Failed { outcome: Outcome::Ok, status: Some(200), ..busy() }));
    }

    #[test]
    fn what_the_server_asks_for_comes_first_where_it_is_respected() {
        let asked = |seconds| Failed { retry_after: Some(Duration::from_secs(seconds)), ..busy() };
        assert_eq!(wait(&retries(), &asked(7), 1, 0.0), Some(Duration::from_secs(7)));
        let deaf = Retries { retry_after: false, ..retries() };
        assert_eq!(wait(&deaf, &asked(7), 1, 0.0), Some(Duration::from_millis(100)));
        assert_eq!(wait(&retries(), &asked(3600), 1, 0.0), Some(Duration::from_millis(100)));
    }

    proptest! {
        #[test]
        fn a_draw_is_fixed_and_a_wait_is_within_its_bounds(seed: u64, id: u64, sends in 1_u32..4) {
            let drawn = draw(seed, RequestId(id), sends);
            prop_assert_eq!(drawn.to_bits(), draw(seed, RequestId(id), sends).to_bits());
            prop_assert!((0.0..1.0).contains(&drawn));
            let jitter = Retries { jitter: true, ..retries() };
            let whole = wait(&retries(), &busy(), sends, 0.0).unwrap_or_default();
            let drawn = wait(&jitter, &busy(), sends, drawn).unwrap_or_default();
            prop_assert!(drawn <= whole && drawn + Duration::from_nanos(1) >= whole / 2);
        }
    }
}
