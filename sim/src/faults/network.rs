//! Faults of services, hosts and the way to them.

use super::{Crime, Fault, Guilt, nothing_prepared, nothing_wanted};
use crate::setting::Setting;
use crate::world::{Trouble, Window};
use demo::dice::Dice;
use model::Category;

pub(super) fn faults() -> Vec<Fault> {
    vec![
        Fault {
            number: 3,
            name: "downstream_slow",
            wants: nothing_wanted,
            prepare: nothing_prepared,
            commit: slow,
        },
        Fault {
            number: 8,
            name: "retry_storm",
            wants: nothing_wanted,
            prepare: nothing_prepared,
            commit: storm,
        },
        Fault {
            number: 16,
            name: "noisy_neighbour",
            wants: nothing_wanted,
            prepare: nothing_prepared,
            commit: noisy,
        },
        Fault {
            number: 18,
            name: "no_healthy_host",
            wants: nothing_wanted,
            prepare: nothing_prepared,
            commit: unhealthy,
        },
        Fault {
            number: 19,
            name: "dns_or_route",
            wants: nothing_wanted,
            prepare: nothing_prepared,
            commit: unreachable,
        },
        Fault {
            number: 35,
            name: "service_errors",
            wants: nothing_wanted,
            prepare: nothing_prepared,
            commit: errors,
        },
        Fault {
            number: 36,
            name: "slow_until_function_timeout",
            wants: nothing_wanted,
            prepare: nothing_prepared,
            commit: slow_over_limit,
        },
    ]
}

fn trouble(setting: &mut Setting, service: &str, trouble: Trouble) {
    let t0 = setting.t0;
    let service = setting
        .world
        .services
        .get_mut(service)
        .expect("it is one of the setting's");
    service.troubles.push((Window::since(t0), trouble));
}

fn slow(setting: &mut Setting, dice: &mut Dice) -> Crime {
    let (_, service) = setting.caller(dice, true);
    let backend = setting.world.services[&service]
        .backend
        .clone()
        .filter(|_| dice.chance(0.5));
    let culprit = backend.unwrap_or(service);
    // Sometimes below all limits, sometimes above the client's.
    let added_ms = if dice.chance(0.4) { 2_200.0 } else { 9_000.0 } + 1_500.0 * dice.unit();
    trouble(
        setting,
        &culprit,
        Trouble::Slow {
            factor: 1.0,
            added_ms,
        },
    );
    Guilt::of("service", &culprit, Category::Latency).into()
}

/// The dependency is so slow that the function's own limit ends the invocation before the client gives up.
fn slow_over_limit(setting: &mut Setting, dice: &mut Dice) -> Crime {
    let (index, service) = setting.caller(dice, true);
    let part = setting.part(index);
    let function = setting
        .world
        .functions
        .get_mut(&part.function)
        .expect("parts have functions");
    for version in &mut function.versions {
        version.timeout_ms = 10_000.0;
    }
    for call in &mut function.calls {
        call.timeout_ms = 60_000.0;
    }
    let held = setting
        .world
        .services
        .get_mut(&service)
        .expect("callers have services");
    held.route_timeout_ms = 120_000.0;
    trouble(
        setting,
        &service,
        Trouble::Slow {
            factor: 1.0,
            added_ms: 25_000.0,
        },
    );
    Guilt::of("service", &service, Category::Latency).into()
}

fn errors(setting: &mut Setting, dice: &mut Dice) -> Crime {
    let (_, service) = setting.caller(dice, true);
    let text = (*dice.pick(&[
        "Internal Server Error",
        "could not serialize access",
        "unexpected end of stream",
    ]))
    .to_owned();
    trouble(
        setting,
        &service,
        Trouble::Fails {
            rate: 0.95,
            status: 500,
            text,
        },
    );
    Guilt::of("service", &service, Category::Error).into()
}

