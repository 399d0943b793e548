//! What a plugin must not be able to do to its host, one mischief at a time. For tests only.

use std::cell::Cell;
use std::hint::black_box;

use squall_plugin::{
    Attempt, BodyVerdict, Canned, ConnectVerdict, Event, EventVerdict, Header, Hooks, Plugin, RequestHead,
    RequestVerdict, ResponseHead, ResponseVerdict, export, host, nodes, params, words,
};

params! {
    /// Misbehaves.
    struct Params {
        /// how
        does: Does, "\"spin\"";
        /// the hook in which
        at: At, "\"request\"";
        /// the node of an action, by its place in the scenario
        node: u32 = 0, "1";
    }
}

words! {
    enum Does {
        /// An endless loop.
        Spin = "spin",
        /// An endless loop of single instructions that each take long.
        Fill = "fill",
        /// Allocates without end.
        Grow = "grow",
        /// Calls itself without end.
        Recurse = "recurse",
        Panic = "panic",
        /// Panics when it is called for the second time.
        PanicSecond = "panic-second",
        /// Verdicts with far too much in them.
        Huge = "huge",
        /// Verdicts that no HTTP has.
        Nonsense = "nonsense",
        /// Logs and counts without measure.
        Chatter = "chatter",
        Kill = "kill",
        Pause = "pause",
        Resume = "resume",
        Restart = "restart",
        Refuse = "refuse",
        Accept = "accept",
        /// Lists the nodes it may touch.
        List = "list",
        /// Asks to decide of events before they come, and to act.
        Foresee = "foresee",
    }
}

words! {
    enum At {
        Configure = "configure",
        Connect = "connect",
        Request = "request",
        Response = "response",
        Events = "events",
        Body = "body",
        Finish = "finish",
        Tick = "tick",
    }
}

struct Hostile(Params, Cell<u32>);

#[expect(unconditional_recursion, reason = "the mischief")]
fn recurse(depth: u64) -> u64 {
    let frame = black_box([depth; 64]);
    recurse(depth + 1) + frame[0]
}

impl Hostile {
    fn misbehave(&self, at: At) -> String {
        if at != self.0.at {
            return String::new();
        }
        let acted = |result: Result<(), String>| result.map_or_else(|why| why, |()| "done".into());
        let node = self.0.node;
        match self.0.does {
            Does::Spin => loop {
                black_box(());
            },
            Does::Fill => {
                let mut block = vec![0_u8; 32 << 20];
                loop {
                    block.fill(black_box(1));
                    black_box(&block);
                }
            }
            Does::Grow => {
                let mut hoard = Vec::new();
                loop {
                    hoard.push(black_box(vec![1_u8; 1 << 20]));
                }
            }
            Does::Recurse => recurse(black_box(0)).to_string(),
            Does::PanicSecond => {
                self.1.set(self.1.get() + 1);
                assert!(self.1.get() < 2, "a hostile guest panics the second time");
                String::new()
            }
            Does::Panic => panic!("a hostile guest panics"),
            Does::Chatter => {
                for n in 0..5_000 {
                    host::log(host::Level::Info, &format!("line {n} {}", "x".repeat(100)));
                    host::count(&format!("name {n}"), 1);
                }
                String::new()
            }
            Does::Kill => acted(nodes::kill(node)),
            Does::Pause => acted(nodes::pause(node)),
            Does::Resume => acted(nodes::resume(node)),
            Does::Restart => acted(nodes::restart(node)),
            Does::Refuse => acted(nodes::refuse(node)),
            Does::Accept => acted(nodes::accept(node)),
            Does::List => nodes::list().iter().map(|node| format!("{}/{} ", node.name, node.zone)).collect(),
            Does::Huge | Does::Nonsense | Does::Foresee => String::new(),
        }
    }
}

impl Plugin for Hostile {
    type Params = Params;

    fn new(params: Params) -> Result<Self, String> {
        let hostile = Self(params, Cell::new(0));
        hostile.misbehave(At::Configure);
        Ok(hostile)
    }

    fn hooks(&self) -> Hooks {
        let all = Hooks::all();
        match self.0.does {
            Does::Foresee => all & !(Hooks::SIZES | Hooks::DATA),
            _ => all & !Hooks::AHEAD,
        }
    }

    fn connect(&mut self, _: &Attempt) -> ConnectVerdict {
        self.misbehave(At::Connect);
        ConnectVerdict::Pass
    }

    fn request(&mut self, _: &Attempt, _: &RequestHead) -> RequestVerdict {
        if self.0.at != At::Request {
            return RequestVerdict::Pass;
        }
        let said = self.misbehave(At::Request);
        let (status, name) =
            if self.0.does == Does::Nonsense { (42, "not a header\n") } else { (500, "x-said") };
        RequestVerdict::Respond(Canned {
            status,
            headers: vec![Header { name: name.into(), value: b"hostile".to_vec() }],
            body: said.into_bytes(),
        })
    }

    fn response(&mut self, _: &Attempt, _: &ResponseHead) -> ResponseVerdict {
        self.misbehave(At::Response);
        ResponseVerdict::Pass
    }

    fn event(&mut self, _: &Attempt, _: &Event) -> EventVerdict {
        self.misbehave(At::Events);
        match self.0.does {
            Does::Huge => EventVerdict::Replace(vec![Vec::new(); 20_000]),
            _ => EventVerdict::Pass,
        }
    }

    fn body(&mut self, _: &Attempt, _: &[u8]) -> BodyVerdict {
        self.misbehave(At::Body);
        match self.0.does {
            Does::Huge => BodyVerdict::Replace(vec![0; 20 << 20]),
            _ => BodyVerdict::Pass,
        }
    }

    fn finish(&mut self, _: &Attempt) {
        self.misbehave(At::Finish);
    }

    fn tick(&mut self, _: u64) {
        self.misbehave(At::Tick);
    }
}

export!(Hostile);
