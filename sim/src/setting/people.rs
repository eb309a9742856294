//! Functions and services of a setting, as people write and deploy them.

use super::words::{Names, Trade};
use crate::world::function::Answer;
use crate::world::{Dependency, Function, Host, Language, Queue, Service, Version, World};
use demo::dice::Dice;

/// Services, stores and hosts of a trade.
pub(super) fn services(
    world: &mut World,
    names: &Names,
    trade: &Trade,
    dice: &mut Dice,
) -> (Vec<String>, Vec<String>, String) {
    let hosts: Vec<String> = (0..4)
        .map(|n| format!("{}-node-{}{n}", names.tag, dice.hex(4)))
        .collect();
    for (n, name) in hosts.iter().enumerate() {
        let host = Host {
            name: name.clone(),
            address: format!(
                "10.{}.{}.{}",
                dice.between(1, 60),
                dice.between(1, 250),
                10 + n
            ),
            contended: Vec::new(),
            broken: Vec::new(),
        };
        world.hosts.insert(name.clone(), host);
    }
    let stores: Vec<String> = trade
        .stores
        .iter()
        .map(|word| names.service(word))
        .collect();
    for name in &stores {
        let mut store = Service::http(name, "UpdateItem", 7.0 + dice.unit() * 9.0);
        store.system = *dice.pick(&["dynamodb", "dynamodb", "postgresql"]);
        store.operation = if store.system == "dynamodb" {
            "UpdateItem"
        } else {
            "UPDATE"
        }
        .into();
        store.address = if store.system == "dynamodb" {
            "dynamodb.eu-central-1.amazonaws.com".into()
        } else {
            format!("{name}.db.internal")
        };
        store.mesh = false;
        store.traced = false;
        world.services.insert(name.clone(), store);
    }
    let mut made = Vec::new();
    for (n, (word, operation)) in trade.services.iter().enumerate() {
        let name = names.service(word);
        let mut service = Service::http(&name, operation, 25.0 + dice.unit() * 120.0);
        service.hosts = vec![hosts[n % 4].clone(), hosts[(n + 1) % 4].clone()];
        service.backend = dice.chance(0.6).then(|| stores[n % stores.len()].clone());
        service.load_rps = 30.0 + dice.unit() * 60.0;
        world.services.insert(name.clone(), service);
        made.push(name);
    }
    let (address, operation) = trade.third;
    let mut third = Service::http(address, operation, 140.0 + dice.unit() * 200.0);
    third.address = address.to_owned();
    third.mesh = false;
    third.traced = false;
    let third_name = address.to_owned();
    world.services.insert(third_name.clone(), third);
    (made, stores, third_name)
}

/// A function, with one service that it calls for sure if one is named.
pub(super) fn function(
    world: &mut World,
    name: &str,
    trade: &Trade,
    dice: &mut Dice,
    calls: &[String],
    since: i64,
) -> String {
    let median = 45.0 * (dice.unit() * 2.4).exp();
    let mut version = Version::first(dice.between(3, 30) as u32, since, median);
    version.init_ms = 180.0 * (dice.unit() * 1.9).exp();
    version.memory_mb = *dice.pick(&[256.0, 512.0, 512.0, 1024.0]);
    version.timeout_ms = *dice.pick(&[10_000.0, 15_000.0, 30_000.0]);
    version.base_mb = version.memory_mb * (0.25 + 0.2 * dice.unit());
    version.flaky = 0.004;
    version.answer = vec![
        ("status".into(), Answer::Fixed(serde_json::json!("ok"))),
        ("ref".into(), Answer::Id("r")),
    ];
    let language = *dice.pick(&Language::ALL);
    let lines = trade
        .says
        .iter()
        .enumerate()
        .map(|(n, text)| (n as f64 / 4.0, "INFO", (*text).to_owned()));
    let mut lines: Vec<_> = lines.take(1 + dice.between(0, 3) as usize).collect();
    if dice.chance(0.35) {
        lines.push((0.6, "WARN", (*dice.pick(trade.grumbles)).to_owned()));
    }
    let mut dependencies = Vec::new();
    for service in calls {
        dependencies.push(Dependency {
            service: service.clone(),
            timeout_ms: *dice.pick(&[3_000.0, 5_000.0, 8_000.0]),
            retries: u32::from(dice.chance(0.3)),
            optional: false,
        });
    }
    let function = Function {
        name: name.to_owned(),
        language,
        json_logs: dice.chance(0.3),
        traced: true,
        versions: vec![version],
        calls: dependencies,
        needs: Vec::new(),
        lines,
        noise: Vec::new(),
        reserved: None,
        starved: Vec::new(),
        recycled: Vec::new(),
    };
    world.functions.insert(name.to_owned(), function);
    name.to_owned()
}

/// A queue or activity with its workers.
pub(super) fn queue(world: &mut World, name: &str, dice: &mut Dice) {
    let queue = Queue {
        name: name.to_owned(),
        pickup_ms: 150.0 + dice.unit() * 400.0,
        work_ms: 1_500.0 + dice.unit() * 5_000.0,
        lost: Vec::new(),
        starved: Vec::new(),
    };
    world.queues.insert(name.to_owned(), queue);
}
