//! Messages in the formats of receivers.

mod alertmanager;
mod chat;
mod data;
mod opsgenie;
mod own;
mod pagerduty;

#[cfg(test)]
mod tests;

use crate::{
    notification::{Notification as N, Notification},
    receiver::Format,
    secret::Secret,
};
use serde_json::Value;

/// What a message needs besides what it says.
pub struct Context<'a> {
    /// The same for every attempt.
    pub id: &'a str,
    /// Name of the receiver.
    pub receiver: &'a str,
    /// Where people reach our pages; empty if nobody said.
    pub external_url: &'a str,
    /// Routing or API key.
    pub key: Option<&'a Secret>,
}

/// A request to make.
#[derive(Clone, PartialEq)]
pub struct Payload {
    /// Appended to the path of the receiver's URL.
    pub path: Path,
    /// Further query parameters.
    pub query: Vec<(&'static str, &'static str)>,
    /// Value of `Content-Type`.
    pub content_type: &'static str,
    /// Further headers.
    pub headers: Vec<(&'static str, Secret)>,
    /// Body, as it is signed and sent.
    pub body: Vec<u8>,
}

/// Where a request goes, as seen from the receiver's URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Path {
    /// There.
    Same,
    /// Below it.
    Below(Vec<String>),
    /// Its last part replaced by these.
    Beside(Vec<String>),
}

impl Payload {
    fn json(value: &Value) -> Self {
        Payload {
            path: Path::Same,
            query: Vec::new(),
            content_type: "application/json",
            headers: Vec::new(),
            body: value.to_string().into_bytes(),
        }
    }
}

/// The requests that say this, usually one.
pub fn payloads(format: Format, message: &Notification, context: &Context<'_>) -> Vec<Payload> {
    match format {
        Format::Cloudevents => vec![own::structured(message, context)],
        Format::CloudeventsBinary => vec![own::binary(message, context)],
        Format::Webhook => vec![own::envelope(message, context)],
        Format::Alertmanager => vec![alertmanager::webhook(message, context)],
        Format::AlertmanagerApi => vec![alertmanager::api(message, context)],
        Format::Pagerduty => pagerduty::events(message, context),
        Format::Slack => vec![chat::slack(message, context)],
        Format::Teams => vec![chat::teams(message, context)],
        Format::Opsgenie => opsgenie::requests(message, context),
    }
}

/// SHA-256 over the parts, hexadecimal.
pub fn digest(parts: &[&str]) -> String {
    let mut hash = ring::digest::Context::new(&ring::digest::SHA256);
    for part in parts {
        hash.update(&part.len().to_be_bytes());
        hash.update(part.as_bytes());
    }
    let bytes = hash.finish();
    bytes
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// At most `most` characters, the last one `…` if something was cut.
fn clip(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let kept: String = text.chars().take(most.saturating_sub(1)).collect();
    kept + "…"
}

/// A key of at most 255 characters that is the same for all messages of an incident.
fn dedup_key(message: &N) -> String {
    let key = format!("inquest/{}", message.incident.key);
    match key.len() <= 255 {
        true => key,
        false => format!("inquest/{}", digest(&[&message.incident.key])),
    }
}

/// An address of ours; a path alone where nobody said where people reach us.
fn link(context: &Context<'_>, path: &str) -> String {
    format!("{}{path}", context.external_url)
}

/// A link that a service will take as one; `None` where we do not know where people reach us.
fn full_link(context: &Context<'_>, path: &str) -> Option<String> {
    (!context.external_url.is_empty() && !path.is_empty()).then(|| link(context, path))
}

/// First line of every message.
fn headline(message: &N) -> String {
    let word = match message.kind.effect() {
        crate::notification::Effect::Resolve => "resolved",
        crate::notification::Effect::Notice => "notice",
        _ => match message.severity.as_str() {
            "" => "alert",
            severity => severity,
        },
    };
    match message.summary.is_empty() {
        true => format!("[{word}] {}", name(message)),
        false => format!("[{word}] {}", message.summary),
    }
}

fn name(message: &N) -> &str {
    match message.slo.title.is_empty() {
        true => &message.slo.name,
        false => &message.slo.title,
    }
}

/// The facts of a message as pairs for people, in the order of their weight.
fn facts(message: &N) -> Vec<(&'static str, String)> {
    let mut facts = Vec::new();
    let mut add = |title, value: String| {
        if !value.is_empty() {
            facts.push((title, clip(&value, 600)));
        }
    };
    let burn = message.burn.iter().filter_map(|it| {
        let rate = it.rate?;
        Some(format!(
            "{} {rate:.1}× ({}/{})",
            it.window, it.bad, it.total
        ))
    });
    add("Burn", burn.collect::<Vec<_>>().join(", "));
    add("Rule", message.rule.clone());
    if let Some(budget) = &message.budget {
        add("Budget left", format!("{:.1} %", budget.remaining * 100.0));
    }
    if let Some(at) = message.exhausts_at {
        add("Spent at this rate by", data::time(at));
    }
    let culprits = message.culprits.iter().take(3).map(|it| {
        let lift = match it.lift {
            Some(lift) => format!("lift {lift:.1}"),
            None => "no good one has it".to_owned(),
        };
        let name = clip(&it.name, 100);
        format!(
            "{} {name} ({:.0} % of the bad, {lift})",
            it.kind,
            it.share * 100.0
        )
    });
    add("Who burns it", culprits.collect::<Vec<_>>().join("; "));
    add("Verdict", message.verdict.clone().unwrap_or_default());
    let experiments = message.experiments.iter().take(3).map(|it| it.name.clone());
    add("Experiments", experiments.collect::<Vec<_>>().join(", "));
    add(
        "Detected late by",
        match message.detected_late_s {
            Some(seconds) => model::time::human_duration(
                i64::try_from(seconds)
                    .unwrap_or(i64::MAX)
                    .saturating_mul(1_000_000_000),
            ),
            None => String::new(),
        },
    );
    facts
}
