//! Whether an invocation had to wait for its sandbox.

use super::{
    evidence::{Evidence, number, text},
    outcome,
};
use model::{ColdStart, lambda as word};

/// Init may take ten seconds before Lambda starts over; a START much later than that did not wait for it.
const LONGEST_WAIT_NS: i64 = 12_000_000_000;

/// The kind, why, and how long it took.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    pub(super) kind: ColdStart,
    pub(super) reason: String,
    pub(super) init_ms: Option<f64>,
    pub(super) restore_ms: Option<f64>,
    /// The init ran inside the invocation's own duration.
    pub(super) inside: bool,
}

/// Judges by the first rule that applies. `mixed`: the lines are of several sandboxes.
pub(super) fn judge(found: &Evidence<'_>, before: Option<&Evidence<'_>>, mixed: bool) -> Verdict {
    restored(found)
        .or_else(|| provisioned(found))
        .or_else(|| failed(found))
        .or_else(|| reported(found))
        .or_else(|| suppressed(before, mixed))
        .or_else(|| started(found))
        .unwrap_or_else(|| warm(before, mixed))
}

fn verdict(kind: ColdStart, reason: impl Into<String>) -> Verdict {
    Verdict {
        kind,
        reason: reason.into(),
        ..Verdict::default()
    }
}

fn restored(found: &Evidence<'_>) -> Option<Verdict> {
    let init = &found.init;
    let printed = init.restore_report.and_then(|line| {
        let duration = line.attributes.get(word::RESTORE_DURATION_MS);
        number(duration.or_else(|| line.attributes.get(word::DURATION_MS)))
    });
    let reported = found.number(word::RESTORE_DURATION_MS);
    // REPORT speaks of an init: what was restored before was another sandbox of a mixed file.
    if reported.is_none() && found.number(word::INIT_DURATION_MS).is_some() {
        return None;
    }
    let restore_ms = reported.or(printed);
    if restore_ms.is_none() && init.restore_start.is_none() && init.restore_report.is_none() {
        return None;
    }
    let took = restore_ms
        .map(|ms| format!(" in {ms} ms"))
        .unwrap_or_default();
    let reason = format!("restored from a SnapStart snapshot{took}");
    Some(Verdict {
        restore_ms,
        ..verdict(ColdStart::SnapstartRestore, reason)
    })
}

fn provisioned(found: &Evidence<'_>) -> Option<Verdict> {
    (found.init.kind()? == "provisioned-concurrency").then(|| {
        verdict(
            ColdStart::Provisioned,
            "the log says initializationType provisioned-concurrency",
        )
    })
}

/// An init that failed or took too long is repeated inside the invocation.
fn failed(found: &Evidence<'_>) -> Option<Verdict> {
    let reports = &found.init.reports;
    let phase = |name: &str| {
        reports
            .iter()
            .rev()
            .find(|line| text(line.attributes.get(word::PHASE)) == Some(name))
            .copied()
    };
    let bad = |status: &str| matches!(status, "error" | "timeout" | "failure");
    let first =
        phase("init").filter(|line| text(line.attributes.get(word::STATUS)).is_some_and(bad));
    let second = phase("invoke");
    if first.is_none() && second.is_none() {
        return None;
    }
    let millis = |line: &model::LogRecord| {
        number(
            line.attributes
                .get(word::INIT_DURATION_MS)
                .or_else(|| line.attributes.get(word::DURATION_MS)),
        )
    };
    let how = match first.and_then(|line| text(line.attributes.get(word::STATUS))) {
        Some("timeout") => "init took too long",
        _ => "init failed",
    };
    let after = first
        .and_then(millis)
        .map(|ms| format!(" after {ms} ms"))
        .unwrap_or_default();
    Some(Verdict {
        init_ms: second.and_then(millis),
        inside: true,
        ..verdict(
            ColdStart::FailedInit,
            format!("{how}{after} and was repeated inside the invocation"),
        )
    })
}

fn reported(found: &Evidence<'_>) -> Option<Verdict> {
    let init_ms = found.number(word::INIT_DURATION_MS)?;
    let reason = format!("REPORT has an init duration of {init_ms} ms");
    Some(Verdict {
        init_ms: Some(init_ms),
        ..verdict(ColdStart::Init, reason)
    })
}

fn suppressed(before: Option<&Evidence<'_>>, mixed: bool) -> Option<Verdict> {
    let end = outcome::sandbox_end(before?).filter(|_| !mixed)?;
    let reason = format!(
        "the invocation before it on this log stream ended in {end}: the sandbox was made new, unreported"
    );
    Some(verdict(ColdStart::SuppressedInit, reason))
}

/// INIT_START was seen, but REPORT tells no init duration (or there is none).
fn started(found: &Evidence<'_>) -> Option<Verdict> {
    let line = found
        .init
        .start
        .filter(|_| found.init.kind() != Some("snap-start"))?;
    let wait = found.started.unwrap_or(found.first_seen).since(line.time);
    if found.has_report() && wait > LONGEST_WAIT_NS && !found.estimated {
        let seconds = wait / 1_000_000_000;
        let reason =
            format!("its init began {seconds} s before START and REPORT has no init duration");
        return Some(verdict(ColdStart::Provisioned, reason));
    }
    let init_ms = found.init.reports.iter().find_map(|line| {
        number(
            line.attributes
                .get(word::INIT_DURATION_MS)
                .or_else(|| line.attributes.get(word::DURATION_MS)),
        )
    });
    Some(Verdict {
        init_ms,
        ..verdict(ColdStart::Init, "INIT_START stands before its START")
    })
}

fn warm(before: Option<&Evidence<'_>>, mixed: bool) -> Verdict {
    match before {
        _ if mixed => verdict(
            ColdStart::Unknown,
            "the file mixes lines of several sandboxes",
        ),
        Some(_) => verdict(
            ColdStart::Warm,
            "an earlier invocation used the same sandbox",
        ),
        None => verdict(
            ColdStart::Unknown,
            "the beginning of the log stream is missing",
        ),
    }
}
