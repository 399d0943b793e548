//! One node's life: started, ready, killed, paused, restarted, ended.

use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use rustix::process::Signal;

use super::FleetError;
use super::launch::{Launched, Launcher};
use super::process::Process;
use crate::clock::Clock;
use crate::fault::{NodeInfo, NodeState};
use crate::name::NodeName;
use crate::proxy::{NodeProxy, ProxyContext};
use crate::record::{NodeEvent, Record, Recorder};
use crate::scenario::plan::NodePlan;

/// How often a node is launched that is to come back and does not.
const LAUNCHES: u32 = 3;

/// A node and the proxy before it. Clones share both.
#[derive(Clone)]
pub(super) struct Node {
    shared: Arc<Shared>,
}

struct Shared {
    plan: NodePlan,
    launcher: Launcher,
    clock: Clock,
    recorder: Recorder,
    proxy: OnceLock<NodeProxy>,
    life: Mutex<Life>,
}

struct Life {
    state: NodeState,
    /// None for a node that runs elsewhere, and while it is down.
    process: Option<Process>,
    /// Counts the lives, so that the news of an old one's end is not taken for this one's.
    number: u64,
    /// The run is over: nothing starts any more.
    over: bool,
}

impl Node {
    pub(super) fn new(plan: NodePlan, launcher: Launcher, clock: Clock, recorder: Recorder) -> Self {
        let life = Mutex::new(Life { state: NodeState::Down, process: None, number: 0, over: false });
        Self { shared: Arc::new(Shared { plan, launcher, clock, recorder, proxy: OnceLock::new(), life }) }
    }

    pub(super) fn name(&self) -> &NodeName {
        &self.shared.plan.name
    }

    pub(super) fn info(&self) -> NodeInfo {
        NodeInfo {
            name: self.name().clone(),
            zone: self.shared.plan.zone.clone(),
            state: self.shared.life.lock().state,
        }
    }

    /// The origin under which the target reaches this node, once it has been started.
    pub(super) fn proxied_origin(&self) -> Option<String> {
        self.shared.proxy.get().map(|proxy| format!("http://{}", proxy.address()))
    }

    /// Starts the node and its proxy; returns when it is ready.
    pub(super) async fn start(&self, context: ProxyContext) -> Result<(), FleetError> {
        let launched = self.shared.launcher.node(&self.shared.plan).await?;
        let proxy = NodeProxy::start(self.name().clone(), launched.address, context)?;
        proxy.set_manner(launched.manner.clone());
        // `start` is called once a node.
        let _ = self.shared.proxy.set(proxy);
        self.came_up(launched)
    }

    /// Takes a launched process as this node's next life.
    fn came_up(&self, launched: Launched) -> Result<(), FleetError> {
        let mut life = self.shared.life.lock();
        if life.over {
            return Ok(());
        }
        if let Some(proxy) = self.shared.proxy.get() {
            proxy.set_upstream(launched.address);
            proxy.open_listener()?;
        }
        life.number += 1;
        if let Some(process) = &launched.process {
            self.watch(process, life.number);
        }
        life.process = launched.process;
        self.enter(&mut life, NodeState::Up);
        Ok(())
    }

    /// Notices when the process ends by itself.
    fn watch(&self, process: &Process, number: u64) {
        let mut exit = process.exit();
        let node = self.clone();
        tokio::spawn(async move {
            let _ = exit.wait_for(Option::is_some).await;
            let mut life = node.shared.life.lock();
            if life.number == number && life.state != NodeState::Down && !life.over {
                tracing::warn!(node = %node.name(), "the node's process ended by itself");
                node.go_down(&mut life);
            }
        });
    }

    pub(super) fn kill(&self) -> Result<(), String> {
        let mut life = self.shared.life.lock();
        match life.state {
            NodeState::Down => return Ok(()),
            NodeState::Starting => return Err(format!("node `{}` is still starting", self.name())),
            NodeState::Up | NodeState::Paused | NodeState::Refusing => {}
        }
        if life.process.is_none() {
            return Err(self.not_ours());
        }
        self.go_down(&mut life);
        Ok(())
    }

