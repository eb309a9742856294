//! Faults of limits: concurrency, pools, quotas, workers, slots.

use super::{Crime, Fault, Guilt, nothing_prepared, nothing_wanted};
use crate::setting::{Setting, Wants};
use crate::world::invoke::Invoke;
use crate::world::{Function, Trouble, Version, Window};
use demo::dice::Dice;
use model::Category;
use serde_json::json;

pub(super) fn faults() -> Vec<Fault> {
    vec![
        Fault {
            number: 2,
            name: "throttle",
            wants: nothing_wanted,
            prepare: neighbour,
            commit: throttle,
        },
        Fault {
            number: 17,
            name: "pool_overflow",
            wants: nothing_wanted,
            prepare: nothing_prepared,
            commit: pool,
        },
        Fault {
            number: 27,
            name: "starved_workers",
            wants: activity,
            prepare: nothing_prepared,
            commit: starved,
        },
        Fault {
            number: 29,
            name: "third_party_limit",
            wants: nothing_wanted,
            prepare: nothing_prepared,
            commit: third_party,
        },
        Fault {
            number: 31,
            name: "map_concurrency",
            wants: map,
            prepare: wide,
            commit: narrow,
        },
    ]
}

fn activity(_: &mut Dice) -> Wants {
    Wants {
        activity: true,
        ..Wants::default()
    }
}

fn map(_: &mut Dice) -> Wants {
    Wants {
        map: true,
        bare: true,
        ..Wants::default()
    }
}

/// A function of somebody else in the same account.
fn neighbour(setting: &mut Setting, _: &mut Dice) {
    let name = setting.names.function(&["rebuild", "index"]);
    let function = Function {
        name: name.clone(),
        language: crate::world::Language::Python,
        json_logs: false,
        traced: false,
        versions: vec![Version {
            timeout_ms: 300_000.0,
            ..Version::first(
                5,
                setting.healthy.first().copied().unwrap_or(setting.t0),
                26_000.0,
            )
        }],
        calls: Vec::new(),
        needs: Vec::new(),
        lines: vec![(0.1, "INFO", "page done".into())],
        noise: Vec::new(),
        reserved: None,
        starved: Vec::new(),
        recycled: Vec::new(),
    };
    setting.world.functions.insert(name.clone(), function);
    for (n, at) in setting
        .healthy
        .clone()
        .into_iter()
        .enumerate()
        .filter(|(n, _)| n % 3 == 0)
    {
        let payload = json!({"page": n});
        let key = format!("{name}/usual/{n}");
        setting.world.invoke(&Invoke {
            function: &name,
            at: at - 20_000,
            payload: &payload,
            key,
            caller: "index",
        });
    }
}

fn throttle(setting: &mut Setting, dice: &mut Dice) -> Crime {
    let index = setting.victim(dice);
    let part = setting.part(index);
    let t0 = setting.t0;
    let reserved = dice.chance(0.5);
    let function = setting
        .world
        .functions
        .get_mut(&part.function)
        .expect("parts have functions");
    function.starved.push((Window::since(t0), 1.0));
    if reserved {
        function.reserved = Some(0);
        setting.tell(t0, "config", &part.function, "reserved concurrency 50 -> 0");
        return Guilt::of("function", &part.function, Category::Capacity).into();
    }
    // The account's concurrency is used up by somebody else, who works on and on.
    let name = setting.names.function(&["rebuild", "index"]);
    let end = setting.after.last().copied().unwrap_or(t0) + 60_000;
    for n in 0..60 {
        let mut at = t0 - 20_000 + n * 150;
        while at < end {
            let payload = json!({"page": n});
            let key = format!("{name}/burst/{n}/{at}");
            let answered = setting.world.invoke(&Invoke {
                function: &name,
                at,
                payload: &payload,
                key,
                caller: "index",
            });
            at = answered.at.max(at + 1_000) + 40;
        }
    }
    Guilt::of("function", &name, Category::Capacity).into()
}

