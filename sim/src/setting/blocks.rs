//! The blocks that workflows are made of, and how they are joined.

use super::build::Builder;
use super::{Place, people};
use crate::world::function::Answer;
use crate::world::{JobKind, Machine};
use demo::run::{ACCOUNT, REGION};
use serde_json::{Map, Value, json};

/// States that are entered in one place and left in one or more.
#[derive(Debug, Clone)]
pub(super) struct Block {
    pub(super) entry: String,
    pub(super) states: Vec<(String, Value)>,
    /// States that lead to the next block.
    pub(super) exits: Vec<String>,
}

/// Where a failing task goes on.
#[derive(Debug, Clone)]
pub(super) struct Guard {
    pub(super) next: String,
}

/// Joins blocks one after the other.
pub(super) fn link(blocks: &[Block]) -> Map<String, Value> {
    let mut states = Map::new();
    for (index, block) in blocks.iter().enumerate() {
        let next = blocks.get(index + 1).map(|block| &block.entry);
        for (name, state) in &block.states {
            let mut state = state.clone();
            if block.exits.contains(name) {
                match next {
                    Some(next) => state["Next"] = json!(next),
                    None => state["End"] = json!(true),
                }
            }
            // A Choice names the next block by a mark.
            let text = state.to_string().replace(
                "\"<next>\"",
                &json!(next.map_or("", String::as_str)).to_string(),
            );
            states.insert(
                name.clone(),
                serde_json::from_str(&text).expect("it was written by serde_json"),
            );
        }
    }
    states
}

