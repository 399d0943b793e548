//! `fail-first`: the first attempts fail, then all is well: what a retry is for.
//!
//! Which attempt of a request is which is the ordinal that the harness saw, so that a rerun fails the same
//! ones. A probe (`GET /health`) is no attempt that counts.

use std::collections::HashMap;

use squall_plugin::{
    Attempt, Canned, Header, Hooks, Plugin, RequestHead, RequestVerdict, export, host, params, words,
};

params! {
    /// The first attempts fail, then it recovers.
    struct Params {
        /// how many fail
        n: u32 = 1, "2";
        /// the first of what: of each request, wherever its attempts go, or of each node
        per: Per = Per::Request, "\"node\"";
        /// the status they are answered, 400 to 599
        status: u16 = 503, "500";
    }
}

words! {
    enum Per { Request = "request", Node = "node" }
}

struct FailFirst {
    n: u32,
    per: Per,
    status: u16,
    /// Failures of each node so far.
    failed: HashMap<u32, u32>,
}

const BODY: &str = r#"{"error":{"message":"The server had an error while processing your request.","type":"server_error","param":null,"code":"server_error"}}"#;

impl FailFirst {
    fn fails(&mut self, attempt: &Attempt) -> bool {
        match self.per {
            Per::Request if attempt.request.is_none() => {
                host::count("fail-first: request unknown", 1);
                false
            }
            Per::Request => attempt.ordinal < self.n,
            Per::Node => {
                let failed = self.failed.entry(attempt.node).or_default();
                let fails = *failed < self.n;
                *failed += u32::from(fails);
                fails
            }
        }
    }
}

impl Plugin for FailFirst {
    type Params = Params;

    fn new(params: Params) -> Result<Self, String> {
        let Params { n, per, status } = params;
        if n == 0 {
            return Err("`n` must be above 0, or nothing ever fails".into());
        }
        if !(400..=599).contains(&status) {
            return Err(format!("`status` must be an error, 400 to 599, not {status}"));
        }
        Ok(Self { n, per, status, failed: HashMap::new() })
    }

    fn hooks(&self) -> Hooks {
        Hooks::REQUEST
    }

    fn request(&mut self, attempt: &Attempt, head: &RequestHead) -> RequestVerdict {
        if head.method != "POST" || !self.fails(attempt) {
            return RequestVerdict::Pass;
        }
        RequestVerdict::Respond(Canned {
            status: self.status,
            headers: vec![Header { name: "content-type".into(), value: b"application/json".to_vec() }],
            body: BODY.into(),
        })
    }
}

export!(FailFirst);
