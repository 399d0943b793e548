//! `blackhole`: nothing comes back, and the connection stays.
//!
//! What is lost on its way to the node leaves the node idle; what is lost on its way back has cost the
//! node its work. To the client both are the same silence.

use squall_plugin::{
    Attempt, ConnectVerdict, Hooks, Plugin, RequestHead, RequestVerdict, ResponseHead, ResponseVerdict,
    export, params, words,
};

params! {
    /// Nothing comes back, and the connection stays open.
    struct Params {
        /// what is lost: the request, so that the node never sees it; the response, so that the node works
        /// for nothing; or both, from a connection's first byte on
        direction: Direction = Direction::Both, "\"response\"";
    }
}

words! {
    enum Direction { Request = "request", Response = "response", Both = "both" }
}

struct Blackhole {
    direction: Direction,
}

impl Plugin for Blackhole {
    type Params = Params;

    fn new(params: Params) -> Result<Self, String> {
        Ok(Self { direction: params.direction })
    }

    fn hooks(&self) -> Hooks {
        match self.direction {
            Direction::Request => Hooks::REQUEST,
            Direction::Response => Hooks::RESPONSE,
            Direction::Both => Hooks::CONNECT | Hooks::REQUEST,
        }
    }

    fn connect(&mut self, _: &Attempt) -> ConnectVerdict {
        ConnectVerdict::Hang
    }

    fn request(&mut self, _: &Attempt, _: &RequestHead) -> RequestVerdict {
        RequestVerdict::Hang
    }

    fn response(&mut self, _: &Attempt, _: &ResponseHead) -> ResponseVerdict {
        ResponseVerdict::Hang
    }
}

export!(Blackhole);
