//! Events of EventBridge that cannot be true: times that never were, an end before its beginning, words that
//! the service does not have. Each is refused by itself, with the reason.

use crate::step_functions::{camel, parse_time};
use model::UnixNanos;
use serde_json::{Map, Value};

/// 2000 and 2100: nothing that AWS tells of lies outside, seconds since the epoch.
const YEARS: std::ops::Range<i64> = 946_684_800..4_102_444_800;
/// Clocks of one service agree this well, nanoseconds.
const SLACK: i64 = 2_000_000_000;

/// What a service's events say.
struct Service {
    source: &'static str,
    status: &'static str,
    statuses: &'static [&'static str],
    /// Must be there.
    begin: &'static str,
    /// Each must not lie before any of those before it.
    order: &'static [&'static str],
}

// Step Functions, ECS and Batch: "events" in their developer guides.
const SERVICES: [Service; 3] = [
    Service {
        source: "aws.states",
        status: "status",
        statuses: &[
            "RUNNING",
            "SUCCEEDED",
            "FAILED",
            "TIMED_OUT",
            "ABORTED",
            "PENDING_REDRIVE",
        ],
        begin: "startDate",
        order: &["startDate", "stopDate"],
    },
    Service {
        source: "aws.ecs",
        status: "lastStatus",
        statuses: &[
            "PROVISIONING",
            "PENDING",
            "ACTIVATING",
            "RUNNING",
            "DEACTIVATING",
            "STOPPING",
            "DEPROVISIONING",
            "STOPPED",
            "DELETED",
        ],
        begin: "createdAt",
        order: &["createdAt", "pullStartedAt", "pullStoppedAt", "stoppedAt"],
    },
    Service {
        source: "aws.batch",
        status: "status",
        statuses: &[
            "SUBMITTED",
            "PENDING",
            "RUNNABLE",
            "STARTING",
            "RUNNING",
            "SUCCEEDED",
            "FAILED",
        ],
        begin: "createdAt",
        order: &["createdAt", "startedAt", "stoppedAt"],
    },
];

/// True for an event of a service whose events are read.
pub(super) fn is_event(value: &Value) -> bool {
    service(value).is_some()
}

/// Why the event cannot be true; `None` for one that can, and for anything else.
pub(super) fn refused(value: &Value) -> Option<String> {
    let (service, detail) = service(value)?;
    let find = |name: &str| {
        let found = detail.iter().find(|(key, _)| camel(key) == name);
        found
            .map(|(_, value)| value)
            .filter(|value| !value.is_null())
    };
    // Other events of the same service (a deployment, a container instance) have other members.
    let status = find(service.status)?.as_str().unwrap_or_default();
    if !service.statuses.contains(&status) {
        let short: String = status.chars().take(40).collect();
        return Some(format!(
            "an event of {} with the {} '{short}', which it does not have, was refused",
            service.source, service.status
        ));
    }
    let mut latest: Option<(&str, UnixNanos)> = None;
    for name in service.order {
        let Some(value) = find(name) else {
            if *name == service.begin {
                return Some(format!(
                    "an event of {} without {name} was refused",
                    service.source
                ));
            }
            continue;
        };
        let time = parse_time(value).filter(|time| YEARS.contains(&(time.0 / 1_000_000_000)));
        let Some(time) = time else {
            return Some(format!(
                "an event of {} whose {name} is no time between 2000 and 2100 was refused",
                service.source
            ));
        };
        if let Some((before, earlier)) = latest
            && time.0.saturating_add(SLACK) < earlier.0
        {
            return Some(format!(
                "an event of {} whose {name} lies before its {before} was refused",
                service.source
            ));
        }
        latest = Some((name, latest.map_or(time, |(_, earlier)| earlier.max(time))));
    }
    None
}

fn service(value: &Value) -> Option<(&'static Service, &Map<String, Value>)> {
    let source = value.get("source")?.as_str()?;
    let detail = value.get("detail")?.as_object()?;
    let service = SERVICES.iter().find(|service| service.source == source)?;
    Some((service, detail))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_cannot_be_is_refused() {
        let check = |source: &str, detail: Value, expect: Option<&str>| {
            let event = json!({"source": source, "detail": detail});
            let found = refused(&event);
            match expect {
                None => assert_eq!(found, None, "{event}"),
                Some(word) => assert!(
                    found.as_deref().is_some_and(|it| it.contains(word)),
                    "{event}: {found:?}"
                ),
            }
        };
        let (start, end) = (1_717_100_100_037_i64, 1_717_100_101_037_i64);
        let states = |status: &str, start: Value, end: Value| json!({"executionArn": "e", "status": status, "startDate": start, "stopDate": end});
        check(
            "aws.states",
            states("SUCCEEDED", json!(start), json!(end)),
            None,
        );
        check(
            "aws.states",
            states("RUNNING", json!(start), Value::Null),
            None,
        );
        check(
            "aws.states",
            states("DANCING", json!(start), json!(end)),
            Some("DANCING"),
        );
        check(
            "aws.states",
            states("FAILED", json!(end), json!(start - 10_000)),
            Some("stopDate lies before its startDate"),
        );
        check(
            "aws.states",
            states("FAILED", json!(-5), json!(end)),
            Some("startDate"),
        );
        check(
            "aws.states",
            states("FAILED", json!("soon"), json!(end)),
            Some("startDate"),
        );
        check(
            "aws.states",
            states("FAILED", Value::Null, json!(end)),
            Some("without startDate"),
        );
        check(
            "aws.states",
            states("FAILED", json!(start), json!(1e300)),
            Some("stopDate"),
        );
        let task = |status: &str, stopped: &str| {
            json!({"taskArn": "t", "clusterArn": "c", "lastStatus": status,
            "createdAt": "2024-05-30T20:15:00Z", "pullStartedAt": "2024-05-30T20:15:10Z", "stoppedAt": stopped})
        };
        check("aws.ecs", task("STOPPED", "2024-05-30T20:16:00Z"), None);
        check(
            "aws.ecs",
            task("STOPPED", "2024-05-30T20:15:05Z"),
            Some("before its pullStartedAt"),
        );
        check(
            "aws.ecs",
            task("GONE", "2024-05-30T20:16:00Z"),
            Some("GONE"),
        );
        check(
            "aws.ecs",
            json!({"eventName": "SERVICE_STEADY_STATE"}),
            None,
        );
        let job = json!({"jobId": "j", "jobName": "n", "status": "FAILED", "createdAt": start, "startedAt": end, "stoppedAt": start});
        check("aws.batch", job, None);
        let job = json!({"jobId": "j", "jobName": "n", "status": "FAILED", "createdAt": start, "startedAt": start + 60_000, "stoppedAt": start});
        check(
            "aws.batch",
            job,
            Some("stoppedAt lies before its startedAt"),
        );
        check("somebody.else", json!({"status": "DANCING"}), None);
    }
}
