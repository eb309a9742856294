//! Draws a workflow of some shape, with everything that it needs.

use super::blocks::{Block, Guard, link};
use super::people;
use super::words::{FIRST, Names, SECOND, Trade};
use super::{Family, Part, Place, Setting, Wants};
use crate::world::function::Answer;
use crate::world::{Machine, Need, World};
use demo::dice::Dice;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The first moment of the first mystery: 2026-10-05 06:00 UTC. Seeds lie hours apart.
const EPOCH_MS: i64 = 1_791_180_000_000;

pub(super) struct Builder<'a> {
    pub(super) dice: Dice,
    pub(super) names: Names,
    pub(super) trade: &'a Trade,
    pub(super) world: World,
    pub(super) steps: Vec<(&'static str, &'static str)>,
    pub(super) services: Vec<String>,
    pub(super) parts: Vec<Part>,
    pub(super) wants: Wants,
    /// Tasks name the ARN of their function.
    pub(super) legacy: bool,
    /// A failing task leads to a state that tells people, and then to a Fail state.
    pub(super) handler: Option<String>,
    pub(super) since: i64,
}

/// Draws a setting that has what is wanted, with so many healthy executions from a moment on (milliseconds since the
/// epoch; by the seed if it is not said).
pub fn build(
    seed: u64,
    family: Family,
    wants: Wants,
    (healthy, began_ms): (usize, Option<i64>),
) -> Setting {
    let mut dice = crate::chance::Chance(seed).of("setting");
    let trades = match family {
        Family::First => &FIRST,
        Family::Second => &SECOND,
    };
    let trade: &'static Trade = dice.pick(trades);
    let names = Names::draw(&mut dice, seed);
    let drawn = EPOCH_MS + (seed as i64 % 400) * 10_800_000 + dice.between(0, 3_000_000);
    let start = began_ms.unwrap_or(drawn);
    let mut world = World::new(seed);
    let (services, stores, third) = people::services(&mut world, &names, trade, &mut dice);
    let mut all = services;
    all.push(third);
    all.extend(stores);
    let mut steps = trade.steps.to_vec();
    for at in (1..steps.len()).rev() {
        steps.swap(at, dice.between(0, at as i64) as usize);
    }
    let legacy = !wants.invoke && dice.chance(0.4);
    let handled = !wants.bare && dice.chance(0.4);
    let mut builder = Builder {
        handler: handled.then(|| names.state(&["report", "failure"])),
        dice,
        names,
        trade,
        world,
        steps,
        services: all,
        parts: Vec::new(),
        wants,
        legacy,
        since: start - 20 * 86_400_000,
    };
    builder.setting(seed, family, start, healthy)
}