impl Builder<'_> {
    /// A Choice on a number that a part answers; what does not match takes a detour.
    pub(super) fn choice(&mut self, producer: usize) -> (Block, String, String) {
        let producer = self.parts[producer].clone();
        let function = self
            .world
            .functions
            .get_mut(&producer.function)
            .expect("parts have functions");
        let field = "grade".to_owned();
        function.versions[0]
            .answer
            .push((field.clone(), Answer::Number(2, 9)));
        let name = self.names.state(&["is", self.trade.noun, "good"]);
        let by_hand = self.names.state(&["mark", "for", "review"]);
        let usual = self.task(Place::Top, None);
        let place = format!("$.{}.{field}", producer.answer);
        let choice = json!({
            "Type": "Choice",
            "Choices": [{"And": [{"Variable": place, "IsPresent": true}, {"Variable": place, "NumericGreaterThanEquals": 1}], "Next": usual.entry}],
            "Default": by_hand,
        });
        let review =
            json!({"Type": "Pass", "Result": {"review": "needed"}, "ResultPath": "$.review"});
        let mut states = vec![(name.clone(), choice), (by_hand.clone(), review)];
        states.extend(usual.states.clone());
        let mut exits = usual.exits.clone();
        exits.push(by_hand);
        (
            Block {
                entry: name.clone(),
                states,
                exits,
            },
            name,
            field,
        )
    }

    /// A task whose failure is replaced by a default.
    pub(super) fn guarded(&mut self) -> (Block, usize) {
        let fallback = self.names.state(&["use", "default"]);
        let index = self.parts.len();
        let mut block = self.task(
            Place::Guarded,
            Some(Guard {
                next: fallback.clone(),
            }),
        );
        let answer = self.parts[index].answer.clone();
        let (result, default) = match answer.strip_suffix(".Payload") {
            Some(result) => (
                result.to_owned(),
                json!({"Payload": {"status": "default", "rate": null}}),
            ),
            None => (answer, json!({"status": "default", "rate": null})),
        };
        let pass = json!({"Type": "Pass", "Result": default, "ResultPath": format!("$.{result}")});
        block.states.push((fallback.clone(), pass));
        block.exits.push(fallback);
        (block, index)
    }

    pub(super) fn map(&mut self) -> (Block, String) {
        let noun = self.trade.items.trim_end_matches('s');
        let name = self.names.state(&["each", noun]);
        let mut inner = vec![self.task(Place::Map, None)];
        if self.dice.chance(0.35) {
            inner.push(self.task(Place::Map, None));
        }
        let selected = self.dice.chance(0.5);
        let need = if selected { "item.qty" } else { "qty" };
        let part = self
            .parts
            .iter()
            .find(|part| part.place == Place::Map)
            .expect("it has just been made")
            .function
            .clone();
        let function = self
            .world
            .functions
            .get_mut(&part)
            .expect("parts have functions");
        function.needs.push(crate::world::Need {
            field: need.to_owned(),
            number: true,
        });
        let flow = json!({"ProcessorConfig": {"Mode": "INLINE"}, "StartAt": inner[0].entry, "States": link(&inner)});
        let mut value = json!({
            "Type": "Map", "ItemsPath": format!("$.{}", self.trade.items), "MaxConcurrency": self.dice.between(2, 6),
            "ItemProcessor": flow, "ResultPath": "$.results",
        });
        if selected {
            let id = format!("$.{}Id", self.trade.noun);
            value["ItemSelector"] = json!({"item.$": "$$.Map.Item.Value", "of.$": id});
        }
        self.handle(&mut value);
        (
            Block {
                entry: name.clone(),
                states: vec![(name.clone(), value)],
                exits: vec![name.clone()],
            },
            name,
        )
    }

    pub(super) fn parallel(&mut self) -> (Block, String) {
        let name = self.names.state(&["in", "parallel"]);
        let branches: Vec<Value> = (0..self.dice.between(2, 3) as usize)
            .map(|index| {
                let mut inner = vec![self.task(Place::Branch(index), None)];
                if self.dice.chance(0.3) {
                    inner.push(self.task(Place::Branch(index), None));
                }
                json!({"StartAt": inner[0].entry, "States": link(&inner)})
            })
            .collect();
        let mut value = json!({"Type": "Parallel", "Branches": branches, "ResultPath": "$.both"});
        self.handle(&mut value);
        (
            Block {
                entry: name.clone(),
                states: vec![(name.clone(), value)],
                exits: vec![name.clone()],
            },
            name,
        )
    }

    pub(super) fn child(&mut self, parent: &str) -> (Block, String) {
        let machine = self.names.machine(&["sub", self.trade.flow.1]);
        debug_assert_ne!(machine, parent, "the child is another workflow");
        let mut inner = vec![self.task(Place::Child, None), self.task(Place::Child, None)];
        if self.dice.chance(0.4) {
            inner.push(self.task(Place::Child, None));
        }
        let definition = json!({"Comment": "called by others", "StartAt": inner[0].entry, "States": link(&inner)});
        self.world.machines.insert(
            machine.clone(),
            Machine {
                name: machine.clone(),
                versions: vec![(1, self.since, definition)],
            },
        );
        let name = self.names.state(&["run", self.trade.flow.1]);
        let mut value = json!({
            "Type": "Task", "Resource": "arn:aws:states:::states:startExecution.sync:2", "ResultPath": "$.child",
            "Parameters": {"StateMachineArn": format!("arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:{machine}"), "Input.$": "$"},
        });
        self.handle(&mut value);
        (
            Block {
                entry: name.clone(),
                states: vec![(name.clone(), value)],
                exits: vec![name],
            },
            machine,
        )
    }

    pub(super) fn callback(&mut self) -> (Block, String, String) {
        let queue = self.names.service("approvals");
        people::queue(&mut self.world, &queue, &mut self.dice);
        let name = self.names.state(&["wait", "for", "approval"]);
        let mut value = json!({
            "Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken", "ResultPath": "$.approval",
            "Parameters": {
                "QueueUrl": format!("https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{queue}"),
                "MessageBody": {"token.$": "$$.Task.Token", "input.$": "$"},
            },
        });
        let limit = self.dice.between(60, 180);
        match self.dice.chance(0.5) {
            true => value["TimeoutSeconds"] = json!(limit),
            false => value["HeartbeatSeconds"] = json!(limit),
        }
        self.handle(&mut value);
        (
            Block {
                entry: name.clone(),
                states: vec![(name.clone(), value)],
                exits: vec![name.clone()],
            },
            name,
            queue,
        )
    }

    pub(super) fn activity(&mut self) -> (Block, String, String) {
        let activity = self.names.service("desk");
        people::queue(&mut self.world, &activity, &mut self.dice);
        let name = self.names.state(&["ask", "desk"]);
        let value = json!({
            "Type": "Task", "Resource": format!("arn:aws:states:{REGION}:{ACCOUNT}:activity:{activity}"),
            "ResultPath": "$.desk", "TimeoutSeconds": 900,
        });
        (
            Block {
                entry: name.clone(),
                states: vec![(name.clone(), value)],
                exits: vec![name.clone()],
            },
            name,
            activity,
        )
    }

    pub(super) fn job(&mut self, batch: bool) -> (Block, String, String) {
        let job = self
            .names
            .service(if batch { "crunch" } else { "renderer" });
        let kind = JobKind {
            name: job.clone(),
            batch,
            queue_ms: 6_000.0,
            pull_ms: 4_000.0 + 5_000.0 * self.dice.unit(),
            work_ms: 20_000.0 + 60_000.0 * self.dice.unit(),
            reclaimed: Vec::new(),
            unpullable: Vec::new(),
            slow_pull: Vec::new(),
            too_big: Vec::new(),
            attempts: 1,
        };
        self.world.jobs.insert(job.clone(), kind);
        let name = self.names.state(&["crunch", self.trade.noun]);
        let (resource, parameters) = match batch {
            true => (
                "arn:aws:states:::batch:submitJob.sync",
                json!({
                    "JobName": name.replace(' ', "-"), "JobQueue": format!("arn:aws:batch:{REGION}:{ACCOUNT}:job-queue/{job}-queue"),
                    "JobDefinition": format!("arn:aws:batch:{REGION}:{ACCOUNT}:job-definition/{job}:4"),
                }),
            ),
            false => (
                "arn:aws:states:::ecs:runTask.sync",
                json!({
                    "Cluster": "jobs", "LaunchType": "FARGATE", "TaskDefinition": format!("arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition/{job}:7"),
                }),
            ),
        };
        let mut value = json!({"Type": "Task", "Resource": resource, "Parameters": parameters, "ResultPath": "$.job"});
        self.handle(&mut value);
        (
            Block {
                entry: name.clone(),
                states: vec![(name.clone(), value)],
                exits: vec![name.clone()],
            },
            name,
            job,
        )
    }

    pub(super) fn wait(&mut self) -> Block {
        let name = self.names.state(&["cool", "down"]);
        let value = json!({"Type": "Wait", "Seconds": self.dice.between(1, 4)});
        Block {
            entry: name.clone(),
            states: vec![(name.clone(), value)],
            exits: vec![name],
        }
    }

    fn handle(&mut self, value: &mut Value) {
        if let Some(handler) = &self.handler {
            value["Catch"] =
                json!([{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": handler}]);
        }
    }
}