/// A short burst of errors, whose retries are more than the dependency can take.
fn storm(setting: &mut Setting, dice: &mut Dice) -> Crime {
    let (index, service) = setting.caller(dice, true);
    let part = setting.part(index);
    let function = setting
        .world
        .functions
        .get_mut(&part.function)
        .expect("parts have functions");
    for call in &mut function.calls {
        call.retries = 3;
    }
    let t0 = setting.t0;
    let held = setting
        .world
        .services
        .get_mut(&service)
        .expect("callers have services");
    let load = held.load_rps;
    let text = "upstream overloaded, try again".to_owned();
    held.troubles.push((
        Window {
            from: t0,
            until: t0 + 90_000,
        },
        Trouble::Fails {
            rate: 0.7,
            status: 503,
            text,
        },
    ));
    // Each failure is tried four times by the client, and that again by the workflow.
    held.troubles
        .push((Window::since(t0 + 1_000), Trouble::Load(load * 16.0)));
    held.troubles.push((
        Window::since(t0 + 1_000),
        Trouble::Slow {
            factor: 16.0,
            added_ms: 0.0,
        },
    ));
    held.troubles.push((
        Window::since(t0 + 1_000),
        Trouble::Pool(load * held.work_ms / 1000.0 * 4.0),
    ));
    Guilt::of("service", &service, Category::Capacity)
        .or(&service, Category::Latency)
        .or(&service, Category::Error)
        .into()
}

fn noisy(setting: &mut Setting, dice: &mut Dice) -> Crime {
    let (_, service) = setting.caller(dice, true);
    let t0 = setting.t0;
    // All that runs there suffers: the service on one host only, and others on the same.
    let host = setting.world.services[&service].hosts[0].clone();
    let others: Vec<String> = setting
        .world
        .services
        .values()
        .filter(|other| other.hosts.contains(&host) && other.name != service)
        .map(|other| other.name.clone())
        .collect();
    for name in &others {
        let (index, _) = setting.caller(dice, true);
        if !setting.parts[index].services.contains(name) {
            setting.add_call(index, name);
        }
    }
    let factor = 20.0 + 15.0 * dice.unit();
    let held = setting
        .world
        .hosts
        .get_mut(&host)
        .expect("services run on hosts");
    held.contended.push((Window::since(t0), factor));
    Guilt::of("host", &host, Category::Infrastructure).into()
}

fn unhealthy(setting: &mut Setting, dice: &mut Dice) -> Crime {
    let (_, service) = setting.caller(dice, true);
    let t0 = setting.t0;
    let hosts = setting.world.services[&service].hosts.clone();
    if dice.chance(0.5) {
        for name in &hosts {
            setting
                .world
                .hosts
                .get_mut(name)
                .expect("services run on hosts")
                .broken
                .push(Window::since(t0));
        }
        return Guilt::of("service", &service, Category::Infrastructure).into();
    }
    let host = hosts[0].clone();
    let address = setting.world.hosts[&host].address.clone();
    setting
        .world
        .hosts
        .get_mut(&host)
        .expect("services run on hosts")
        .broken
        .push(Window::since(t0));
    Guilt::of("host", &host, Category::Infrastructure)
        .or(&address, Category::Infrastructure)
        .or(&format!("{address}:8080"), Category::Infrastructure)
        .into()
}

fn unreachable(setting: &mut Setting, dice: &mut Dice) -> Crime {
    let mesh = dice.chance(0.7);
    let (_, service) = setting.caller(dice, mesh);
    let kind = match (mesh, dice.between(0, 2)) {
        (true, 0) => Trouble::NoRoute,
        (_, 1) => Trouble::Unresolvable,
        _ => Trouble::Refuses,
    };
    trouble(setting, &service, kind);
    let address = setting.world.services[&service].address.clone();
    Guilt::of("service", &service, Category::NetworkConfig)
        .or(&address, Category::NetworkConfig)
        .into()
}
