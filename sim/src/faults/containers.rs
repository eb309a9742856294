//! Faults of containers: capacity that is taken away, images that do not come, memory.

use super::{Crime, Fault, Guilt, nothing_prepared};
use crate::setting::{Setting, Wants};
use crate::world::Window;
use demo::dice::Dice;
use model::Category;

pub(super) fn faults() -> Vec<Fault> {
    vec![
        Fault {
            number: 14,
            name: "spot_reclaim",
            wants: batch,
            prepare: nothing_prepared,
            commit: reclaimed,
        },
        Fault {
            number: 15,
            name: "image_pull",
            wants: either,
            prepare: nothing_prepared,
            commit: image,
        },
        Fault {
            number: 37,
            name: "container_memory",
            wants: either,
            prepare: nothing_prepared,
            commit: memory,
        },
    ]
}

fn batch(_: &mut Dice) -> Wants {
    Wants {
        batch: true,
        ..Wants::default()
    }
}

fn either(dice: &mut Dice) -> Wants {
    let batch = dice.chance(0.5);
    Wants {
        batch,
        ecs: !batch,
        ..Wants::default()
    }
}

fn reclaimed(setting: &mut Setting, _: &mut Dice) -> Crime {
    let (state, job) = setting.job.clone().expect("it was asked for");
    let t0 = setting.t0;
    setting
        .world
        .jobs
        .get_mut(&job)
        .expect("it has been made")
        .reclaimed
        .push(Window::since(t0));
    Guilt::of("job", &job, Category::Infrastructure)
        .or(&state, Category::Infrastructure)
        .into()
}

fn image(setting: &mut Setting, dice: &mut Dice) -> Crime {
    let (state, job) = setting.job.clone().expect("it was asked for");
    let t0 = setting.t0;
    let slow = dice.chance(0.4);
    let held = setting.world.jobs.get_mut(&job).expect("it has been made");
    match slow && !held.batch {
        true => held.slow_pull.push((Window::since(t0), 25.0)),
        false => held.unpullable.push(Window::since(t0)),
    }
    Guilt::of("task_definition", &job, Category::Infrastructure)
        .or(&state, Category::Infrastructure)
        .into()
}

fn memory(setting: &mut Setting, _: &mut Dice) -> Crime {
    let (state, job) = setting.job.clone().expect("it was asked for");
    let t0 = setting.t0;
    setting
        .world
        .jobs
        .get_mut(&job)
        .expect("it has been made")
        .too_big
        .push(Window::since(t0));
    Guilt::of("job", &job, Category::Memory)
        .or(&state, Category::Memory)
        .into()
}
