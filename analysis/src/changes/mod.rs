//! Changes that nobody told but that histories and logs show: a version that was not there before.
//!
//! A derived change is at the first use of a new version, which is later than the deployment, and it says so in
//! what it is evidenced by. Versions seen side by side (a canary) make one change, where the new one first
//! appears.

use model::{Change, Execution, Invocation, UnixNanos};
use std::collections::{BTreeMap, BTreeSet};

/// A use of a version of something.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Use {
    /// When.
    pub time: UnixNanos,
    /// `state_machine` or `lambda`.
    pub kind: String,
    /// State machine or function.
    pub resource: String,
    /// Version.
    pub version: String,
    /// Where it was seen.
    pub evidence: String,
}

impl Use {
    /// The version of the state machine that an execution ran.
    pub fn of_execution(execution: &Execution) -> Option<Use> {
        Some(Use {
            time: execution.start_time,
            kind: "state_machine".to_owned(),
            resource: execution.state_machine.clone(),
            version: execution.state_machine_version.clone()?,
            evidence: execution.execution_arn.clone(),
        })
    }

    /// The version of the function that an invocation ran. `$LATEST` is no version: it may be anything.
    pub fn of_invocation(invocation: &Invocation) -> Option<Use> {
        let version = invocation.function_version.clone()?;
        (version != "$LATEST" && !crate::lambda::time_is_unknown(invocation)).then(|| Use {
            time: invocation.start_time,
            kind: "lambda".to_owned(),
            resource: invocation.function_name.clone(),
            version,
            evidence: invocation.request_id.clone(),
        })
    }
}

/// The changes that uses show, in order of time. The first version of each thing is no change.
pub fn derive(uses: impl IntoIterator<Item = Use>) -> Vec<Change> {
    let mut first: BTreeMap<(String, String), BTreeMap<String, Use>> = BTreeMap::new();
    for seen in uses {
        let versions = first
            .entry((seen.kind.clone(), seen.resource.clone()))
            .or_default();
        let held = versions
            .entry(seen.version.clone())
            .or_insert_with(|| seen.clone());
        if seen < *held {
            *held = seen;
        }
    }
    let mut changes = Vec::new();
    for versions in first.into_values() {
        let ordered: BTreeSet<Use> = versions.into_values().collect();
        let ordered: Vec<Use> = ordered.into_iter().collect();
        for pair in ordered.windows(2) {
            let (before, after) = (&pair[0], &pair[1]);
            let text = format!("version {} → {}", before.version, after.version);
            changes.push(Change {
                evidence: after.evidence.clone(),
                ..Change::new(after.time, &after.kind, &after.resource, &text, "derived")
            });
        }
    }
    changes.sort_by(|a, b| (a.time, &a.kind, &a.resource).cmp(&(b.time, &b.kind, &b.resource)));
    changes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(time: i64, resource: &str, version: &str) -> Use {
        Use {
            time: UnixNanos(time),
            kind: "lambda".to_owned(),
            resource: resource.to_owned(),
            version: version.to_owned(),
            evidence: format!("r{time}"),
        }
    }

    #[test]
    fn a_version_not_seen_before_is_a_change() {
        let check = |uses: &[(i64, &str, &str)], expect: &[(i64, &str)]| {
            let uses = uses
                .iter()
                .rev()
                .map(|(time, resource, version)| seen(*time, resource, version));
            let changes = derive(uses);
            let found: Vec<(i64, String)> = changes
                .iter()
                .map(|it| (it.time.0, format!("{} {}", it.resource, it.change)))
                .collect();
            let expect: Vec<(i64, String)> =
                expect.iter().map(|(t, c)| (*t, (*c).to_owned())).collect();
            assert_eq!(found, expect);
        };
        check(&[], &[]);
        check(&[(1, "f", "7"), (2, "f", "7")], &[]);
        check(
            &[
                (1, "f", "7"),
                (3, "f", "8"),
                (4, "f", "7"),
                (5, "f", "8"),
                (2, "g", "1"),
            ],
            &[(3, "f version 7 → 8")],
        );
        check(
            &[(1, "f", "7"), (3, "f", "8"), (9, "f", "10")],
            &[(3, "f version 7 → 8"), (9, "f version 8 → 10")],
        );
    }

    #[test]
    fn latest_is_no_version() {
        let invocation = |version: &str| Invocation {
            function_version: Some(version.to_owned()),
            start_time: UnixNanos(1_700_000_000_000_000_000),
            ..Invocation::default()
        };
        assert!(Use::of_invocation(&invocation("$LATEST")).is_none());
        assert!(Use::of_invocation(&invocation("3")).is_some());
    }
}
