//! Lambda, and what its logs cost.
//!
//! `MB/1024 × billed ms/1000 × price`, a request each, /tmp beyond 512 MB. Billed Duration of the REPORT line is
//! taken as it is; where it is missing it is made from the duration: rounded up to a millisecond, with the
//! init since 2025-08-01 (AWS, "Lambda standardizes billing for INIT phase"). A call that was throttled
//! made no invocation and costs nothing. A retry of an asynchronous call is an invocation of its own.

use super::{Bill, Place, Quantity, units_of, wasted::Wasted};
use model::{Attempt, ColdStart, Invocation, InvocationStatus, SpanId, TraceId, Value, Waste};
use std::collections::{BTreeMap, HashMap, HashSet};

/// Since 2025-08-01T00:00:00Z the init of every on-demand function is billed.
const INIT_BILLED_SINCE_NS: i64 = 1_754_006_400_000_000_000;
/// /tmp that is included, MB.
const FREE_STORAGE_MB: i64 = 512;

pub(super) fn bill(bill: &mut Bill<'_>, wasted: &Wasted) {
    let facts = bill.facts;
    let invocations: HashMap<(TraceId, SpanId), &Invocation> = facts
        .invocations
        .iter()
        .map(|it| ((it.trace_id, it.span_id), it))
        .collect();
    let mut by_attempt: BTreeMap<SpanId, Vec<(&Invocation, bool)>> = BTreeMap::new();
    let mut seen = HashSet::new();
    for join in facts
        .joins
        .iter()
        .filter(|join| join.child.kind == "invocation")
    {
        let id = (join.child.trace_id, join.child.span_id);
        if let Some(invocation) = invocations.get(&id)
            && seen.insert(id)
        {
            let held = by_attempt.entry(join.parent.span_id).or_default();
            held.push((invocation, join.ambiguous()));
        }
    }
    for attempt in facts.attempts {
        let Some(held) = by_attempt.get(&attempt.span_id) else {
            unseen(bill, attempt, wasted);
            continue;
        };
        for (invocation, guessed) in held {
            one(bill, attempt, invocation, *guessed, wasted);
        }
    }
}

/// A function was called and its log is not held.
fn unseen(bill: &mut Bill<'_>, attempt: &Attempt, wasted: &Wasted) {
    let calls = attempt.function_name.is_some() || attempt.resource_type == "lambda";
    let refused = attempt
        .error
        .as_deref()
        .is_some_and(crate::ledger::is_throttle);
    let began = attempt.started_time.is_some() || attempt.end_time.is_some();
    if !calls || refused || !began {
        return;
    }
    let name = attempt.function_name.clone().unwrap_or_default();
    let note = format!("the log of function {name} is not held: its invocation is not counted");
    let place = place_of(attempt, name, wasted.waste(attempt.span_id, attempt.status));
    bill.missing(&place, "lambda_compute", "GB-s", note);
}

fn place_of(attempt: &Attempt, resource: String, waste: Waste) -> Place {
    Place {
        state: attempt.state.clone(),
        path: attempt.path.clone(),
        attempt: Some(attempt.attempt),
        span_id: attempt.span_id,
        invocation: None,
        resource,
        waste,
    }
}

fn one(
    bill: &mut Bill<'_>,
    attempt: &Attempt,
    invocation: &Invocation,
    guessed: bool,
    wasted: &Wasted,
) {
    let failed = matches!(
        invocation.status,
        InvocationStatus::Error | InvocationStatus::Timeout
    );
    let waste = match wasted.waste(attempt.span_id, attempt.status) {
        Waste::None if failed => Waste::FailedAttempt,
        waste => waste,
    };
    let name = invocation.function_name.clone();
    let place = Place {
        invocation: Some(invocation.span_id),
        ..place_of(attempt, name, waste)
    };
    let guess = match guessed {
        true => "the invocation was found by function and time and may be another one",
        false => "",
    };
    let request = Quantity::whole(1);
    bill.add(
        &place,
        "lambda_request",
        "lambda_request",
        "request",
        request,
        guess,
    );
    compute(bill, &place, invocation, guess);
    restore(bill, &place, invocation, guess);
    logs(bill, &place, invocation, guess);
}

fn compute(bill: &mut Bill<'_>, place: &Place, invocation: &Invocation, guess: &str) {
    let name = &invocation.function_name;
    let Some(mb) = invocation.memory_size_mb.filter(|mb| *mb > 0) else {
        let note = format!("the memory size of function {name} is not recorded");
        return bill.missing(place, "lambda_compute", "GB-s", note);
    };
    let Some(billed) = billed(invocation) else {
        let note = format!("neither duration nor billed duration of {name} is recorded");
        return bill.missing(place, "lambda_compute", "GB-s", note);
    };
    let told = bill.book.function(name).cloned().unwrap_or_default();
    let (architecture, assumed) = architecture(bill, invocation);
    let mut notes = Vec::new();
    if assumed {
        notes.push(format!(
            "architecture of function {name} is unknown: x86_64 assumed"
        ));
    }
    if billed.estimated {
        notes.push(format!(
            "billed duration of {name} is not recorded: made from its duration"
        ));
    }
    notes.extend((!guess.is_empty()).then(|| guess.to_owned()));
    let note = notes.join("; ");
    let provisioned = invocation.cold_start == ColdStart::Provisioned;
    let (item, price) = match provisioned {
        true => (
            "lambda_provisioned",
            format!("lambda_provisioned_gb_second_{architecture}"),
        ),
        false => ("lambda_compute", format!("lambda_gb_second_{architecture}")),
    };
    let gb_seconds = |mb: i64, ms: i64| Quantity {
        amount: i128::from(mb) * i128::from(ms),
        per: 1_024 * 1_000,
    };
    bill.add(
        place,
        item,
        &price,
        "GB-s",
        gb_seconds(mb, billed.run_ms),
        &note,
    );
    if billed.init_ms > 0 {
        let quantity = gb_seconds(mb, billed.init_ms);
        bill.add(place, "lambda_init", &price, "GB-s", quantity, &note);
    }
    let storage = told.ephemeral_storage_mb.unwrap_or(0) - FREE_STORAGE_MB;
    if storage > 0 {
        let quantity = gb_seconds(storage, billed.run_ms + billed.init_ms);
        let (item, price) = ("lambda_ephemeral_storage", "lambda_ephemeral_gb_second");
        bill.add(place, item, price, "GB-s", quantity, guess);
    }
}

