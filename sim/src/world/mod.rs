//! The world that workflows run in: functions, services, hosts, queues, jobs, and what each of them is like.
//!
//! A fault changes a property of something in here, at a time. Nothing in here knows how a fault looks in
//! the data: what is seen follows from what happens.

pub mod call;
pub mod fleet;
pub mod function;
pub mod handler;
pub mod invoke;
pub mod jobs;
pub mod language;
pub mod queue;
pub mod report;
pub mod service;

use crate::chance::Chance;
use crate::facts::Facts;
pub use function::{Dependency, Function, Need, Version};
pub use jobs::JobKind;
pub use language::Language;
pub use queue::Queue;
use serde_json::Value;
pub use service::{Host, Service, Trouble};
use std::collections::BTreeMap;

/// From when until when something holds, in milliseconds since the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// First millisecond.
    pub from: i64,
    /// First millisecond after it.
    pub until: i64,
}

impl Window {
    /// From a moment on.
    pub fn since(from: i64) -> Self {
        Window {
            from,
            until: i64::MAX,
        }
    }

    /// True when the moment lies in it.
    pub fn holds(&self, at: i64) -> bool {
        (self.from..self.until).contains(&at)
    }
}

/// A state machine and its published versions, oldest first.
#[derive(Debug, Clone)]
pub struct Machine {
    /// Name.
    pub name: String,
    /// (version, in force since, definition).
    pub versions: Vec<(u32, i64, Value)>,
}

impl Machine {
    /// The version in force at a moment: (version, definition).
    pub fn at(&self, at: i64) -> (u32, &Value) {
        let mut held = &self.versions[0];
        for version in &self.versions {
            if version.1 <= at {
                held = version;
            }
        }
        (held.0, &held.2)
    }
}

/// A change that the operators know of.
#[derive(Debug, Clone)]
pub struct Change {
    /// When, milliseconds since the epoch.
    pub at: i64,
    /// `lambda`, `state_machine`, `config`, `role`, `experiment`, `service`…
    pub kind: String,
    /// What was changed.
    pub resource: String,
    /// How.
    pub change: String,
}

/// Everything.
#[derive(Debug, Clone)]
pub struct World {
    /// The dice of everybody.
    pub chance: Chance,
    /// State machines by name.
    pub machines: BTreeMap<String, Machine>,
    /// Functions by name.
    pub functions: BTreeMap<String, Function>,
    /// Services by name.
    pub services: BTreeMap<String, Service>,
    /// Hosts by name.
    pub hosts: BTreeMap<String, Host>,
    /// Queues whose consumers answer tokens, and activities, by name.
    pub queues: BTreeMap<String, Queue>,
    /// Batch job definitions and ECS task definitions by name.
    pub jobs: BTreeMap<String, JobKind>,
    /// Sandboxes by function.
    pub fleets: BTreeMap<String, fleet::Fleet>,
    /// What the operators know of.
    pub changes: Vec<Change>,
    /// Executions whose identity has no permission for something: role name by action and resource.
    pub denied: Vec<Denied>,
    /// What was recorded.
    pub facts: Facts,
}

/// A permission that a role does not have.
#[derive(Debug, Clone)]
pub struct Denied {
    /// Since when.
    pub window: Window,
    /// The function or state machine that acts in this role.
    pub actor: String,
    /// What it may not use: a service's or function's name.
    pub target: String,
}

impl World {
    /// An empty world.
    pub fn new(seed: u64) -> Self {
        World {
            chance: Chance(seed),
            machines: BTreeMap::new(),
            functions: BTreeMap::new(),
            services: BTreeMap::new(),
            hosts: BTreeMap::new(),
            queues: BTreeMap::new(),
            jobs: BTreeMap::new(),
            fleets: BTreeMap::new(),
            changes: Vec::new(),
            denied: Vec::new(),
            facts: Facts::default(),
        }
    }

    /// True when the actor may not use the target at that moment.
    pub fn is_denied(&self, actor: &str, target: &str, at: i64) -> bool {
        self.denied.iter().any(|denied| {
            denied.actor == actor && denied.target == target && denied.window.holds(at)
        })
    }
}
