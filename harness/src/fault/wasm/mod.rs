//! The plugin host, on wasmtime's component model. Nothing else names wasmtime.
//!
//! A plugin gets run time, a log, counters and the nodes that the scenario grants it; no WASI, and
//! no import beyond `squall:fault`. Each call has a budget of fuel, with an epoch as the backstop, and
//! all of a plugin's memory has one cap.

mod cache;
mod convert;
mod state;
mod trial;
mod wrap;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, HasSelf, Linker};
use wasmtime::{Config, Store};

use super::interface;
use super::{
    BodyVerdict, Call, ConnectVerdict, Description, EventBatch, EventRuling, Fault, Hooks, RequestHead,
    RequestVerdict, ResponseHead, ResponseVerdict, Trap, TrapKind,
};
use crate::clock::Nanos;
use cache::Cache;
use state::State;
pub(super) use state::{Deeds, Lent};
pub use trial::{Interface, Shape, Specimen, Trial};

mod bindings {
    wasmtime::component::bindgen!({ path: "../plugins/wit", world: "fault" });
}

/// What a call may cost.
#[derive(Clone, Copy)]
struct Budget {
    /// Units of fuel: about as many instructions.
    fuel: u64,
    /// Ticks of the epoch, the backstop for single instructions that take long.
    epochs: u64,
}

/// A call before the run, when nobody waits: a few seconds of work, for guests that start an interpreter.
const BEFORE: Budget = Budget { fuel: 2_000_000_000, epochs: 100 };
/// A call during the run, when other requests wait for the processor: some ten milliseconds of work, enough
/// to write an event of megabytes. A verdict takes microseconds.
const DURING: Budget = Budget { fuel: 100_000_000, epochs: 5 };
/// Between two ticks of the epoch.
const EPOCH: Duration = Duration::from_millis(50);
/// All of a plugin's memory.
pub(super) const MEMORY: u64 = 64 << 20;

/// Characters of a message that are shown.
const LINE: usize = 300;

/// How a core module begins.
const CORE: &[u8] = b"\0asm\x01\0\0\0";
/// How a component begins.
const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";

/// Why bytes are no plugin.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// Neither a module nor a component.
    #[error("it is not WebAssembly; a plugin is a component, or a core module built with the guest SDK")]
    NotWasm,
    /// A core module that does not say which interface it implements.
    #[error("it is a core module that could not be made a component ({0}); build it with the guest SDK")]
    NotWrapped(String),
    /// WebAssembly that does not compile.
    #[error("it does not compile: {0}")]
    Invalid(String),
    /// It wants more than it gets.
    #[error(
        "it imports `{0}`, which Squall does not give; a plugin may import `squall:fault/host` and `squall:fault/nodes` only"
    )]
    Import(String),
    /// It was built for an interface that is not this one.
    #[error(
        "it is built for squall:fault@{has}, and this Squall speaks squall:fault@{}; build it again with this Squall's SDK and fault.wit (`squall plugin new` writes both)",
        interface::version()
    )]
    Version {
        /// The version that it names.
        has: String,
    },
    /// Its exports are not those of the interface.
    #[error("it does not implement plugins/wit/fault.wit: {0}")]
    Interface(String),
}

/// Compiles plugins and runs them.
pub(super) struct Host {
    engine: wasmtime::Engine,
    linker: Linker<State>,
    cache: Cache,
}

impl Host {
    pub(super) fn new() -> Result<Self, Refusal> {
        let mut config = Config::new();
        config.concurrency_support(false).consume_fuel(true).epoch_interruption(true);
        let invalid = |error: wasmtime::Error| Refusal::Invalid(error.to_string());
        let engine = wasmtime::Engine::new(&config).map_err(invalid)?;
        let mut linker = Linker::new(&engine);
        bindings::Fault::add_to_linker::<_, HasSelf<State>>(&mut linker, |state| state).map_err(invalid)?;
        let clockwork = engine.weak();
        let tick = move || {
            while let Some(engine) = clockwork.upgrade() {
                engine.increment_epoch();
                drop(engine);
                std::thread::sleep(EPOCH);
            }
        };
        let thread = std::thread::Builder::new().name("squall-epoch".into()).spawn(tick);
        thread.map_err(|error| Refusal::Invalid(error.to_string()))?;
        Ok(Self { engine, linker, cache: Cache::of_user() })
    }

