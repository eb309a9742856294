//! What would help against cold starts, with the numbers that say so. Too little evidence gives no advice.

use super::{Effect, concurrency::Concurrency};
use crate::cost::PriceBook;
use model::{
    ColdStart, Invocation, SpanId, UnixNanos, api::cold_starts::FunctionColdStarts, time::rfc3339,
};
use std::collections::HashMap;

/// Invocations and cold starts below which nothing is advised.
const ENOUGH_INVOCATIONS: u64 = 20;
const ENOUGH_COLD: u64 = 5;
/// A start shorter than this is not worth an effort, milliseconds.
const WORTH_MS: f64 = 200.0;
/// What cold starts added to executions in all, below which nothing is advised, milliseconds.
const ADDED_MS: f64 = 1_000.0;
/// What is said of a month needs a day that was seen.
const DAY_NS: i64 = 86_400_000_000_000;
const MONTH_NS: i64 = 30 * DAY_NS;
/// A second of waiting is worth so much at most, pico-dollars: 0.10 USD.
const DEAREST_SECOND: f64 = 1e11;

/// What is known of one version of a function.
pub(super) struct Seen<'a> {
    pub(super) members: &'a [&'a Invocation],
    pub(super) effects: &'a HashMap<SpanId, Effect>,
    pub(super) book: &'a PriceBook,
}

pub(super) fn advice(of: &FunctionColdStarts, seen: &Seen<'_>) -> Vec<String> {
    let enough = of.invocations >= ENOUGH_INVOCATIONS && of.cold >= ENOUGH_COLD;
    let Some(p50) = of.init_ms_p50.filter(|ms| enough && *ms >= WORTH_MS) else {
        return Vec::new();
    };
    let members = seen.members;
    let mut advice = Vec::new();
    let count = |cause: &str| {
        let held = of.causes.iter().find(|(name, _)| name == cause);
        held.map_or(0, |(_, count)| *count)
    };
    let killed = count("runtime_killed");
    if killed * 2 >= of.cold {
        advice.push(format!(
            "Repair what kills the runtime: {killed} of {} cold starts follow a crash, a timeout or lack of \
             memory.",
            of.cold
        ));
    }
    // Starts that nobody waited for need no remedy.
    if of.added_ms < ADDED_MS {
        return advice;
    }
    let added = format!("{:.1} s were added to executions", of.added_ms / 1e3);
    advice.extend(provisioned(seen));
    if can_snap(members) && p50 >= 1_000.0 {
        advice.push(format!(
            "SnapStart: an init takes {p50:.0} ms in the median, the runtime supports snapshots; {added}."
        ));
    }
    if let Some(text) = memory(members) {
        advice.push(format!("{text}; {added}."));
    }
    if advice.is_empty() && of.ratio >= 0.05 {
        advice.push(format!(
            "Less work at start: an init takes {p50:.0} ms in the median, {:.0} % of the invocations are cold; \
             {added}.",
            of.ratio * 100.0
        ));
    }
    advice
}

/// Provisioned concurrency: as much as was in use for 95 % of the busiest hour's time, if what it saves is worth what
/// it costs in a month.
fn provisioned(seen: &Seen<'_>) -> Option<String> {
    let concurrency = Concurrency::of(seen.members);
    let observed = concurrency.observed_ns();
    let (hour, wanted) = concurrency.busiest_hour()?;
    let mb = seen
        .members
        .iter()
        .filter_map(|it| it.memory_size_mb)
        .max()?;
    if wanted == 0 || observed < DAY_NS || mb <= 0 {
        return None;
    }
    let saved_ns: i64 = seen
        .members
        .iter()
        .filter(|it| it.cold_start.is_cold() == Some(true))
        .filter(|it| it.cold_start != ColdStart::SuppressedInit)
        .filter(|it| concurrency.at(it.start_time.0) <= wanted)
        .filter_map(|it| seen.effects.get(&it.span_id))
        .map(|effect| effect.added_ns)
        .sum();
    let monthly = saved_ns as f64 * (MONTH_NS as f64 / observed as f64);
    let mut arns = seen
        .members
        .iter()
        .filter_map(|it| seen.effects.get(&it.span_id));
    let region = arns
        .find_map(|it| it.execution_arn.split(':').nth(3))
        .unwrap_or_default();
    let price = seen
        .book
        .price(region, "provisioned_held_gb_second_x86_64")?;
    let held = wanted as f64 * mb as f64 / 1_024.0 * (MONTH_NS / 1_000_000_000) as f64;
    let cost = held * price as f64;
    if saved_ns <= 0 || cost > monthly / 1e9 * DEAREST_SECOND {
        return None;
    }
    let at: String = rfc3339(UnixNanos(hour)).chars().take(16).collect();
    let days = observed as f64 / DAY_NS as f64;
    Some(format!(
        "Provisioned concurrency of {wanted}: no more ran at once for 95 % of the time of the busiest hour (from \
         {at} UTC on). {wanted} × {mb} MB held all month cost {:.2} USD (x86_64 in {region}) and would have saved {:.0} ms on \
         critical paths in the {days:.1} days seen, {:.0} ms a month.",
        cost / 1e12,
        saved_ns as f64 / 1e6,
        monthly / 1e6,
    ))
}

/// Runtimes with SnapStart that do not use it: Java 11, Python 3.12, .NET 8 and newer.
fn can_snap(members: &[&Invocation]) -> bool {
    let snapped = |it: &&&Invocation| it.restore_duration_ms.is_some();
    let runtime = members.iter().find_map(|it| it.runtime_version.as_deref());
    let Some((name, rest)) = runtime.and_then(|it| it.split_once(':')) else {
        return false;
    };
    let mut numbers = rest
        .split(['.', 'v'])
        .map_while(|part| part.parse::<u32>().ok());
    let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    let supported = match name {
        "java" => version.0 >= 11,
        "python" => version >= (3, 12),
        "dotnet" => version.0 >= 8,
        _ => false,
    };
    supported && members.iter().find(snapped).is_none()
}

/// The same function with more memory started faster, as far as both were seen.
fn memory(members: &[&Invocation]) -> Option<String> {
    let mut by_size: std::collections::BTreeMap<i64, Vec<f64>> = Default::default();
    for invocation in members {
        if let (Some(mb), Some(ms)) = (invocation.memory_size_mb, invocation.init_duration_ms) {
            by_size.entry(mb).or_default().push(ms);
        }
    }
    let median = |values: &mut Vec<f64>| {
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    let mut sizes: Vec<(i64, usize, f64)> = by_size
        .iter_mut()
        .filter(|(_, values)| values.len() >= ENOUGH_COLD as usize)
        .map(|(mb, values)| (*mb, values.len(), median(values)))
        .collect();
    let best = sizes.pop()?;
    let small = sizes.first()?;
    (best.2 <= small.2 * 0.7).then(|| {
        format!(
            "Memory of {} MB: inits took {:.0} ms in the median ({} seen), with {} MB {:.0} ms ({} seen)",
            best.0, best.2, best.1, small.0, small.2, small.1
        )
    })
}
