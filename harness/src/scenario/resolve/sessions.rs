//! What an arrival begins: sessions.

use super::super::diagnostic::Diagnostic;
use super::super::place::Placed;
use super::super::plan::{Api, Length, Lengths, Sessions, SubRequests, Tools, Turns};
use super::super::raw::{self, NumberOrText};
use super::super::units;
use super::Resolver;
use crate::traffic::MOST_CALLS;

/// Tokens of a tool's result.
const RESULT: Length = Length::Fixed(100);

impl Resolver {
    /// `of_prompts` are the lengths of all prompts, where nothing else is said of sub-requests.
    pub(super) fn sessions(&mut self, raw: &raw::Traffic, api: Api, of_prompts: Lengths) -> Option<Sessions> {
        let session = raw.session.as_ref()?;
        self.fits(session, raw, api);
        let turns = units::turns(&session.turns).unwrap_or_else(|wrong| {
            self.wrong("turns", &session.turns.span, wrong);
            Turns::Fixed(1)
        });
        let sessions = Sessions {
            turns,
            think: self.think("think", session.think.as_ref()),
            tools: session.tools.as_ref().map(|tools| self.tools(tools)),
            sub_requests: session.sub_requests.as_ref().map(|sub| self.sub_requests(sub, of_prompts)),
        };
        let between = sessions.tools.is_some() || sessions.sub_requests.is_some();
        if matches!(session.turns.value, NumberOrText::Integer(1)) && between {
            self.mistake(
                Diagnostic::new("tools and sub-requests come between two turns, and there is only one")
                    .at(&session.turns.span, "expected more than one")
                    .help("write, for example, `turns = 6`, or take them away"),
            );
        }
        Some(sessions)
    }

    /// Are sessions anything that this traffic can have?
    fn fits(&mut self, session: &Placed<raw::Session>, raw: &raw::Traffic, api: Api) {
        if raw.arrivals.is_none() && raw.trace.is_none() && raw.users.is_some() {
            self.mistake(
                Diagnostic::new(
                    "a `session` is what each of the `arrivals` or each row of a `trace` begins, and [traffic] \
                     has neither",
                )
                .at(&session.span, "this would count for nothing")
                .help(
                    "users have conversations of their own: `users = { count = 20, think = \"2s\", turns = 6 }`",
                ),
            );
        }
        if !api.streams() {
            self.mistake(
                Diagnostic::new(format!("`{api}` answers nothing that a conversation could go on from"))
                    .at(&session.span, "this can't be asked for")
                    .help("take `session` away, or choose an `api` that answers with text"),
            );
        }
    }

    fn tools(&mut self, raw: &raw::Tools) -> Tools {
        Tools {
            calls: raw.calls.as_ref().map_or(1, |calls| self.at_once("calls", calls)),
            time: self.think("time", raw.time.as_ref()),
            result: self.length("result", raw.result.as_ref(), RESULT),
        }
    }

    fn sub_requests(&mut self, raw: &raw::SubRequests, of_prompts: Lengths) -> SubRequests {
        SubRequests {
            count: self.at_once("count", &raw.count),
            lengths: Lengths {
                input: self.length("input", raw.input.as_ref(), of_prompts.input),
                output: self.length("output", raw.output.as_ref(), of_prompts.output),
            },
        }
    }

    fn at_once(&mut self, key: &str, count: &Placed<u32>) -> u32 {
        if count.value > MOST_CALLS {
            self.mistake(
                Diagnostic::new(format!("`{key}` must be {MOST_CALLS} or less"))
                    .at(&count.span, "this can't be meant"),
            );
        }
        self.count_or(key, Some(count), 1, 1)
    }
}
