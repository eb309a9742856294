//! Functions with too little memory: less of a processor, or no room to work in.

use super::scene::Scene;
use model::Attempt;

/// Healthy runs that are asked at least.
const FEWEST: usize = 3;

/// That a function was given much less memory than in all healthy runs, and with it less of a processor.
pub(super) fn less_memory(scene: &Scene, of: &model::Invocation) -> Option<String> {
    let size = of.memory_size_mb?;
    let ran = scene.healthy.iter();
    let ran = ran.filter_map(|it| it.functions.get(&of.function_name));
    let sizes: Vec<i64> = ran.map(|it| it.size_mb).filter(|it| *it > 0).collect();
    let least = *sizes.iter().min().filter(|_| sizes.len() >= FEWEST)?;
    let cut = size > 0 && size.saturating_mul(3) <= least.saturating_mul(2);
    cut.then(|| format!("{} memory size {least} → {size} MB", of.function_name))
}

/// True when an invocation filled its memory and healthy ones leave room: it collected garbage instead of working.
pub(super) fn starved_of_memory(scene: &Scene, attempt: &Attempt) -> bool {
    let ran = scene.invocation(attempt);
    ran.is_some_and(|(it, _)| starved(scene, it))
}

/// The same of an invocation, whoever made it.
pub(super) fn starved(scene: &Scene, invocation: &model::Invocation) -> bool {
    let share = |used: i64, size: i64| used as f64 / size.max(1) as f64;
    let (Some(used), Some(size)) = (invocation.max_memory_used_mb, invocation.memory_size_mb)
    else {
        return false;
    };
    let name = &invocation.function_name;
    let mut usual: Vec<f64> = scene
        .healthy
        .iter()
        .filter_map(|it| it.functions.get(name))
        .filter(|it| it.size_mb > 0)
        .map(|it| share(it.used_mb, it.size_mb))
        .collect();
    usual.sort_by(f64::total_cmp);
    let median = usual.get(usual.len() / 2).copied();
    share(used, size) >= 0.97 && median.is_some_and(|it| it < 0.9)
}
