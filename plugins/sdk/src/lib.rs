//! Write a fault plugin for Squall.
//!
//! A plugin is a type with parameters, the hooks it wants, and what it decides in them. The host
//! sleeps, cuts, kills and undoes; the plugin only decides. One value lives for each fault of a
//! scenario, so it may keep state.
//!
//! ```ignore
//! use squall_plugin::{Attempt, Hooks, Plugin, RequestHead, RequestVerdict, Span, export, params};
//!
//! params! {
//!     /// Delays each request.
//!     struct Params {
//!         /// how long
//!         by: Span, "\"20ms\"";
//!     }
//! }
//!
//! struct Late { by: Span }
//!
//! impl Plugin for Late {
//!     type Params = Params;
//!     fn new(params: Params) -> Result<Self, String> { Ok(Self { by: params.by }) }
//!     fn hooks(&self) -> Hooks { Hooks::REQUEST }
//!     fn request(&mut self, _: &Attempt, _: &RequestHead) -> RequestVerdict {
//!         RequestVerdict::Delay(self.by.nanos())
//!     }
//! }
//!
//! export!(Late);
//! ```

pub mod answer;
mod chance;
mod deed;
#[doc(hidden)]
pub mod describe;
pub mod json;
mod params;
mod provider;

/// Made by wit-bindgen from `plugins/wit/fault.wit`.
#[doc(hidden)]
pub mod bindings {
    wit_bindgen::generate!({
        path: "../wit",
        world: "fault",
        pub_export_macro: true,
        default_bindings_module: "squall_plugin::bindings",
        generate_all,
    });
}

pub use bindings::exports::squall::fault::plugin::Guest;
/// What the host lends: run time, a log, counters that the report shows.
pub use bindings::squall::fault::host;
/// Control over the nodes that the scenario grants this fault.
pub use bindings::squall::fault::nodes;
pub use bindings::squall::fault::types::{
    Attempt, BodyVerdict, Canned, ConnectVerdict, Description, Ending, EventBatch, EventRuling, EventVerdict,
    Header, Hooks, Last, Parameter, RequestHead, RequestVerdict, ResponseHead, ResponseVerdict,
};
pub use chance::{Chance, Lognormal};
pub use deed::done;
pub use describe::{Kind, Params, Table};
pub use params::{CountOrShare, CountOrSpan, Span, parse};
pub use provider::{Shape, error_status};
#[doc(hidden)]
pub use serde;

/// A fault plugin. Only the hooks that [`Plugin::hooks`] names are called.
pub trait Plugin: Sized + 'static {
    /// The fault's `with` table, as [`params!`] writes it: a misspelt key stops the run before it starts.
    type Params: Params;

    /// From its parameters, or why they make no sense. The message is shown to the user.
    fn new(params: Self::Params) -> Result<Self, String>;
    /// The hooks it wants called. A hook not asked for costs nothing.
    fn hooks(&self) -> Hooks;
    /// A connection was accepted.
    fn connect(&mut self, _attempt: &Attempt) -> ConnectVerdict {
        ConnectVerdict::Pass
    }
    /// A request has arrived whole.
    fn request(&mut self, _attempt: &Attempt, _head: &RequestHead) -> RequestVerdict {
        RequestVerdict::Pass
    }
    /// The node's response head has arrived.
    fn response(&mut self, _attempt: &Attempt, _head: &ResponseHead) -> ResponseVerdict {
        ResponseVerdict::Pass
    }
    /// An SSE event has arrived ([`Hooks::EVENTS`]). Its size and its payload are in it with [`Hooks::SIZES`] and
    /// [`Hooks::DATA`] only. With [`Hooks::AHEAD`] it may not have come yet, and may never come: what is decided then
    /// must follow from the attempt and the event's place alone, and in return it is asked of many in one call.
    fn event(&mut self, _attempt: &Attempt, _event: &Event) -> EventVerdict {
        EventVerdict::Pass
    }
    /// The body of an answer that is no stream has arrived whole.
    fn body(&mut self, _attempt: &Attempt, _data: &[u8]) -> BodyVerdict {
        BodyVerdict::Pass
    }
    /// The attempt has ended.
    fn finish(&mut self, _attempt: &Attempt) {}
    /// Called every 10 ms while the fault is on.
    fn tick(&mut self, _now: u64) {}
}

