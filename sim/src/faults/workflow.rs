//! Faults of workflows: a new version of a definition, a swallowed failure, a child, a race, a lost token.

use super::{Crime, Fault, Guilt, code, nothing_prepared};
use crate::setting::{Place, Setting, Wants};
use crate::world::Window;
use demo::dice::Dice;
use model::Category;
use serde_json::json;

pub(super) fn faults() -> Vec<Fault> {
    vec![
        Fault {
            number: 9,
            name: "masked_error",
            wants: fallback,
            prepare: nothing_prepared,
            commit: masked,
        },
        Fault {
            number: 10,
            name: "workflow_version",
            wants: plain,
            prepare: nothing_prepared,
            commit: version,
        },
        Fault {
            number: 20,
            name: "lost_token",
            wants: callback,
            prepare: nothing_prepared,
            commit: lost,
        },
        Fault {
            number: 21,
            name: "child_fails",
            wants: child,
            prepare: nothing_prepared,
            commit: in_child,
        },
        Fault {
            number: 24,
            name: "parallel_race",
            wants: parallel,
            prepare: nothing_prepared,
            commit: in_branch,
        },
    ]
}

fn plain(_: &mut Dice) -> Wants {
    Wants {
        invoke: true,
        ..Wants::default()
    }
}

fn fallback(_: &mut Dice) -> Wants {
    Wants {
        fallback: true,
        bare: true,
        ..Wants::default()
    }
}

fn callback(_: &mut Dice) -> Wants {
    Wants {
        callback: true,
        ..Wants::default()
    }
}

fn child(_: &mut Dice) -> Wants {
    Wants {
        child: true,
        ..Wants::default()
    }
}

fn parallel(_: &mut Dice) -> Wants {
    Wants {
        parallel: true,
        ..Wants::default()
    }
}

fn masked(setting: &mut Setting, dice: &mut Dice) -> Crime {
    let (guarded, _) = setting.fallback.expect("it was asked for");
    let part = setting.part(guarded);
    code::commit_expired(setting, dice, &part.function)
}

fn version(setting: &mut Setting, dice: &mut Dice) -> Crime {
    let (machine, t0) = (setting.machine.clone(), setting.t0);
    let (producer, _, consumer) = setting.contract.clone();
    let (producer, consumer) = (setting.part(producer), setting.part(consumer));
    let how = dice.between(0, 2);
    let name = setting.names.state(&["shape", setting.noun]);
    let id = format!("$.{}Id", setting.noun);
    let number = setting.publish(&machine, t0, |definition| match how {
        // The answer does not go where others look for it.
        0 => definition["States"][&producer.state]["ResultPath"] = json!("$.result"),
        // A new state reads what nobody writes.
        1 => {
            let next = definition["States"][&producer.state]["Next"].clone();
            definition["States"][&producer.state]["Next"] = json!(name);
            let parameters = json!({"summary.$": format!("$.{}.summary", producer.answer)});
            definition["States"][&name] = json!({"Type": "Pass", "Parameters": parameters, "ResultPath": "$.shaped", "Next": next});
        }
        // A task sends less than its function needs.
        _ => {
            let parameters = &mut definition["States"][&consumer.state]["Parameters"];
            parameters["Payload"] = json!({"id.$": id});
            parameters.as_object_mut().map(|members| members.remove("Payload.$"));
        }
    });
    setting.tell(
        t0,
        "state_machine",
        &machine,
        &format!("published version {number}"),
    );
    Guilt::of("state_machine", &machine, Category::BadDeploy)
        .or(&format!("{machine}:{number}"), Category::BadDeploy)
        .into()
}

fn lost(setting: &mut Setting, _: &mut Dice) -> Crime {
    let (state, queue) = setting.callback.clone().expect("it was asked for");
    let t0 = setting.t0;
    setting
        .world
        .queues
        .get_mut(&queue)
        .expect("it has been made")
        .lost
        .push(Window::since(t0));
    Guilt::of("queue", &queue, Category::LostMessage)
        .or(&state, Category::LostMessage)
        .into()
}

fn in_child(setting: &mut Setting, dice: &mut Dice) -> Crime {
    let inner: Vec<String> = setting
        .parts
        .iter()
        .filter(|part| part.place == Place::Child)
        .map(|part| part.function.clone())
        .collect();
    let function = dice.pick(&inner).clone();
    code::commit_expired(setting, dice, &function)
}

fn in_branch(setting: &mut Setting, dice: &mut Dice) -> Crime {
    let inner: Vec<String> = setting
        .parts
        .iter()
        .filter(|part| matches!(part.place, Place::Branch(_)))
        .map(|part| part.function.clone())
        .collect();
    let function = dice.pick(&inner).clone();
    code::commit_expired(setting, dice, &function)
}
