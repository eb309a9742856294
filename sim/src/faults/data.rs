//! Faults of data: one bad item, payloads that grow, contracts that break, permissions that are gone.

use super::{Crime, Fault, Guilt, nothing_prepared, nothing_wanted};
use crate::setting::{Place, Setting, Wants};
use crate::world::function::Answer;
use crate::world::{Denied, Window};
use demo::dice::Dice;
use model::Category;
use serde_json::Value;

pub(super) fn faults() -> Vec<Fault> {
    vec![
        Fault {
            number: 7,
            name: "poison_item",
            wants: map,
            prepare: nothing_prepared,
            commit: poison,
        },
        Fault {
            number: 12,
            name: "payload_growth",
            wants: growth,
            prepare: bulky,
            commit: growth_over_limit,
        },
        Fault {
            number: 13,
            name: "permission",
            wants: nothing_wanted,
            prepare: nothing_prepared,
            commit: permission,
        },
        Fault {
            number: 25,
            name: "wrong_path",
            wants: choice,
            prepare: nothing_prepared,
            commit: wrong_path,
        },
        Fault {
            number: 26,
            name: "schema_drift",
            wants: told_version,
            prepare: nothing_prepared,
            commit: drift,
        },
    ]
}

fn map(_: &mut Dice) -> Wants {
    Wants {
        map: true,
        ..Wants::default()
    }
}

fn choice(_: &mut Dice) -> Wants {
    Wants {
        choice: true,
        bare: true,
        ..Wants::default()
    }
}

fn growth(_: &mut Dice) -> Wants {
    Wants {
        growth: true,
        ..Wants::default()
    }
}

fn told_version(_: &mut Dice) -> Wants {
    Wants {
        invoke: true,
        ..Wants::default()
    }
}

/// One element of the list of each input is not what it should be.
fn poison(setting: &mut Setting, dice: &mut Dice) -> Crime {
    let state = setting.map.clone().expect("it was asked for");
    let first = setting.healthy.len();
    let mut crime: Crime = Guilt::of("item", &format!("{state}[0]"), Category::BadInput).into();
    for n in first..first + setting.after.len() {
        let name = setting.execution(n);
        let mut input = setting.usual_input(n);
        let items = input[setting.items]
            .as_array_mut()
            .expect("inputs have a list");
        let index = dice.between(0, items.len() as i64 - 1) as usize;
        match dice.chance(0.5) {
            true => items[index]["qty"] = Value::Null,
            false => {
                items[index].as_object_mut().map(|item| item.remove("qty"));
            }
        }
        let entity = format!("{state}[{index}]");
        crime
            .single
            .insert(name.clone(), Guilt::of("item", &entity, Category::BadInput));
        setting.inputs.insert(name, input);
    }
    crime
}

/// Everything at the top answers with some bulk.
fn bulky(setting: &mut Setting, _: &mut Dice) {
    for index in setting.growing.clone() {
        let function = setting.parts[index].function.clone();
        let function = setting
            .world
            .functions
            .get_mut(&function)
            .expect("parts have functions");
        function.versions[0]
            .answer
            .push(("detail".into(), Answer::Bulk(11_000)));
        function.versions[0].mb_per_kb = 0.02;
    }
}

/// The first of them answers with more each time, until a later one does not fit any more.
fn growth_over_limit(setting: &mut Setting, dice: &mut Dice) -> Crime {
    let growing = setting.growing.clone();
    let room = 262_144 - 11_000 * growing.len() / 2;
    let grower = growing[dice.between(0, growing.len() as i64 / 2 - 1) as usize];
    let part = setting.part(grower);
    let t0 = setting.t0;
    let after = setting.after.clone();
    let function = setting
        .world
        .functions
        .get_mut(&part.function)
        .expect("parts have functions");
    let number = function.newest(t0).number;
    for (step, at) in std::iter::once(t0).chain(after).enumerate() {
        let bytes = room - 9_000 + step * 1_500;
        function.publish(at - 1, |version| {
            version.number = number;
            for (field, answer) in &mut version.answer {
                if field == "detail" {
                    *answer = Answer::Bulk(bytes);
                }
            }
        });
    }
    Guilt::of("state", &part.state, Category::DataSize)
        .or(&part.function, Category::DataSize)
        .into()
}

fn permission(setting: &mut Setting, dice: &mut Dice) -> Crime {
    let t0 = setting.t0;
    let index = setting.victim(dice);
    let part = setting.part(index);
    if dice.chance(0.35) {
        // The role of the state machine.
        let machine = setting.machine.clone();
        setting.world.denied.push(Denied {
            window: Window::since(t0),
            actor: machine.clone(),
            target: part.function.clone(),
        });
        setting.tell(
            t0,
            "role",
            &format!("{machine}-role"),
            "policy version 7 attached",
        );
        return Guilt::of("state_machine", &machine, Category::Permission)
            .or(&part.state, Category::Permission)
            .or(&part.function, Category::Permission)
            .or(&format!("{machine}-role"), Category::Permission)
            .into();
    }
    let store = setting
        .world
        .services
        .values()
        .find(|service| service.system == "dynamodb")
        .map(|service| service.name.clone());
    let store = store.unwrap_or_else(|| {
        setting
            .world
            .services
            .keys()
            .next()
            .cloned()
            .unwrap_or_default()
    });
    let index = if matches!(part.place, Place::Top) {
        index
    } else {
        0
    };
    let part = setting.part(index);
    if !part.services.contains(&store) {
        setting.add_call(index, &store);
    }
    setting.world.denied.push(Denied {
        window: Window::since(t0),
        actor: part.function.clone(),
        target: store,
    });
    setting.tell(
        t0,
        "role",
        &format!("{}-role", part.function),
        "inline policy updated",
    );
    Guilt::of("function", &part.function, Category::Permission)
        .or(&format!("{}-role", part.function), Category::Permission)
        .into()
}

/// A function stops saying what a Choice asks for; the default is taken, and all is said to be well.
fn wrong_path(setting: &mut Setting, dice: &mut Dice) -> Crime {
    let (_, field, producer) = setting.choice.clone().expect("it was asked for");
    let part = setting.part(producer);
    let t0 = setting.t0;
    let gone = dice.chance(0.5);
    let function = setting
        .world
        .functions
        .get_mut(&part.function)
        .expect("parts have functions");
    let number = function.newest(t0).number;
    function.publish(t0, |version| {
        version.number = number;
        for (name, answer) in &mut version.answer {
            if *name == field {
                *answer = if gone {
                    Answer::Missing
                } else {
                    Answer::Fixed(Value::Null)
                };
            }
        }
    });
    Guilt::of("function", &part.function, Category::SilentData)
        .or(&part.state, Category::SilentData)
        .into()
}

/// A new version of a function names a field anew; somebody else relies on the old name.
fn drift(setting: &mut Setting, dice: &mut Dice) -> Crime {
    let (producer, field, _) = setting.contract.clone();
    let part = setting.part(producer);
    let t0 = setting.t0;
    let function = setting
        .world
        .functions
        .get_mut(&part.function)
        .expect("parts have functions");
    let suffix = *dice.pick(&["_v2", "Amount", "_value"]);
    let number = function.publish(t0, |version| {
        for (name, _) in version.answer.iter_mut().filter(|(name, _)| *name == field) {
            *name = format!("{name}{suffix}");
        }
    });
    setting.tell(
        t0,
        "lambda",
        &part.function,
        &format!("published version {number}"),
    );
    Guilt::of("function", &part.function, Category::BadDeploy)
        .or(&part.function, Category::SilentData)
        .into()
}
