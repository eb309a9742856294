//! No crime: what looks like one and is none. Nobody is to be accused.

use crate::setting::Setting;
use crate::world::Window;
use crate::world::invoke::Invoke;
use demo::dice::Dice;
use serde_json::json;

/// What happens instead of a fault.
pub const KINDS: [&str; 6] = [
    "quiet",
    "larger_input",
    "load_surge",
    "warn_storm",
    "benign_deploy",
    "survived_retry",
];

/// Lets it happen.
pub fn happen(setting: &mut Setting, dice: &mut Dice, kind: &str) {
    let t0 = setting.t0;
    let first = setting.healthy.len();
    match kind {
        "larger_input" => {
            for n in first..first + setting.after.len() {
                let name = setting.execution(n);
                let count = setting.sizes.1 * dice.between(4, 6);
                let input = setting.input_of(&name, count);
                setting.inputs.insert(name, input);
            }
        }
        "load_surge" => {
            // Many more executions at once: more sandboxes, and services that are a little slower.
            let at = setting.after.first().copied().unwrap_or(t0);
            setting.after = (0..8).map(|n| at + n * dice.between(200, 1_500)).collect();
            let part = setting.part(0);
            for n in 0..30 {
                let payload = json!({"n": n});
                let key = format!("surge/{n}");
                setting.world.invoke(&Invoke {
                    function: &part.function,
                    at: at - 2_000 + n * 40,
                    payload: &payload,
                    key,
                    caller: "surge",
                });
            }
        }
        "warn_storm" => {
            let index = setting.victim(dice);
            let function = setting.part(index).function;
            let function = setting
                .world
                .functions
                .get_mut(&function)
                .expect("parts have functions");
            for n in 0..12 {
                function.noise.push((
                    Window::since(t0),
                    "WARN",
                    format!("connection pool is at {} % of its size", 61 + n),
                ));
            }
        }
        "benign_deploy" => {
            let index = setting.victim(dice);
            let part = setting.part(index);
            let function = setting
                .world
                .functions
                .get_mut(&part.function)
                .expect("parts have functions");
            let number = function.publish(t0, |_| {});
            setting.tell(
                t0,
                "lambda",
                &part.function,
                &format!("published version {number}"),
            );
            if dice.chance(0.5) {
                let machine = setting.machine.clone();
                let number = setting.publish(&machine, t0, |definition| {
                    definition["Comment"] = json!("reworded")
                });
                setting.tell(
                    t0,
                    "state_machine",
                    &machine,
                    &format!("published version {number}"),
                );
            }
        }
        "survived_retry" => {
            // A single call fails and works when tried again, as now and then in the past.
            for part in setting.parts.clone() {
                let function = setting
                    .world
                    .functions
                    .get_mut(&part.function)
                    .expect("parts have functions");
                for version in &mut function.versions {
                    version.flaky = 0.06;
                }
            }
        }
        _ => {}
    }
}
