//! A token bucket: full at first, filled at a steady rate, empty when the quota is used up.

/// A quota of requests, or of tokens.
pub(crate) struct Bucket {
    limit: f64,
    level: f64,
    /// Refilled a nanosecond; 0 for a quota that never comes back.
    rate: f64,
    at: u64,
}

/// What a bucket says of a cost.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Answer {
    /// It has that much.
    Enough,
    /// It will, in so many nanoseconds.
    After(f64),
    /// It never will.
    Never,
}

impl Bucket {
    /// A full one. `per` is how long it takes to fill in nanoseconds, if it ever does again.
    pub(crate) fn full(limit: u64, per: Option<u64>, now: u64) -> Self {
        let limit = limit as f64;
        Self { limit, level: limit, rate: per.map_or(0.0, |per| limit / per as f64), at: now }
    }

    pub(crate) fn refill(&mut self, now: u64) {
        let gained = now.saturating_sub(self.at) as f64 * self.rate;
        self.level = (self.level + gained).min(self.limit);
        self.at = now;
    }

    pub(crate) fn has(&self, cost: f64) -> Answer {
        // A millionth of one is no more than rounding.
        if self.level + 1e-6 >= cost {
            Answer::Enough
        } else if cost > self.limit || self.rate == 0.0 {
            Answer::Never
        } else {
            Answer::After((cost - self.level) / self.rate)
        }
    }

    pub(crate) fn take(&mut self, cost: f64) {
        self.level = (self.level - cost).max(0.0);
    }

    pub(crate) fn limit(&self) -> u64 {
        self.limit as u64
    }

    pub(crate) fn remaining(&self) -> u64 {
        self.level as u64
    }

    /// How long until it is full, in nanoseconds.
    pub(crate) fn reset(&self) -> f64 {
        if self.rate == 0.0 { 0.0 } else { (self.limit - self.level) / self.rate }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_taken_comes_back_at_the_rate() {
        let mut bucket = Bucket::full(10, Some(1_000), 0);
        assert_eq!(bucket.has(10.0), Answer::Enough);
        bucket.take(10.0);
        assert_eq!(bucket.has(1.0), Answer::After(100.0));
        assert_eq!((bucket.remaining(), bucket.reset()), (0, 1_000.0));
        bucket.refill(100);
        assert_eq!(bucket.has(1.0), Answer::Enough);
        bucket.refill(1_000_000);
        assert_eq!(bucket.remaining(), 10, "never more than it holds");
        assert_eq!(bucket.has(11.0), Answer::Never);
    }

    #[test]
    fn a_cap_never_comes_back() {
        let mut bucket = Bucket::full(2, None, 0);
        bucket.take(2.0);
        bucket.refill(u64::MAX);
        assert_eq!(bucket.has(1.0), Answer::Never);
    }
}