    /// The listener first: no connection may be accepted on behalf of a node that is dead.
    fn go_down(&self, life: &mut Life) {
        if let Some(proxy) = self.shared.proxy.get() {
            proxy.close_listener();
        }
        // Dropping the process kills its group.
        life.process = None;
        self.enter(life, NodeState::Down);
    }

    pub(super) fn pause(&self) -> Result<(), String> {
        let mut life = self.shared.life.lock();
        if life.state != NodeState::Up {
            return Err(format!("node `{}` is {}, not up", self.name(), life.state));
        }
        life.process.as_ref().ok_or_else(|| self.not_ours())?.signal(Signal::STOP)?;
        self.enter(&mut life, NodeState::Paused);
        Ok(())
    }

    pub(super) fn resume(&self) -> Result<(), String> {
        let mut life = self.shared.life.lock();
        if life.state != NodeState::Paused {
            return Ok(());
        }
        life.process.as_ref().ok_or_else(|| self.not_ours())?.signal(Signal::CONT)?;
        self.enter(&mut life, NodeState::Up);
        Ok(())
    }

    pub(super) fn refuse(&self) -> Result<(), String> {
        let mut life = self.shared.life.lock();
        if life.state != NodeState::Up {
            return Err(format!("node `{}` is {}, not up", self.name(), life.state));
        }
        if let Some(proxy) = self.shared.proxy.get() {
            proxy.close_listener();
        }
        self.enter(&mut life, NodeState::Refusing);
        Ok(())
    }

    pub(super) fn accept(&self) -> Result<(), String> {
        let mut life = self.shared.life.lock();
        if life.state != NodeState::Refusing {
            return Ok(());
        }
        if let Some(proxy) = self.shared.proxy.get() {
            proxy.open_listener().map_err(|error| error.to_string())?;
        }
        self.enter(&mut life, NodeState::Up);
        Ok(())
    }

    pub(super) fn restart(&self) -> Result<(), String> {
        {
            let mut life = self.shared.life.lock();
            match life.state {
                NodeState::Up | NodeState::Starting | NodeState::Refusing => return Ok(()),
                NodeState::Down => self.enter(&mut life, NodeState::Starting),
                NodeState::Paused => {
                    drop(life);
                    return self.resume();
                }
            }
        }
        let node = self.clone();
        tokio::spawn(async move { node.come_back().await });
        Ok(())
    }

    /// Launches the node's next life. One that does not come up is tried again: a fault must not outlast its
    /// time because a port was taken for a moment.
    async fn come_back(&self) {
        for left in (0..LAUNCHES).rev() {
            let back = match self.shared.launcher.node(&self.shared.plan).await {
                Ok(launched) => self.came_up(launched),
                Err(error) => Err(error),
            };
            let Err(error) = back else { return };
            tracing::warn!(node = %self.name(), "the node did not come back, {left} tries left: {error}");
            if self.shared.life.lock().over {
                return;
            }
        }
        self.enter(&mut self.shared.life.lock(), NodeState::Down);
    }

    /// Ends the proxy and the process; nothing starts after it.
    pub(super) async fn shut_down(&self) {
        let process = {
            let mut life = self.shared.life.lock();
            life.over = true;
            life.process.take()
        };
        if let Some(proxy) = self.shared.proxy.get() {
            proxy.shut_down().await;
        }
        if let Some(process) = process {
            process.end().await;
        }
    }

    fn enter(&self, life: &mut Life, state: NodeState) {
        life.state = state;
        let event = NodeEvent { at_ns: self.shared.clock.now(), node: self.name().clone(), state };
        self.shared.recorder.record(Record::Node(event));
    }

    fn not_ours(&self) -> String {
        format!(
            "node `{}` runs elsewhere; only nodes that squall started can be killed or paused",
            self.name()
        )
    }
}
