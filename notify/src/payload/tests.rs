use super::*;
use crate::notification::{Budget, Burn, Culprit, Example, Incident, Kind, SloRef};
use model::UnixNanos;
use serde_json::json;

const AT: UnixNanos = UnixNanos(1_700_000_000_000_000_000);

fn full() -> N {
    N {
        kind: Kind::Firing,
        at: AT,
        incident: Incident {
            key: "checkout/page/1700000000".into(),
            since: AT,
            until: None,
            path: "/alerts/7".into(),
        },
        severity: "page".into(),
        slo: SloRef {
            name: "checkout".into(),
            title: "Checkout succeeds".into(),
            service: "shop".into(),
            target: "99.5".into(),
            window: "28d".into(),
            method: "Occurrences".into(),
            path: "/slos/checkout".into(),
            ..SloRef::default()
        },
        summary: "checkout burns 20 times too fast".into(),
        rule: "1h/5m > 14.4".into(),
        burn: vec![
            Burn {
                window: "1h".into(),
                rate: Some(20.0),
                threshold: Some(14.4),
                bad: 10,
                total: 100,
            },
            Burn {
                window: "5m".into(),
                rate: Some(25.0),
                threshold: Some(14.4),
                bad: 2,
                total: 9,
            },
        ],
        budget: Some(Budget {
            remaining: 0.25,
            allowed: 100.0,
            spent: 75.0,
        }),
        exhausts_at: Some(AT),
        explain: "10/100 / 0.005 = 20 > 14.4".into(),
        culprits: vec![Culprit {
            kind: "state".into(),
            name: "Charge".into(),
            share: 0.9,
            lift: Some(4.0),
            bad: 9,
        }],
        executions: (0..5)
            .map(|index| Example {
                id: format!("arn:{index}"),
                name: format!("order-<{index}|"),
                at: AT,
                error: "Boom & <script>".into(),
                path: format!("/executions/arn:{index}"),
            })
            .collect(),
        verdict: Some("the card service rejects".into()),
        ..N::default()
    }
}

fn body(format: Format, message: &N) -> Value {
    let key = Secret::new("hunter2");
    let context = Context {
        id: "msg_1",
        receiver: "oncall",
        external_url: "https://inquest.example.com",
        key: Some(&key),
    };
    let payloads = payloads(format, message, &context);
    serde_json::from_slice(&payloads[0].body).expect("JSON")
}

fn resolved() -> N {
    let mut message = full();
    message.kind = Kind::Resolved;
    message.incident.until = Some(UnixNanos(AT.0 + 60_000_000_000));
    message
}

#[test]
fn our_own_event_carries_the_evidence() {
    let event = body(Format::Cloudevents, &full());
    assert_eq!(event["specversion"], "1.0");
    assert_eq!(event["id"], "msg_1");
    assert_eq!(event["type"], "slo.burn.firing");
    assert_eq!(event["subject"], "checkout/page/1700000000");
    assert_eq!(event["time"], "2023-11-14T22:13:20Z");
    let data = &event["data"];
    assert_eq!(data["burn"], json!({"long": 20.0, "short": 25.0}));
    assert_eq!(data["threshold"], 14.4);
    assert_eq!(data["budget"]["remaining"], 0.25);
    assert_eq!(data["exhausts_at"], "2023-11-14T22:13:20Z");
    assert_eq!(data["top_causes"][0]["lift"], 4.0);
    assert_eq!(data["executions"].as_array().expect("a list").len(), 3);
    assert_eq!(
        data["executions"][0]["url"],
        "https://inquest.example.com/executions/arn:0"
    );
    assert_eq!(data["verdict"], "the card service rejects");
    let envelope = body(Format::Webhook, &full());
    assert_eq!(envelope["type"], "slo.burn.firing");
    assert_eq!(envelope["data"], *data);
    assert_eq!(body(Format::CloudeventsBinary, &full()), *data);
}

