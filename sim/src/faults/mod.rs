//! The faults that can befall a setting. Each changes a property of the world at a time; none writes a symptom.

pub mod code;
pub mod containers;
pub mod data;
pub mod limits;
pub mod network;
pub mod nothing;
pub mod quiet;
pub mod workflow;

use crate::setting::{Part, Place, Setting, Wants};
use crate::world::Change;
use demo::dice::Dice;
use model::Category;
use std::collections::BTreeMap;

/// Who is guilty, and of what.
#[derive(Debug, Clone, PartialEq)]
pub struct Guilt {
    /// Kind of entity.
    pub kind: &'static str,
    /// Its own name.
    pub name: String,
    /// Of what.
    pub category: Category,
    /// Other true answers: (name, category).
    pub also: Vec<(String, Category)>,
}

impl Guilt {
    /// Somebody, of something.
    pub fn of(kind: &'static str, name: &str, category: Category) -> Self {
        Guilt {
            kind,
            name: name.to_owned(),
            category,
            also: Vec::new(),
        }
    }

    /// The same, where another name is as true.
    pub fn or(mut self, name: &str, category: Category) -> Self {
        self.also.push((name.to_owned(), category));
        self
    }
}

/// What a fault did.
#[derive(Debug, Clone)]
pub struct Crime {
    /// Guilty of whatever follows.
    pub guilt: Guilt,
    /// Guilty in single executions, by name, where that differs.
    pub single: BTreeMap<String, Guilt>,
}

impl From<Guilt> for Crime {
    fn from(guilt: Guilt) -> Self {
        Crime {
            guilt,
            single: BTreeMap::new(),
        }
    }
}

/// An entry of the catalogue.
pub struct Fault {
    /// Number in the catalogue.
    pub number: u32,
    /// Name.
    pub name: &'static str,
    /// What the workflow needs for it.
    pub wants: fn(&mut Dice) -> Wants,
    /// Prepares what holds with and without the fault: work that is long enough, data that is large.
    pub prepare: fn(&mut Setting, &mut Dice),
    /// Commits it.
    pub commit: fn(&mut Setting, &mut Dice) -> Crime,
}

/// The catalogue.
pub fn catalogue() -> Vec<Fault> {
    let mut all = Vec::new();
    all.extend(code::faults());
    all.extend(limits::faults());
    all.extend(network::faults());
    all.extend(data::faults());
    all.extend(workflow::faults());
    all.extend(containers::faults());
    all.extend(quiet::faults());
    all.sort_by_key(|fault| fault.number);
    all
}

fn nothing_wanted(_: &mut Dice) -> Wants {
    Wants::default()
}

fn nothing_prepared(_: &mut Setting, _: &mut Dice) {}

impl Setting {
    /// One of the parts that stand in a place where a failure is felt.
    pub fn victim(&self, dice: &mut Dice) -> usize {
        let good: Vec<usize> = (0..self.parts.len())
            .filter(|index| matches!(self.parts[*index].place, Place::Top))
            .collect();
        *dice.pick(&good)
    }

    /// A part at the top whose function calls a service of that sort; one is made to if none does.
    pub fn caller(&mut self, dice: &mut Dice, mesh: bool) -> (usize, String) {
        let good: Vec<String> = self
            .world
            .services
            .values()
            .filter(|service| service.mesh == mesh && !self.aside.contains(&service.name))
            .map(|service| service.name.clone())
            .collect();
        let index = self.caller_index(dice);
        let part = self.parts[index].clone();
        let held = part
            .services
            .iter()
            .find(|service| good.contains(service))
            .cloned();
        let service = held.unwrap_or_else(|| {
            let service = dice.pick(&good).clone();
            self.add_call(index, &service);
            service
        });
        (index, service)
    }

    fn caller_index(&self, dice: &mut Dice) -> usize {
        // Not the detour behind a Choice, and not the guarded one: those are not always on the way.
        let good: Vec<usize> = (0..self.parts.len())
            .filter(|index| self.parts[*index].place == Place::Top && !self.is_optional(*index))
            .collect();
        *dice.pick(&good)
    }

    /// Lets the function of a part call a service.
    pub fn add_call(&mut self, index: usize, service: &str) {
        let function = self.parts[index].function.clone();
        self.parts[index].services.push(service.to_owned());
        let function = self
            .world
            .functions
            .get_mut(&function)
            .expect("parts have functions");
        function.calls.push(crate::world::Dependency {
            service: service.to_owned(),
            timeout_ms: 5_000.0,
            retries: 0,
            optional: false,
        });
    }

    /// True for a part that an execution may not come by.
    fn is_optional(&self, index: usize) -> bool {
        self.parts[index].place == Place::Guarded
    }

    /// The part.
    pub fn part(&self, index: usize) -> Part {
        self.parts[index].clone()
    }

    /// Tells the operators of a change.
    pub fn tell(&mut self, at: i64, kind: &str, resource: &str, change: &str) {
        let change = Change {
            at,
            kind: kind.into(),
            resource: resource.into(),
            change: change.into(),
        };
        self.world.changes.push(change);
    }
}
