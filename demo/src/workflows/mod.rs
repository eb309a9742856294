//! The workflows of a shop, and when they ran during the last day.

mod catalog;
mod functions;
mod ledger;
mod orders;
mod quotes;
mod refunds;
mod shipment;
mod thumbnails;

use crate::dice::Dice;
use crate::lambda::Function;
use crate::world::{World, function_arn};
use serde_json::{Value, json};

const HOUR: i64 = 3_600_000;

/// Name and definition of every Standard state machine; of the Express one only logs are left.
pub fn definitions() -> Vec<(&'static str, Value)> {
    vec![
        ("catalog-etl", catalog::definition()),
        ("image-thumbnails", thumbnails::definition()),
        ("ledger-close", ledger::definition()),
        ("order-pipeline", orders::definition()),
        ("refund-approval", refunds::definition()),
        ("shipment", shipment::definition()),
    ]
}

/// A day of the shop, up to the anchor.
pub fn day(world: &mut World) {
    each(world, "orders", 92, orders::run);
    each(world, "quotes", 64, quotes::run);
    each(world, "refunds", 18, refunds::run);
    each(world, "uploads", 20, thumbnails::run);
    burst(world, 40..50);
    for number in 0..12 {
        let at = world.anchor - 24 * HOUR + number as i64 * 2 * HOUR + 300_000;
        ledger::run(world, number, at);
    }
    for number in 0..6 {
        let at = world.anchor - 23 * HOUR + number as i64 * 4 * HOUR;
        catalog::run(world, number, at);
    }
}

/// Spreads runs over the day, more of them in its busy hours, the last one minutes before the anchor.
fn each(world: &mut World, name: &str, count: usize, run: fn(&mut World, usize, i64)) {
    let mut dice = world.dice(name);
    let mut times: Vec<i64> = (0..count)
        .map(|_| busy_time(&mut dice, world.anchor))
        .collect();
    times.push(world.anchor - dice.between(20_000, 90_000));
    times.sort_unstable();
    for (number, at) in times.into_iter().enumerate() {
        run(world, number, at);
    }
}

fn busy_time(dice: &mut Dice, anchor: i64) -> i64 {
    loop {
        let at = anchor - dice.between(60_000, 24 * HOUR);
        let hour = (at / HOUR) % 24;
        let busy = if (7..22).contains(&hour) { 1.0 } else { 0.25 };
        if dice.chance(busy) {
            return at;
        }
    }
}

/// Many uploads within a second: every sandbox has to be made.
fn burst(world: &mut World, numbers: std::ops::Range<usize>) {
    let at = world.anchor - 5 * HOUR - 1_234_567;
    for number in numbers {
        thumbnails::run(world, number, at + number as i64 * 90);
    }
}

/// A Task state that calls a function and goes on.
fn invoke(function: &Function, next: &str) -> Value {
    json!({
        "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": function_arn(function), "Payload.$": "$"},
        "OutputPath": "$.Payload", "Next": next,
    })
}