#[test]
fn alertmanagers_webhook_opens_and_closes_one_alert() {
    let (open, closed) = (
        body(Format::Alertmanager, &full()),
        body(Format::Alertmanager, &resolved()),
    );
    assert_eq!(open["version"], "4");
    assert_eq!(
        (open["status"].as_str(), closed["status"].as_str()),
        (Some("firing"), Some("resolved"))
    );
    assert_eq!(open["groupKey"], closed["groupKey"]);
    assert_eq!(
        open["alerts"][0]["fingerprint"],
        closed["alerts"][0]["fingerprint"]
    );
    assert_eq!(open["alerts"][0]["labels"], closed["alerts"][0]["labels"]);
    assert_eq!(open["alerts"][0]["endsAt"], "0001-01-01T00:00:00Z");
    assert_eq!(closed["alerts"][0]["endsAt"], "2023-11-14T22:14:20Z");
    let alert = &body(Format::AlertmanagerApi, &resolved())[0];
    assert_eq!(alert["endsAt"], "2023-11-14T22:14:20Z");
    assert_eq!(alert["labels"]["alertname"], "SLOBurn");
}

#[test]
fn pagerduty_is_triggered_and_resolved_by_one_key() {
    let (open, closed) = (
        body(Format::Pagerduty, &full()),
        body(Format::Pagerduty, &resolved()),
    );
    assert_eq!(
        (
            open["event_action"].as_str(),
            closed["event_action"].as_str()
        ),
        (Some("trigger"), Some("resolve"))
    );
    assert_eq!(open["dedup_key"], closed["dedup_key"]);
    assert_eq!(open["payload"]["severity"], "critical");
    assert_eq!(open["routing_key"], "hunter2");
    let mut long = full();
    long.incident.key = "x".repeat(400);
    long.summary = "y".repeat(3_000);
    let long = body(Format::Pagerduty, &long);
    assert!(long["dedup_key"].as_str().expect("a key").len() <= 255);
    assert_eq!(
        long["payload"]["summary"]
            .as_str()
            .expect("text")
            .chars()
            .count(),
        1_024
    );
}

#[test]
fn chats_stay_within_their_limits_and_take_no_markup() {
    let mut long = full();
    long.summary = "s".repeat(5_000);
    long.explain = "*<!channel>* & ".repeat(2_000);
    for message in [full(), long] {
        let slack = body(Format::Slack, &message);
        let text = slack.to_string();
        assert!(!text.contains("<!channel>") && !text.contains("<script>"));
        for block in slack["blocks"].as_array().expect("blocks") {
            let most = match block["type"].as_str() {
                Some("header") => 150,
                _ => 3_000,
            };
            if let Some(text) = block["text"]["text"].as_str() {
                assert!(text.chars().count() <= most);
            }
        }
        let teams = body(Format::Teams, &message);
        assert!(teams.to_string().len() <= 28_000);
        assert_eq!(teams["attachments"][0]["content"]["type"], "AdaptiveCard");
    }
}

#[test]
fn opsgenie_closes_what_it_opened() {
    let alert = body(Format::Opsgenie, &full());
    assert_eq!(alert["priority"], "P1");
    let key = Secret::new("hunter2");
    let context = Context {
        id: "m",
        receiver: "r",
        external_url: "",
        key: Some(&key),
    };
    let close = payloads(Format::Opsgenie, &resolved(), &context).remove(0);
    let Path::Below(parts) = &close.path else {
        panic!("below")
    };
    assert_eq!(parts[0], alert["alias"].as_str().expect("an alias"));
    assert_eq!(close.headers[0].1.expose(), "GenieKey hunter2");
}

#[test]
fn messages_stay_small_whatever_is_in_them() {
    let mut huge = full();
    let text = "ü<\"\\".repeat(50_000);
    huge.explain.clone_from(&text);
    huge.verdict = Some(text.clone());
    huge.culprits = vec![huge.culprits[0].clone(); 1_000];
    for example in &mut huge.executions {
        example.error.clone_from(&text);
        example.name.clone_from(&text);
    }
    for format in [
        Format::Cloudevents,
        Format::Alertmanager,
        Format::Slack,
        Format::Teams,
        Format::Opsgenie,
        Format::Pagerduty,
    ] {
        let length = body(format, &huge).to_string().len();
        assert!(length < 64_000, "{format:?}: {length}");
    }
}