impl Builder<'_> {
    fn setting(&mut self, seed: u64, family: Family, start: i64, healthy: usize) -> Setting {
        let (flow, noun) = (self.trade.flow, self.trade.noun);
        let machine = self.names.machine(&[flow.0, flow.1]);
        let mut blocks = vec![self.task(Place::Top, None)];
        let first = 0;
        let mut spare: i64 = 1;
        let more = |builder: &mut Self, wanted: bool, odds: f64, spare: &mut i64| {
            let chosen = wanted || (*spare > 0 && builder.dice.chance(odds));
            *spare -= i64::from(chosen && !wanted);
            chosen
        };
        let wants = self.wants;
        let choice = more(self, wants.choice, 0.3, &mut spare).then(|| self.choice(first));
        let choice = choice.map(|(block, state, field)| {
            blocks.push(block);
            (state, field, first)
        });
        let fallback = wants.fallback.then(|| self.guarded());
        let guarded = fallback.map(|(block, part)| {
            blocks.push(block);
            part
        });
        let map = more(self, wants.map, 0.3, &mut spare).then(|| self.map());
        let map = map.map(|(block, state)| {
            blocks.push(block);
            state
        });
        blocks.push(self.task(Place::Top, None));
        let parallel = more(self, wants.parallel, 0.25, &mut spare).then(|| self.parallel());
        let parallel = parallel.map(|(block, state)| {
            blocks.push(block);
            state
        });
        let child = more(self, wants.child, 0.15, &mut spare).then(|| self.child(&machine));
        let child = child.map(|(block, machine)| {
            blocks.push(block);
            machine
        });
        let callback = wants.callback.then(|| self.callback());
        let callback = callback.map(|(block, state, queue)| {
            blocks.push(block);
            (state, queue)
        });
        let activity = wants.activity.then(|| self.activity());
        let activity = activity.map(|(block, state, name)| {
            blocks.push(block);
            (state, name)
        });
        let job = (wants.batch || wants.ecs).then(|| self.job(wants.batch));
        let job = job.map(|(block, state, name)| {
            blocks.push(block);
            (state, name)
        });
        if self.dice.chance(0.2) {
            blocks.push(self.wait());
        }
        let consumer = self.parts.len();
        blocks.push(self.task(Place::Top, None));
        if self.dice.chance(0.3) {
            blocks.push(self.task(Place::Top, None));
        }
        let field = (*self.dice.pick(&["total", "score", "limit", "weight"])).to_owned();
        self.contract(first, &field, consumer);
        let fallback = guarded.map(|guarded| {
            self.contract(guarded, "rate", consumer);
            (guarded, consumer)
        });
        let definition = self.definition(&blocks, &format!("{} {}", flow.0, flow.1));
        self.world.machines.insert(
            machine.clone(),
            Machine {
                name: machine.clone(),
                versions: vec![(self.dice.between(2, 9) as u32, self.since, definition)],
            },
        );
        let (mut moments, mut at) = (Vec::new(), start);
        for _ in 0..healthy + 5 {
            moments.push(at);
            at += self.dice.between(100_000, 420_000);
        }
        let t0 = moments[healthy] - self.dice.between(30_000, 80_000);
        let growing = (0..self.parts.len())
            .filter(|index| self.parts[*index].place == Place::Top)
            .collect();
        Setting {
            seed,
            names: self.names.clone(),
            family,
            world: self.world.clone(),
            machine,
            child,
            parts: self.parts.clone(),
            map,
            parallel,
            choice,
            callback,
            activity,
            job,
            fallback,
            contract: (first, field, consumer),
            growing,
            poll: None,
            items: self.trade.items,
            noun,
            healthy: moments[..healthy].to_vec(),
            t0,
            after: moments[healthy..].to_vec(),
            sizes: (3, 7),
            aside: Vec::new(),
            inputs: BTreeMap::new(),
        }
    }

    /// Makes one part need a number that another answers.
    fn contract(&mut self, producer: usize, field: &str, consumer: usize) {
        let (producer, consumer) = (self.parts[producer].clone(), self.parts[consumer].clone());
        let function = self
            .world
            .functions
            .get_mut(&producer.function)
            .expect("parts have functions");
        function.versions[0]
            .answer
            .push((field.to_owned(), Answer::Number(20, 900)));
        let function = self
            .world
            .functions
            .get_mut(&consumer.function)
            .expect("parts have functions");
        function.needs.push(Need {
            field: format!("{}.{field}", producer.answer),
            number: true,
        });
    }

    pub(super) fn definition(&mut self, blocks: &[Block], comment: &str) -> Value {
        let mut states = link(blocks);
        if let Some(handler) = &self.handler {
            let failed = self.names.state(&["failed"]);
            states.insert(handler.clone(), json!({"Type": "Pass", "Result": {"notified": true}, "ResultPath": "$.failure", "Next": failed}));
            let mut fail = json!({"Type": "Fail"});
            match self.dice.between(0, 2) {
                0 => {}
                1 => fail["Cause"] = json!("a step failed; see the logs"),
                _ => {
                    fail["Error"] = json!("WorkflowFailed");
                    fail["Cause"] = json!("a step failed; see the logs");
                }
            }
            states.insert(failed, fail);
        }
        json!({"Comment": comment, "StartAt": blocks[0].entry, "States": states})
    }

    /// The next step's words.
    pub(super) fn step(&mut self) -> (&'static str, &'static str) {
        let step = self.steps.pop().unwrap_or(("finish", "work"));
        if self.steps.is_empty() {
            self.steps = vec![
                ("audit", "step"),
                ("tag", "result"),
                ("verify", "totals"),
                ("stamp", "record"),
                ("check", "quota"),
                ("index", "entry"),
            ];
            let used = self.parts.len() % 5;
            self.steps.rotate_left(used);
        }
        step
    }

    /// A function and its task state.
    pub(super) fn make(&mut self, place: Place) -> (String, Value) {
        let (verb, object) = self.step();
        let mut state = self.names.state(&[verb, object]);
        let mut function = self.names.function(&[verb, object]);
        while self
            .parts
            .iter()
            .any(|part| part.function == function || part.state == state)
        {
            let again = format!("{object}{}", self.parts.len());
            state = self.names.state(&[verb, &again]);
            function = self.names.function(&[verb, &again]);
        }
        let mut calls = Vec::new();
        for _ in 0..self.dice.between(0, 2) {
            let service = self.dice.pick(&self.services).clone();
            if !calls.contains(&service) {
                calls.push(service);
            }
        }
        let (trade, since) = (self.trade, self.since);
        people::function(
            &mut self.world,
            &function,
            trade,
            &mut self.dice,
            &calls,
            since,
        );
        let result = super::words::Scheme::Snake.write(&[verb, object]);
        let answer = if self.legacy {
            result.clone()
        } else {
            format!("{result}.Payload")
        };
        let arn = crate::world::invoke::function_arn(&function);
        let mut value = match self.legacy {
            true => json!({"Type": "Task", "Resource": arn, "ResultPath": format!("$.{result}")}),
            false => json!({
                "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke",
                "Parameters": {"FunctionName": arn, "Payload.$": "$"}, "ResultPath": format!("$.{result}"),
            }),
        };
        value["Retry"] = self.retry();
        self.parts.push(Part {
            state: state.clone(),
            function,
            answer,
            place,
            services: calls,
        });
        (state, value)
    }

    fn retry(&mut self) -> Value {
        let mut retriers = vec![json!({
            "ErrorEquals": ["Lambda.ServiceException", "Lambda.AWSLambdaException", "Lambda.SdkClientException", "Lambda.TooManyRequestsException"],
            "IntervalSeconds": self.dice.between(1, 2), "MaxAttempts": self.dice.between(2, 4), "BackoffRate": 2,
        })];
        if !self.wants.no_retry && self.dice.chance(0.5) {
            retriers.push(json!({
                "ErrorEquals": [self.dice.pick(&["States.ALL", "States.TaskFailed"])],
                "IntervalSeconds": self.dice.between(1, 3), "MaxAttempts": self.dice.between(1, 3), "BackoffRate": 1.5,
            }));
        }
        Value::Array(retriers)
    }

    /// A task of the workflow's own sequence, or behind a Catch that goes on.
    pub(super) fn task(&mut self, place: Place, guard: Option<Guard>) -> Block {
        let (state, mut value) = self.make(place);
        match (&guard, &self.handler) {
            (Some(guard), _) => {
                value["Catch"] = json!([{"ErrorEquals": ["States.ALL"], "ResultPath": "$.problem", "Next": guard.next}])
            }
            (None, Some(handler)) if place == Place::Top => {
                value["Catch"] = json!([{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": handler}]);
            }
            _ => {}
        }
        Block {
            entry: state.clone(),
            states: vec![(state.clone(), value)],
            exits: vec![state],
        }
    }
}
