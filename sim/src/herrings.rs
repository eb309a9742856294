//! Red herrings: things that are remarkable and innocent. They are there with and without the fault.

use crate::setting::{Place, Setting};
use crate::world::{Trouble, Window};
use demo::dice::Dice;

/// Plants one herring, loud or not, and says which; `None` if the setting has no place for it.
type Herring = fn(&mut Setting, &mut Dice, bool) -> Option<String>;

/// Plants as many as a tier has, and says which.
pub(crate) fn plant(setting: &mut Setting, dice: &mut Dice, tier: u8) -> Vec<String> {
    let count = match tier {
        2 => 1,
        3 | 5 => 3,
        _ => 0,
    };
    let loud = tier == 5;
    let mut kinds: Vec<Herring> =
        vec![deploy, warnings, ignored_errors, slow_branch, old_grievance];
    let mut planted = Vec::new();
    while planted.len() < count && !kinds.is_empty() {
        let at = dice.between(0, kinds.len() as i64 - 1) as usize;
        let kind = kinds.swap_remove(at);
        planted.extend(kind(setting, dice, loud));
    }
    planted
}

/// A release of an innocent function, a little before the fault or after it.
fn deploy(setting: &mut Setting, dice: &mut Dice, _: bool) -> Option<String> {
    let index = setting.victim(dice);
    let part = setting.part(index);
    let at = setting.t0 + dice.between(-50_000, 20_000);
    let function = setting.world.functions.get_mut(&part.function)?;
    if function.versions.len() > 1 {
        return None;
    }
    let number = function.publish(at, |_| {});
    setting.tell(
        at,
        "lambda",
        &part.function,
        &format!("published version {number}"),
    );
    Some(format!("release of {}", part.function))
}

/// A storm of warnings.
fn warnings(setting: &mut Setting, dice: &mut Dice, loud: bool) -> Option<String> {
    let index = setting.victim(dice);
    let part = setting.part(index);
    let t0 = setting.t0;
    let function = setting.world.functions.get_mut(&part.function)?;
    let level = if loud { "ERROR" } else { "WARN" };
    for n in 0..if loud { 14 } else { 6 } {
        function.noise.push((
            Window::since(t0 - 5_000),
            level,
            format!("metrics exporter: buffer is {} % full", 60 + 2 * n),
        ));
    }
    Some(format!("{level} storm in {}", part.function))
}

/// A service that fails in an optional call: it is logged and ignored.
fn ignored_errors(setting: &mut Setting, dice: &mut Dice, loud: bool) -> Option<String> {
    let index = setting.victim(dice);
    let part = setting.part(index);
    let from = if loud {
        setting.t0 - 10_000
    } else {
        setting.healthy.first().copied()?
    };
    let taken: Vec<String> = setting
        .parts
        .iter()
        .flat_map(|part| part.services.clone())
        .collect();
    let name = setting
        .world
        .services
        .values()
        .find(|service| service.mesh && !taken.contains(&service.name))
        .map(|service| service.name.clone())?;
    setting.add_call(index, &name);
    let function = setting.world.functions.get_mut(&part.function)?;
    function.calls.last_mut()?.optional = true;
    let service = setting.world.services.get_mut(&name)?;
    // Nobody else calls it: not even a fault that looks for a service.
    service.mesh = true;
    let rate = if loud { 1.0 } else { 0.6 };
    service.troubles.push((
        Window::since(from),
        Trouble::Fails {
            rate,
            status: 500,
            text: "recommendation cache is empty".into(),
        },
    ));
    setting.aside.push(name.clone());
    Some(format!("ignored errors of {name}"))
}

/// A branch that is slower than it was, but never the last.
fn slow_branch(setting: &mut Setting, dice: &mut Dice, _: bool) -> Option<String> {
    let branches: Vec<usize> = (0..setting.parts.len())
        .filter(|index| matches!(setting.parts[*index].place, Place::Branch(_)))
        .collect();
    if branches.len() < 2 {
        return None;
    }
    let (slow, long) = (branches[0], branches[branches.len() - 1]);
    if setting.parts[slow].place == setting.parts[long].place {
        return None;
    }
    let (slow, long) = (setting.part(slow), setting.part(long));
    let t0 = setting.t0;
    setting.world.functions.get_mut(&long.function)?.versions[0].work_ms =
        4_500.0 + 900.0 * dice.unit();
    let function = setting.world.functions.get_mut(&slow.function)?;
    let number = function.newest(t0).number;
    function.publish(t0 - 8_000, |version| {
        version.number = number;
        version.work_ms *= 3.0_f64.min(1_800.0 / version.work_ms).max(1.0);
    });
    Some(format!(
        "slower branch {} off the critical path",
        slow.function
    ))
}

/// An error that healthy executions have, too: an optional call that always fails.
fn old_grievance(setting: &mut Setting, dice: &mut Dice, _: bool) -> Option<String> {
    let index = setting.victim(dice);
    let part = setting.part(index);
    let function = setting.world.functions.get_mut(&part.function)?;
    function.lines.push((
        0.7,
        "ERROR",
        "feature flag service is not configured, using defaults".into(),
    ));
    Some(format!("old error in {}", part.function))
}
