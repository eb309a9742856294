//! What would help against cold starts, with the numbers that say so. Too little evidence gives no advice.

use model::{Invocation, api::cold_starts::FunctionColdStarts};

/// Invocations and cold starts below which nothing is advised.
const ENOUGH_INVOCATIONS: u64 = 20;
const ENOUGH_COLD: u64 = 5;
/// A start shorter than this is not worth an effort, milliseconds.
const WORTH_MS: f64 = 200.0;

pub(super) fn advice(of: &FunctionColdStarts, members: &[&Invocation]) -> Vec<String> {
    let enough = of.invocations >= ENOUGH_INVOCATIONS && of.cold >= ENOUGH_COLD;
    let Some(p50) = of.init_ms_p50.filter(|ms| enough && *ms >= WORTH_MS) else {
        return Vec::new();
    };
    let mut advice = Vec::new();
    let count = |cause: &str| {
        let held = of.causes.iter().find(|(name, _)| name == cause);
        held.map_or(0, |(_, count)| *count)
    };
    let (scale_out, killed) = (count("scale_out"), count("runtime_killed"));
    let added = format!("{:.1} s were added to executions", of.added_ms / 1e3);
    if scale_out * 2 >= of.cold && of.added_ms >= 1_000.0 {
        advice.push(format!(
            "Provisioned concurrency of {}: so many ran at once in 95 % of the time; {scale_out} of {} cold \
             starts were scale-outs, {added}.",
            busy_p95(members),
            of.cold
        ));
    }
    if killed * 2 >= of.cold {
        advice.push(format!(
            "Repair what kills the runtime: {killed} of {} cold starts follow a crash, a timeout or lack of \
             memory.",
            of.cold
        ));
    }
    if can_snap(members) && p50 >= 1_000.0 && of.added_ms >= 1_000.0 {
        advice.push(format!(
            "SnapStart: an init takes {p50:.0} ms in the median, the runtime supports snapshots; {added}."
        ));
    }
    if let Some(text) = memory(members) {
        advice.push(text);
    }
    if advice.is_empty() && p50 >= 1_000.0 && of.ratio >= 0.05 {
        advice.push(format!(
            "A smaller package or less work at start: an init takes {p50:.0} ms in the median, {:.0} % of the \
             invocations are cold.",
            of.ratio * 100.0
        ));
    }
    advice
}

/// Invocations at once, 95th percentile over the begins of invocations.
fn busy_p95(members: &[&Invocation]) -> usize {
    let mut ends: Vec<i64> = Vec::new();
    let mut starts: Vec<(i64, i64)> = members
        .iter()
        .map(|it| {
            let start = it.start_time.0;
            let end = it.end_time.map_or(start, |end| end.0);
            (
                start,
                end.max(start.saturating_add(it.duration_ns.unwrap_or(0).max(0))),
            )
        })
        .collect();
    starts.sort_unstable();
    let mut heap = std::collections::BinaryHeap::new();
    let mut busy: Vec<usize> = Vec::new();
    for (start, end) in starts {
        while heap
            .peek()
            .is_some_and(|std::cmp::Reverse(first)| *first <= start)
        {
            heap.pop();
        }
        heap.push(std::cmp::Reverse(end));
        ends.push(end);
        busy.push(heap.len());
    }
    busy.sort_unstable();
    let rank = (0.95 * busy.len() as f64).ceil() as usize;
    busy.get(rank.max(1) - 1).copied().unwrap_or(1)
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
            "Memory of {} MB: inits took {:.0} ms in the median ({} seen), with {} MB {:.0} ms ({} seen).",
            best.0, best.2, best.1, small.0, small.2, small.1
        )
    })
}