    /// Takes a component, or a core module that carries its component type, which it wraps.
    pub(super) fn compile(&self, bytes: &[u8]) -> Result<Component, Refusal> {
        let bytes = self.component(bytes)?;
        let component = self.native(&bytes)?;
        let kind = component.component_type();
        kind.imports(&self.engine).try_for_each(|(name, _)| known(name))?;
        let exports = kind.exports(&self.engine).map(|(name, _)| name);
        exports.filter(|name| interface::version_of(name).is_some()).try_for_each(known)?;
        Ok(component)
    }

    /// What a component imports lets it act on nodes, or tell the time.
    fn lets_act(&self, component: &Component) -> bool {
        let kind = component.component_type();
        let mut imports = kind.imports(&self.engine);
        imports.any(|(name, item)| match item.ty {
            ComponentItem::ComponentInstance(host) if name.starts_with("squall:fault/host") => {
                host.exports(&self.engine).any(|(name, _)| name == "now")
            }
            _ => name.starts_with("squall:fault/nodes"),
        })
    }

    /// Native code of a component, whatever it imports.
    fn native(&self, component: &[u8]) -> Result<Component, Refusal> {
        let native = self.cache.component(&self.engine, component);
        native.map_err(|error| Refusal::Invalid(first_line(&error)))
    }

    /// A component as it is, and a core module as the component that it is wrapped in.
    fn component<'a>(&self, bytes: &'a [u8]) -> Result<Cow<'a, [u8]>, Refusal> {
        match bytes.get(..8) {
            Some(COMPONENT) => Ok(Cow::Borrowed(bytes)),
            Some(CORE) => {
                // The encoder expects a valid module, and panics on others.
                wasmtime::Module::validate(&self.engine, bytes)
                    .map_err(|error| Refusal::Invalid(first_line(&error)))?;
                wrap::wrap(bytes).map(Cow::Owned)
            }
            _ => Err(Refusal::NotWasm),
        }
    }

    /// An instance of a plugin, before it is configured.
    pub(super) fn instantiate(&self, component: &Component, lent: Lent) -> Result<Plugin, Refusal> {
        let refused = |error: &wasmtime::Error| Refusal::Interface(first_line(error));
        let name = lent.plugin.clone();
        let ready = self.linker.instantiate_pre(component).map_err(|error| refused(&error))?;
        let ready = bindings::FaultPre::new(ready).map_err(|error| refused(&error))?;
        let mut store = store(&self.engine, State::new(lent));
        let instance = instance(&mut store, &ready, BEFORE).map_err(|error| refused(&error))?;
        Ok(Plugin {
            name,
            ready,
            store,
            instance,
            config: String::new(),
            hooks: Hooks::default(),
            budget: BEFORE,
            fuel_given: 0,
            fuel_used: 0,
            acts: self.lets_act(component),
            events_at_once: 1,
            trapped: None,
        })
    }
}

/// Hooks that can be called: nothing of an event is known before it comes but its place.
fn sound(hooks: Hooks, acts: bool) -> Result<Hooks, String> {
    let other = match hooks {
        Hooks { ahead: true, sizes: true, .. } | Hooks { ahead: true, data: true, .. } => {
            "to see what is in them"
        }
        Hooks { ahead: true, .. } if acts => "to act on nodes or to know the time, by what it imports",
        _ => return Ok(hooks),
    };
    Err(format!(
        "the plugin asks to decide of events before they come (`ahead`), and {other}: it can't have both"
    ))
}

/// Refuses a name that is of another interface, or of another track of ours.
fn known(name: &str) -> Result<(), Refusal> {
    let version = interface::version_of(name).ok_or_else(|| Refusal::Import(in_a_line(name)))?;
    if interface::speaks(version) { Ok(()) } else { Err(Refusal::Version { has: in_a_line(version) }) }
}

fn first_line(error: &wasmtime::Error) -> String {
    in_a_line(format!("{error:#}").lines().next().unwrap_or_default())
}

/// A text in which a plugin may have had its say, fit for a line: such a one may be of any length, and drive a
/// terminal.
fn in_a_line(text: &str) -> String {
    let mut line: String =
        text.chars().take(LINE).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if text.chars().nth(LINE).is_some() {
        line.push('…');
    }
    line
}

