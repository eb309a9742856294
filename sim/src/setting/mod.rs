//! A setting: a workflow of some shape in a world that is in order, and when it runs.

pub mod blocks;
pub mod build;
pub mod people;
pub mod words;

use crate::asl;
use crate::world::{Machine, World};
use serde_json::{Value, json};
pub use words::Names;

/// Which parts a workflow has to have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wants {
    /// An inline Map.
    pub map: bool,
    /// A Parallel.
    pub parallel: bool,
    /// A Choice on what a function answered.
    pub choice: bool,
    /// A child execution.
    pub child: bool,
    /// A message with a token.
    pub callback: bool,
    /// A Batch job.
    pub batch: bool,
    /// An ECS task.
    pub ecs: bool,
    /// An activity.
    pub activity: bool,
    /// A Catch that goes on with a default value.
    pub fallback: bool,
    /// A list that grows from state to state.
    pub growth: bool,
    /// A loop that polls.
    pub poll: bool,
    /// No Catch anywhere at the top level.
    pub bare: bool,
    /// Functions are called by `lambda:invoke`, which tells the version.
    pub invoke: bool,
    /// No Retry on errors of code.
    pub no_retry: bool,
}

/// Which trades, shapes and words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Family {
    /// Used for tuning.
    First,
    /// Held out for reports.
    Second,
}

/// A task that calls a function.
#[derive(Debug, Clone)]
pub struct Part {
    /// State.
    pub state: String,
    /// Function.
    pub function: String,
    /// Where its answer is below the state's data, such as `quote.Payload`.
    pub answer: String,
    /// In which block.
    pub place: Place,
    /// Services that the function calls.
    pub services: Vec<String>,
}

/// Where a task stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In the workflow's own sequence.
    Top,
    /// In the Map.
    Map,
    /// In a branch of the Parallel.
    Branch(usize),
    /// In the child workflow.
    Child,
    /// Behind a Catch that goes on.
    Guarded,
}

/// A workflow, its world and its times.
#[derive(Debug, Clone)]
pub struct Setting {
    /// Seed.
    pub seed: u64,
    /// Names.
    pub names: Names,
    /// Family.
    pub family: Family,
    /// Everything in it.
    pub world: World,
    /// Main state machine.
    pub machine: String,
    /// Child state machine.
    pub child: Option<String>,
    /// Tasks that call functions, in the order of the definition.
    pub parts: Vec<Part>,
    /// The Map state.
    pub map: Option<String>,
    /// The Parallel state.
    pub parallel: Option<String>,
    /// (Choice state, field of the producer's answer, index of the producer in `parts`).
    pub choice: Option<(String, String, usize)>,
    /// (state, queue).
    pub callback: Option<(String, String)>,
    /// (state, activity).
    pub activity: Option<(String, String)>,
    /// (state, job definition).
    pub job: Option<(String, String)>,
    /// (index of the guarded part, index of the part that needs its answer).
    pub fallback: Option<(usize, usize)>,
    /// (index of the producer, field, index of the consumer or state name that reads it).
    pub contract: (usize, String, usize),
    /// Indices of the parts whose answers stay in the data.
    pub growing: Vec<usize>,
    /// The looping Choice.
    pub poll: Option<String>,
    /// What lists are called in the input.
    pub items: &'static str,
    /// What is worked on.
    pub noun: &'static str,
    /// Moments of the healthy executions.
    pub healthy: Vec<i64>,
    /// When the fault begins.
    pub t0: i64,
    /// Moments of the executions afterwards.
    pub after: Vec<i64>,
    /// Elements in the list of an input: least and most.
    pub sizes: (i64, i64),
    /// Services that herrings are made of: no fault is to touch them.
    pub aside: Vec<String>,
    /// Inputs that differ from what is usual, by execution name.
    pub inputs: std::collections::BTreeMap<String, Value>,
}

impl Setting {
    /// Name of the n-th execution.
    pub fn execution(&self, n: usize) -> String {
        format!("{}-{}-{:04}", self.noun, self.names.tag, 1000 + n)
    }

    /// The usual input of an execution.
    pub fn usual_input(&self, n: usize) -> Value {
        let name = self.execution(n);
        let mut dice = self.world.chance.of(&format!("{name}/input"));
        let count = dice.between(self.sizes.0, self.sizes.1);
        self.input_of(&name, count)
    }

    /// An input with so many elements.
    pub fn input_of(&self, name: &str, count: i64) -> Value {
        let mut dice = self.world.chance.of(&format!("{name}/items"));
        let items: Vec<Value> = (0..count)
            .map(|index| json!({"id": format!("{}-{index}", dice.hex(6)), "qty": dice.between(1, 9), "weight": dice.between(20, 900)}))
            .collect();
        let id = format!("{}Id", self.noun);
        json!({
            id: name, "tenant": dice.pick(&["north", "south", "west"]), "channel": dice.pick(&["web", "api", "batch"]),
            "amount": dice.between(20, 900), self.items: items,
        })
    }

    /// Runs everything.
    pub fn run(&mut self) {
        let mut all: Vec<i64> = self.healthy.clone();
        all.extend(&self.after);
        for (n, at) in all.into_iter().enumerate() {
            let name = self.execution(n);
            let input = self
                .inputs
                .get(&name)
                .cloned()
                .unwrap_or_else(|| self.usual_input(n));
            let machine = self.machine.clone();
            asl::execute(&mut self.world, &machine, &name, at, input);
        }
    }

    /// Publishes a version of a state machine.
    pub fn publish(&mut self, machine: &str, at: i64, edit: impl FnOnce(&mut Value)) -> u32 {
        let machine: &mut Machine = self
            .world
            .machines
            .get_mut(machine)
            .expect("the setting has it");
        let (number, _, definition) = machine
            .versions
            .last()
            .expect("it has a first version")
            .clone();
        let mut definition = definition;
        edit(&mut definition);
        machine.versions.push((number + 1, at, definition));
        number + 1
    }
}