fn pool(setting: &mut Setting, dice: &mut Dice) -> Crime {
    let (index, service) = setting.caller(dice, true);
    let t0 = setting.t0;
    let part = setting.part(index);
    let function = setting
        .world
        .functions
        .get_mut(&part.function)
        .expect("parts have functions");
    for call in &mut function.calls {
        call.retries = 0;
    }
    let held = setting
        .world
        .services
        .get_mut(&service)
        .expect("callers have services");
    let open = held.load_rps * held.work_ms / 1000.0;
    if dice.chance(0.5) {
        held.troubles
            .push((Window::since(t0), Trouble::Pool(open * 0.06)));
        setting.tell(
            t0,
            "config",
            &service,
            "circuit breaker max_requests lowered",
        );
        return Guilt::of("service", &service, Category::Capacity).into();
    }
    held.troubles
        .push((Window::since(t0), Trouble::Load(held.load_rps * 900.0)));
    Guilt::of("service", &service, Category::Capacity).into()
}

fn starved(setting: &mut Setting, dice: &mut Dice) -> Crime {
    let (state, activity) = setting.activity.clone().expect("it was asked for");
    let t0 = setting.t0;
    let more = 25_000.0 + 60_000.0 * dice.unit();
    let queue = setting
        .world
        .queues
        .get_mut(&activity)
        .expect("it has been made");
    queue.starved.push((Window::since(t0), more));
    Guilt::of("activity", &activity, Category::Capacity)
        .or(&state, Category::Capacity)
        .into()
}

fn third_party(setting: &mut Setting, dice: &mut Dice) -> Crime {
    let third = setting
        .world
        .services
        .values()
        .find(|service| service.address.ends_with(".example"))
        .map(|service| service.name.clone());
    let third = third.expect("each trade has one");
    let (index, _) = setting.caller(dice, true);
    if !setting.parts[index].services.contains(&third) {
        setting.add_call(index, &third);
    }
    let part = setting.part(index);
    let function = setting
        .world
        .functions
        .get_mut(&part.function)
        .expect("parts have functions");
    for call in function
        .calls
        .iter_mut()
        .filter(|call| call.service == third)
    {
        call.retries = 1;
    }
    let t0 = setting.t0;
    let service = setting
        .world
        .services
        .get_mut(&third)
        .expect("it has been found");
    service.troubles.push((
        Window::since(t0),
        Trouble::Limits {
            rate: 0.97,
            retry_after: 30,
        },
    ));
    Guilt::of("service", &third, Category::Capacity).into()
}

fn wide(setting: &mut Setting, _: &mut Dice) {
    setting.sizes = (10, 16);
    let state = setting.map.clone().expect("it was asked for");
    let machine = setting.machine.clone();
    let machine = setting
        .world
        .machines
        .get_mut(&machine)
        .expect("the setting has it");
    machine.versions[0].2["States"][&state]["MaxConcurrency"] = json!(16);
    for part in setting
        .parts
        .iter()
        .filter(|part| part.place == crate::setting::Place::Map)
    {
        let function = setting
            .world
            .functions
            .get_mut(&part.function)
            .expect("parts have functions");
        function.versions[0].work_ms = function.versions[0].work_ms.max(900.0);
    }
}

fn narrow(setting: &mut Setting, _: &mut Dice) -> Crime {
    let state = setting.map.clone().expect("it was asked for");
    let (machine, t0) = (setting.machine.clone(), setting.t0);
    let version = setting.publish(&machine, t0, |definition| {
        definition["States"][&state]["MaxConcurrency"] = json!(2)
    });
    setting.tell(
        t0,
        "state_machine",
        &machine,
        &format!("published version {version}"),
    );
    Guilt::of("state", &state, Category::Capacity)
        .or(&machine, Category::BadDeploy)
        .or(&machine, Category::Capacity)
        .or(&state, Category::BadDeploy)
        .into()
}