fn store(engine: &wasmtime::Engine, state: State) -> Store<State> {
    let mut store = Store::new(engine, state);
    store.limiter(|state| state);
    store
}

fn instance(
    store: &mut Store<State>,
    ready: &bindings::FaultPre<State>,
    budget: Budget,
) -> wasmtime::Result<bindings::Fault> {
    refuel(store, budget)?;
    ready.instantiate(store)
}

fn refuel(store: &mut Store<State>, budget: Budget) -> Result<(), wasmtime::Error> {
    store.set_epoch_deadline(budget.epochs);
    store.set_fuel(budget.fuel)
}

/// A plugin that runs: one instance a fault.
pub(super) struct Plugin {
    name: String,
    ready: bindings::FaultPre<State>,
    store: Store<State>,
    instance: bindings::Fault,
    /// The fault's parameters, as JSON.
    config: String,
    hooks: Hooks,
    budget: Budget,
    /// What the last call was given, and what it used.
    fuel_given: u64,
    fuel_used: u64,
    /// It may act on nodes, or ask for the time.
    acts: bool,
    /// Events that one call may be about, as far as the last such call shows.
    events_at_once: usize,
    /// An instance that trapped can't be entered again: it fails the same way for ever.
    trapped: Option<Trap>,
}

impl Plugin {
    /// Hands over the fault's parameters. The inner error is the plugin's own.
    pub(super) fn configure(&mut self, json: &str) -> Result<Result<(), String>, Trap> {
        let configured = self.call("configure", |plugin, store| plugin.call_configure(store, json))?;
        self.budget = DURING;
        json.clone_into(&mut self.config);
        let sound = configured.map(convert::hooks).and_then(|hooks| sound(hooks, self.acts));
        Ok(sound.map(|hooks| self.hooks = hooks))
    }

    /// A fresh instance in place of this one, with the same parameters.
    fn renew(&mut self) -> Result<(), Trap> {
        self.store = store(self.store.engine(), State::new(self.store.data().lent.clone()));
        self.trapped = None;
        match instance(&mut self.store, &self.ready, self.budget) {
            Ok(instance) => self.instance = instance,
            Err(error) => {
                let kind = self.kind_of(&error);
                return Err(self.trap("configure", kind));
            }
        }
        let config = std::mem::take(&mut self.config);
        let configured = self.configure(&config)?;
        configured.map_err(|why| self.trap("configure", TrapKind::Other(in_a_line(&why))))
    }

    /// What it says of itself.
    pub(super) fn describe(&mut self) -> Result<Description, Trap> {
        let described = self.call("describe", |plugin, store| plugin.call_describe(store))?;
        Ok(convert::description(described))
    }

    fn call<T>(
        &mut self,
        hook: &'static str,
        call: impl FnOnce(
            &bindings::exports::squall::fault::plugin::Guest,
            &mut Store<State>,
        ) -> wasmtime::Result<T>,
    ) -> Result<T, Trap> {
        self.call_within(self.budget, hook, call)
    }

    fn call_within<T>(
        &mut self,
        budget: Budget,
        hook: &'static str,
        call: impl FnOnce(
            &bindings::exports::squall::fault::plugin::Guest,
            &mut Store<State>,
        ) -> wasmtime::Result<T>,
    ) -> Result<T, Trap> {
        if let Some(trap) = &self.trapped {
            return Err(trap.clone());
        }
        self.store.data_mut().hook = hook;
        self.fuel_given = budget.fuel;
        let result = refuel(&mut self.store, budget)
            .and_then(|()| call(self.instance.squall_fault_plugin(), &mut self.store));
        // An engine without fuel would be a mistake of ours, not a call that is free.
        self.fuel_used = budget.fuel - self.store.get_fuel().unwrap_or(budget.fuel);
        result.map_err(|error| {
            let kind = self.kind_of(&error);
            self.trap(hook, kind)
        })
    }

    fn trap(&mut self, hook: &'static str, kind: TrapKind) -> Trap {
        let trap = Trap { plugin: self.name.clone(), hook, kind };
        self.trapped = Some(trap.clone());
        trap
    }

    fn kind_of(&self, error: &wasmtime::Error) -> TrapKind {
        if self.store.data().refused_memory {
            return TrapKind::Memory(MEMORY);
        }
        match error.downcast_ref::<wasmtime::Trap>() {
            Some(wasmtime::Trap::OutOfFuel) => TrapKind::Fuel(self.fuel_given),
            Some(wasmtime::Trap::Interrupt) => TrapKind::Deadline(EPOCH * self.budget.epochs as u32),
            Some(trap) => TrapKind::Other(trap.to_string()),
            None => TrapKind::Other(first_line(error)),
        }
    }

