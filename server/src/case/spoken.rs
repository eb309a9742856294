//! What a failed span says of its failure: its status, the exception that it recorded, the flags of a proxy.

use serde_json::Value;

/// Characters of an exception's type or message that are kept.
const MOST: usize = 300;

/// What a proxy's response flags say, where they tell why there was no answer. What the one who asked broke off, or was
/// refused for asking too often, is told by the status.
pub(super) fn flagged(flags: &str) -> Option<&'static str> {
    const WHY: [(&str, &str); 9] = [
        ("NR", "no route"),
        ("NC", "no route: cluster not found"),
        ("DF", "dns resolution failure"),
        ("UH", "no healthy upstream"),
        ("UF", "upstream connection failure"),
        ("UO", "upstream circuit breaker overflow"),
        ("UT", "upstream request timeout"),
        ("UC", "upstream connection termination"),
        ("LR", "connection reset"),
    ];
    let why = WHY
        .iter()
        .find(|it| flags.split(',').any(|flag| flag == it.0));
    why.map(|it| it.1)
}

/// The words of a failure. Many SDKs set the status to an exception's message only, and some messages say nothing without
/// its type: that of an unknown host is the host's name.
pub(super) fn message(said: &str, events: &str, code: u32, flagged: Option<&str>) -> String {
    if let Some(why) = flagged {
        return match code {
            0 => why.to_owned(),
            code => format!("status code {code}: {why}"),
        };
    }
    match (said, thrown(events)) {
        // Who answers so broke down itself, whatever it was sent.
        ("", Some((kind, words))) if code >= 500 => format!("status code {code}: {kind}: {words}"),
        (said, Some((kind, words))) => {
            let said = if said.is_empty() { &words } else { said };
            match said.contains(short(&kind)) {
                true => said.to_owned(),
                false => format!("{kind}: {said}"),
            }
        }
        ("", None) if code >= 500 => format!("status code {code}"),
        (said, None) => said.to_owned(),
    }
}

/// A service as users know it. Meshes write `NAME.NAMESPACE` where the workload itself, and who calls it, say `NAME`.
///
/// Source: Istio, "Configure tracing" (`istio.canonical_service`; `PROXY_CONFIG.tracing.serviceName`).
pub(super) fn service<'a>(name: &'a str, canonical: &'a str) -> &'a str {
    let rest = name.strip_prefix(canonical).unwrap_or_default();
    match !canonical.is_empty() && rest.starts_with('.') {
        true => canonical,
        false => name,
    }
}

/// True for a gRPC status by which a server says that it broke down itself: UNKNOWN, INTERNAL, DATA_LOSS.
pub(super) fn broke(status: &str) -> bool {
    matches!(
        status,
        "2" | "13" | "15" | "UNKNOWN" | "INTERNAL" | "DATA_LOSS"
    )
}

/// An exception's type without where it is declared.
fn short(kind: &str) -> &str {
    kind.rsplit(['.', ':', '\\']).next().unwrap_or(kind)
}

/// Type and message of the exception that a span recorded last.
fn thrown(events: &str) -> Option<(String, String)> {
    if !events.contains("exception.type") {
        return None;
    }
    let events: Vec<Value> = serde_json::from_str(events).ok()?;
    let told = events.iter().rev().find_map(|it| {
        let of = it.get("attributes")?;
        let kind = of.get("exception.type")?.as_str()?;
        let words = of.get("exception.message").and_then(Value::as_str);
        Some((kind, words.unwrap_or_default()))
    })?;
    let kept = |it: &str| it.chars().take(MOST).collect::<String>();
    Some((kept(told.0), kept(told.1))).filter(|it| !it.0.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mesh_names_a_service_by_its_workload() {
        assert_eq!(service("pay.shop", "pay"), "pay");
        assert_eq!(service("pay", "pay"), "pay");
        assert_eq!(service("payments.shop", "pay"), "payments.shop");
        assert_eq!(service("pay.shop", ""), "pay.shop");
        assert!(broke("13") && !broke("3") && !broke(""));
    }

    #[test]
    fn a_failure_is_told_by_status_exception_and_flags() {
        let events = r#"[{"time":1,"name":"exception","attributes":{"exception.type":"java.net.UnknownHostException","exception.message":"stock"}}]"#;
        let unknown = "java.net.UnknownHostException: stock";
        assert_eq!(message("stock", events, 0, None), unknown);
        assert_eq!(message("", events, 0, None), unknown);
        // It names its type already.
        assert_eq!(
            message("UnknownHostException at Stock", events, 0, None),
            "UnknownHostException at Stock"
        );
        assert_eq!(
            message("", events, 500, None),
            format!("status code 500: {unknown}")
        );
        assert_eq!(message("", "", 502, None), "status code 502");
        assert_eq!(message("", "[]", 200, None), "");
        let flagged = flagged("URX,UF");
        assert_eq!(
            message("", "", 503, flagged),
            "status code 503: upstream connection failure"
        );
        for none in ["-", "", "DC", "RL"] {
            assert_eq!(super::flagged(none), None);
        }
    }
}