/// An event of a stream.
#[derive(Clone, Copy, Debug)]
pub struct Event<'a> {
    /// Its place in the stream, from 0.
    pub index: u32,
    /// Bytes of its payload; none for a plugin that did not ask for [`Hooks::SIZES`].
    pub size: Option<u32>,
    /// Its payload; none for a plugin that did not ask for [`Hooks::DATA`].
    pub data: Option<&'a [u8]>,
}

impl<'a> Event<'a> {
    /// Its payload; empty for a plugin that did not ask for [`Hooks::DATA`].
    pub fn payload(&self) -> &'a [u8] {
        self.data.unwrap_or_default()
    }
}

/// The first verdict other than pass. What comes after its event is not looked at: the host asks again.
#[doc(hidden)]
pub fn first_ruling(plugin: &mut impl Plugin, attempt: &Attempt, batch: &EventBatch) -> Option<EventRuling> {
    let EventBatch { first, count, sizes, data } = batch;
    (0..*count).find_map(|place| {
        let size = sizes.as_ref().and_then(|sizes| sizes.get(place as usize).copied());
        let data = data.as_ref().and_then(|data| data.get(place as usize)).map(Vec::as_slice);
        match plugin.event(attempt, &Event { index: first + place, size, data }) {
            EventVerdict::Pass => None,
            verdict => Some(EventRuling { place, verdict }),
        }
    })
}

/// The value of header `name`, whatever its case, where it is text.
pub fn header<'a>(headers: &'a [Header], name: &str) -> Option<&'a str> {
    let header = headers.iter().find(|header| header.name.eq_ignore_ascii_case(name))?;
    std::str::from_utf8(&header.value).ok()
}

/// Makes `$plugin` what this guest exports. Once in a crate.
#[macro_export]
macro_rules! export {
    ($plugin:ty) => {
        mod squall_export {
            use super::*;
            use std::cell::RefCell;
            use $crate::Plugin as _;

            thread_local! {
                static PLUGIN: RefCell<Option<$plugin>> = const { RefCell::new(None) };
            }

            /// The host configures before it calls anything else; were it not so, nothing happens.
            fn with<T>(otherwise: T, call: impl FnOnce(&mut $plugin) -> T) -> T {
                PLUGIN.with_borrow_mut(|plugin| plugin.as_mut().map_or(otherwise, call))
            }

            struct Export;

            impl $crate::Guest for Export {
                fn describe() -> $crate::Description {
                    type Params = <$plugin as $crate::Plugin>::Params;
                    $crate::Description {
                        summary: <Params as $crate::Params>::summary(),
                        parameters: <Params as $crate::Params>::parameters(),
                    }
                }
                fn configure(config: String) -> Result<$crate::Hooks, String> {
                    let plugin = <$plugin>::new($crate::parse(&config)?)?;
                    let hooks = plugin.hooks();
                    PLUGIN.set(Some(plugin));
                    Ok(hooks)
                }
                fn connect(attempt: $crate::Attempt) -> $crate::ConnectVerdict {
                    with($crate::ConnectVerdict::Pass, |plugin| plugin.connect(&attempt))
                }
                fn request(attempt: $crate::Attempt, head: $crate::RequestHead) -> $crate::RequestVerdict {
                    with($crate::RequestVerdict::Pass, |plugin| plugin.request(&attempt, &head))
                }
                fn response(attempt: $crate::Attempt, head: $crate::ResponseHead) -> $crate::ResponseVerdict {
                    with($crate::ResponseVerdict::Pass, |plugin| plugin.response(&attempt, &head))
                }
                fn events(
                    attempt: $crate::Attempt,
                    batch: $crate::EventBatch,
                ) -> Option<$crate::EventRuling> {
                    with(None, |plugin| $crate::first_ruling(plugin, &attempt, &batch))
                }
                fn body(attempt: $crate::Attempt, data: Vec<u8>) -> $crate::BodyVerdict {
                    with($crate::BodyVerdict::Pass, |plugin| plugin.body(&attempt, &data))
                }
                fn finish(attempt: $crate::Attempt) {
                    with((), |plugin| plugin.finish(&attempt));
                }
                fn tick(now: u64) {
                    with((), |plugin| plugin.tick(now));
                }
            }

            $crate::bindings::export!(Export with_types_in $crate::bindings);
        }
    };
}
