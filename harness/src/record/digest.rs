//! The digest of the fault log: what the faults decided, whenever and in whatever order.
//!
//! Two runs of one scenario with one seed have the same digest when every decision was the same: for each
//! (fault, request, ordinal, node) the same hook and the same verdict, and the same actions on nodes. Times
//! and attempt ids, which no rerun shares, are left out, and so are attempts that serve no request (a
//! gateway's health checks come when they come).
//!
//! It is the sum of the SHA-256 of each row, as numbers of 256 bits (Bellare and Micciancio, 1997,
//! "AdHash"): it needs no order and no memory, however long the log.

use sha2::{Digest as _, Sha256};

use super::row::FaultRow;

/// The digest so far.
#[derive(Clone, Debug, Default)]
pub(super) struct FaultDigest {
    /// Least significant first.
    sum: [u64; 4],
}

impl FaultDigest {
    /// Takes a row in.
    pub(super) fn add(&mut self, row: &FaultRow) {
        if row.attempt.is_some() && row.request.is_none() {
            return;
        }
        let FaultRow { plugin, fault, hook, verdict, request, ordinal, node, at_ns: _, attempt: _ } = row;
        let decision = serde_json::json!([plugin, fault, hook, verdict, request, ordinal, node]);
        let hash = Sha256::digest(decision.to_string());
        let mut carry = false;
        for (word, bytes) in self.sum.iter_mut().zip(hash.as_slice().chunks_exact(8)) {
            let addend = bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
            let (sum, first) = word.overflowing_add(addend);
            let (sum, second) = sum.overflowing_add(u64::from(carry));
            (*word, carry) = (sum, first || second);
        }
    }

    /// In hex.
    pub(super) fn hex(&self) -> String {
        self.sum.iter().rev().map(|word| format!("{word:016x}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Nanos;
    use crate::name::{AttemptId, RequestId};

    fn row(request: u64, verdict: &str) -> FaultRow {
        FaultRow {
            at_ns: Nanos(request * 7),
            plugin: "latency".into(),
            fault: 0,
            hook: "request".into(),
            verdict: verdict.into(),
            attempt: Some(AttemptId(request)),
            request: Some(RequestId(request)),
            ordinal: Some(0),
            node: Some("a".into()),
        }
    }

    fn digest(rows: &[FaultRow]) -> String {
        let mut digest = FaultDigest::default();
        for row in rows {
            digest.add(row);
        }
        digest.hex()
    }

    #[test]
    fn order_and_time_do_not_matter_and_decisions_do() {
        let (one, two) = (row(1, "delay(20.000ms)"), row(2, "delay(30.000ms)"));
        let later = FaultRow { at_ns: Nanos(9), attempt: Some(AttemptId(8)), ..one.clone() };
        assert_eq!(digest(&[one.clone(), two.clone()]), digest(&[two.clone(), later]));
        assert_ne!(digest(&[one.clone(), two.clone()]), digest(std::slice::from_ref(&one)));
        assert_ne!(digest(&[one.clone(), one.clone()]), digest(std::slice::from_ref(&one)));
        assert_ne!(digest(&[row(1, "reset")]), digest(std::slice::from_ref(&one)));
        let probe = FaultRow { request: None, ..two };
        assert_eq!(digest(&[one.clone(), probe]), digest(&[one]));
        assert_eq!(digest(&[]).len(), 64);
    }
}
