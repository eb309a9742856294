//! `quote-api`: an Express workflow behind an API; CloudWatch Logs is all that is left of it.

use super::functions::{CHECK_QUOTE, QUOTE_PRICE};
use crate::lambda::Fate;
use crate::run::{Cursor, Failure, Run};
use crate::world::{Call, World, invoke_task};
use serde_json::{Value, json};

/// Runs one request.
pub fn run(world: &mut World, number: usize, at: i64) {
    let bad = number % 13 == 5;
    let slow = number % 29 == 17;
    let mut dice = world.dice(&format!("quote {number}"));
    let weight = if bad {
        json!(-3)
    } else {
        json!(dice.between(1, 40))
    };
    let input = json!({"from": "Hamburg", "to": dice.pick(&["Berlin", "Wien", "Basel", "Graz"]), "kg": weight});
    let name = dice.uuid();
    let (mut run, mut at) = Run::start_express(world.seed, "quote-api", &name, at, input.clone());
    let ended = check(world, &mut run, &mut at, &input, bad)
        .and_then(|_| price(world, &mut run, &mut at, &input, slow));
    match ended {
        Ok(output) => run.succeed(at, &output),
        Err(failure) if bad => {
            let reason = json!({"Error": failure.error});
            run.exit(&mut at, "Task", "CheckRequest", &reason);
            let refused = Failure::new("BadRequest", "the request was refused");
            run.fail_state(at, "Refuse", &refused, &reason);
        }
        Err(failure) => run.fail(at, &failure),
    }
    world.runs.push(run);
}

fn check(
    world: &mut World,
    run: &mut Run,
    at: &mut Cursor,
    input: &Value,
    bad: bool,
) -> Result<Value, Failure> {
    let task = invoke_task("CheckRequest", CHECK_QUOTE, input);
    let call = Call::answers(CHECK_QUOTE, json!({"ok": true}), Vec::new());
    let call = match bad {
        true => call.but(Fate::Raise(
            "ValueError",
            format!("kg must be positive, is {}", input["kg"]),
        )),
        false => call,
    };
    run.task(at, input, &task, |run, from, _| {
        world.attempt(run, from, call.clone())
    })
}

fn price(
    world: &mut World,
    run: &mut Run,
    at: &mut Cursor,
    input: &Value,
    slow: bool,
) -> Result<Value, Failure> {
    let task = invoke_task("QuotePrice", QUOTE_PRICE, input).retried(1, 200, 1.0);
    let cents = run.dice.between(390, 4_900);
    let lines = vec![(
        0.6,
        "INFO",
        format!("{} kg to {}: {cents} ct", input["kg"], input["to"]),
    )];
    let call = Call::answers(QUOTE_PRICE, json!({"priceCents": cents}), lines);
    let output = run.task(at, input, &task, |run, from, number| {
        let call = call.clone();
        world.attempt(
            run,
            from,
            if slow && number == 0 {
                call.but(Fate::Hang)
            } else {
                call
            },
        )
    })?;
    Ok(output["Payload"].clone())
}