    /// How many events it may be shown in one call, which is to cost no more than a quarter of a call's fuel, after
    /// one that looked at `seen` of them. A guest that needs much for an event is not to fail because several came
    /// together.
    fn room_for_events(&self, seen: usize) -> usize {
        let room = (self.budget.fuel / 4).saturating_mul(seen as u64) / self.fuel_used().max(1);
        usize::try_from(room).unwrap_or(usize::MAX).max(1)
    }

    /// The fuel that the last call used.
    fn fuel_used(&self) -> u64 {
        self.fuel_used
    }

    /// A verdict that nobody could carry out is a plugin's failure like any other.
    fn checked<T>(&mut self, hook: &'static str, verdict: Result<T, String>) -> Result<T, Trap> {
        verdict.map_err(|why| self.trap(hook, TrapKind::Other(why)))
    }
}

impl Fault for Plugin {
    fn hooks(&self) -> Hooks {
        self.hooks
    }

    fn acts(&self) -> bool {
        self.acts
    }

    fn connect(&mut self, call: &Call<'_>) -> Result<ConnectVerdict, Trap> {
        let attempt = convert::attempt(call);
        let verdict = self.call("connect", |plugin, store| plugin.call_connect(store, attempt))?;
        Ok(convert::connect(verdict))
    }

    fn request(&mut self, call: &Call<'_>, head: &RequestHead) -> Result<RequestVerdict, Trap> {
        let (attempt, head) = (convert::attempt(call), convert::request_head(head));
        let verdict = self.call("request", |plugin, store| plugin.call_request(store, attempt, &head))?;
        self.checked("request", convert::request(verdict))
    }

    fn response(&mut self, call: &Call<'_>, head: &ResponseHead) -> Result<ResponseVerdict, Trap> {
        let (attempt, head) = (convert::attempt(call), convert::response_head(head));
        let verdict = self.call("response", |plugin, store| plugin.call_response(store, attempt, &head))?;
        self.checked("response", convert::response(verdict))
    }

    fn events(&mut self, call: &Call<'_>, batch: EventBatch<'_>) -> Result<Option<EventRuling>, Trap> {
        let attempt = convert::attempt(call);
        let (mut asked, mut fuel) = (0, 0);
        while asked < batch.count {
            let some = batch.part(asked, self.events_at_once);
            let shown = convert::batch(some, self.hooks);
            // As much for each as if it were shown by itself; the time that others wait has its bound nonetheless.
            let budget = Budget { fuel: self.budget.fuel.saturating_mul(some.count as u64), ..self.budget };
            let ruling = self
                .call_within(budget, "events", |plugin, store| plugin.call_events(store, attempt, &shown))?;
            let ruling = self.checked("events", convert::event_ruling(ruling, some.count))?;
            self.events_at_once = self.room_for_events(ruling.as_ref().map_or(some.count, |r| r.place + 1));
            fuel += self.fuel_used;
            self.fuel_used = fuel;
            if let Some(EventRuling { place, verdict }) = ruling {
                return Ok(Some(EventRuling { place: asked + place, verdict }));
            }
            asked += some.count;
        }
        Ok(None)
    }

    fn body(&mut self, call: &Call<'_>, data: &Bytes) -> Result<BodyVerdict, Trap> {
        let attempt = convert::attempt(call);
        let verdict = self.call("body", |plugin, store| plugin.call_body(store, attempt, data))?;
        self.checked("body", convert::body(verdict))
    }

    fn finish(&mut self, call: &Call<'_>) -> Result<(), Trap> {
        let attempt = convert::attempt(call);
        self.call("finish", |plugin, store| plugin.call_finish(store, attempt))
    }

    fn tick(&mut self, now: Nanos) -> Result<(), Trap> {
        self.call("tick", |plugin, store| plugin.call_tick(store, now.0))
    }

    fn revive(&mut self) -> Result<(), Trap> {
        self.renew()
    }
}

/// What a plugin's instance shares with the report and the timeline.
pub(super) fn deeds() -> Arc<Deeds> {
    Arc::new(Deeds::default())
}