/// Milliseconds billed, the init apart.
struct Billed {
    run_ms: i64,
    init_ms: i64,
    estimated: bool,
}

fn billed(invocation: &Invocation) -> Option<Billed> {
    const LONGEST_MS: f64 = 1e12;
    let whole =
        |ms: f64| (ms.is_finite() && (0.0..LONGEST_MS).contains(&ms)).then(|| ms.ceil() as i64);
    let duration = invocation
        .duration_ns
        .map(|ns| ns.clamp(0, 1_000_000_000_000_000_000));
    let run_ms = duration.map(|ns| units_of(ns, 1_000_000).max(1));
    let init = invocation
        .init_duration_ms
        .filter(|ms| ms.is_finite() && *ms > 0.0);
    // A failed init is repeated within the duration.
    let init = init.filter(|_| invocation.cold_start == ColdStart::Init);
    if let Some(total) = invocation.billed_duration_ms.and_then(whole) {
        let own = run_ms.unwrap_or(total).min(total);
        let init_ms = if init.is_some() { total - own } else { 0 };
        return Some(Billed {
            run_ms: total - init_ms,
            init_ms,
            estimated: false,
        });
    }
    let run_ms = run_ms?;
    let both = match (init, duration) {
        (Some(init), Some(ns)) if invocation.start_time.0 >= INIT_BILLED_SINCE_NS => {
            whole(init + ns as f64 / 1e6).unwrap_or(run_ms)
        }
        _ => run_ms,
    };
    Some(Billed {
        run_ms,
        init_ms: (both - run_ms).max(0),
        estimated: true,
    })
}

/// The architecture, and whether it is assumed. REPORT does not say it; the book or a span may.
fn architecture(bill: &Bill<'_>, invocation: &Invocation) -> (&'static str, bool) {
    let known = |word: &str| match word {
        "arm64" | "aarch64" => Some("arm64"),
        "x86_64" | "amd64" | "x86" => Some("x86_64"),
        _ => None,
    };
    let told = bill.book.function(&invocation.function_name);
    let told = told.and_then(|it| known(it.architecture.as_deref()?));
    let seen = || {
        let within =
            bill.facts.joins.iter().filter(|join| {
                join.child.kind == "span" && join.parent.span_id == invocation.span_id
            });
        let traces: HashSet<(TraceId, SpanId)> = within
            .map(|join| (join.child.trace_id, join.child.span_id))
            .collect();
        let mut spans = bill.facts.spans.iter();
        spans.find_map(|span| {
            traces
                .contains(&(span.trace_id, span.span_id))
                .then_some(())?;
            match span.resource.get("host.arch") {
                Some(Value::String(word)) => known(word),
                _ => None,
            }
        })
    };
    match told.or_else(seen) {
        Some(architecture) => (architecture, false),
        None => ("x86_64", true),
    }
}

/// A SnapStart restore: by the gigabyte for Python and .NET; Java pays nothing for it, and hooks that run in it
/// are billed by time.
fn restore(bill: &mut Bill<'_>, place: &Place, invocation: &Invocation, guess: &str) {
    let Some(mb) = invocation.memory_size_mb.filter(|mb| *mb > 0) else {
        return;
    };
    if invocation.cold_start != ColdStart::SnapstartRestore {
        return;
    }
    let runtime = invocation.runtime_version.as_deref().unwrap_or_default();
    if !runtime.starts_with("java") {
        let note = match runtime {
            "" => "runtime unknown: priced as Python or .NET, which pay for restores",
            _ => guess,
        };
        let quantity = Quantity {
            amount: i128::from(mb),
            per: 1_024,
        };
        bill.add(
            place,
            "lambda_restore",
            "lambda_restore_gb",
            "GB",
            quantity,
            note,
        );
    }
    let hooks = invocation
        .billed_restore_duration_ms
        .filter(|ms| *ms > 0.0 && *ms < 1e12);
    if let Some(ms) = hooks {
        let (architecture, assumed) = architecture(bill, invocation);
        let name = &invocation.function_name;
        let assumption = format!("architecture of function {name} is unknown: x86_64 assumed");
        let note = if assumed { assumption.as_str() } else { guess };
        let quantity = Quantity {
            amount: i128::from(mb) * i128::from(ms.ceil() as i64),
            per: 1_024 * 1_000,
        };
        let price = format!("lambda_gb_second_{architecture}");
        bill.add(place, "lambda_init", &price, "GB-s", quantity, note);
    }
}

fn logs(bill: &mut Bill<'_>, place: &Place, invocation: &Invocation, guess: &str) {
    let Some(bytes) = invocation.log_bytes.filter(|bytes| *bytes > 0) else {
        return;
    };
    let note = match guess {
        "" => "log bytes are those of the lines held",
        guess => guess,
    };
    let quantity = Quantity {
        amount: i128::from(bytes),
        per: 1 << 30,
    };
    bill.add(place, "log_ingestion", "logs_gb", "GB", quantity, note);
}
