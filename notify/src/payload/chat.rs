//! Messages that people read: Slack and Teams.

use super::{Context, Payload, clip, data, facts, full_link, headline};
use crate::notification::{Effect, Notification};
use serde_json::{Value, json};

/// Largest message to Teams, bytes: 28 kB are said, 21 kB have been measured to pass.
const TEAMS_LARGEST: usize = 21_000;

/// A Slack incoming webhook: fallback text and blocks, within Slack's limits.
pub fn slack(message: &Notification, context: &Context<'_>) -> Payload {
    let head = headline(message);
    let fields: Vec<Value> = facts(message)
        .into_iter()
        .take(10)
        .map(|(title, value)| {
            let text = format!("*{title}*\n{}", escaped(&clip(&value, 500)));
            json!({ "type": "mrkdwn", "text": clip(&text, 2_000) })
        })
        .collect();
    let mut blocks = vec![json!({
        "type": "header", "text": { "type": "plain_text", "text": clip(&head, 150) },
    })];
    if !message.explain.is_empty() {
        let text = clip(&escaped(&message.explain), 2_900);
        blocks.push(json!({ "type": "section", "text": { "type": "mrkdwn", "text": text } }));
    }
    if !fields.is_empty() {
        blocks.push(json!({ "type": "section", "fields": fields }));
    }
    let examples = slack_examples(message, context);
    if !examples.is_empty() {
        let text = clip(&examples.join("\n"), 2_900);
        blocks.push(json!({ "type": "section", "text": { "type": "mrkdwn", "text": text } }));
    }
    let said = format!("{} · {}", message.incident.key, message.kind.as_str());
    blocks.push(json!({
        "type": "context",
        "elements": [{ "type": "plain_text", "text": clip(&said, 2_000) }],
    }));
    if let Some(url) = full_link(context, &message.incident.path).filter(|url| url.len() <= 3_000) {
        blocks.push(json!({
            "type": "actions",
            "elements": [{ "type": "button", "url": url, "text": { "type": "plain_text", "text": "Open" } }],
        }));
    }
    Payload::json(&json!({ "text": clip(&escaped(&head), 3_000), "blocks": blocks }))
}

fn slack_examples(message: &Notification, context: &Context<'_>) -> Vec<String> {
    let line = |it: &crate::notification::Example| {
        let name = escaped(&clip(&it.name, 150));
        let name = match full_link(context, &it.path) {
            // `|` and `>` would end the link.
            Some(url) => format!(
                "<{}|{}>",
                escaped(&url).replace('|', "%7C"),
                name.replace('|', "¦")
            ),
            None => name,
        };
        format!("• {name} {}", escaped(&clip(&it.error, 300)))
    };
    message
        .executions
        .iter()
        .take(data::EXAMPLES)
        .map(line)
        .collect()
}

/// What Slack reads as markup, as text.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// A workflow of Teams: an adaptive card, cut until it is small enough.
pub fn teams(message: &Notification, context: &Context<'_>) -> Payload {
    for most in [4_000, 1_000, 200] {
        let payload = Payload::json(&card(message, context, most));
        if payload.body.len() <= TEAMS_LARGEST {
            return payload;
        }
    }
    let head = plain(&clip(&headline(message), 500));
    Payload::json(&wrapped(
        vec![json!({ "type": "TextBlock", "text": head, "wrap": true })],
        Vec::new(),
    ))
}

fn card(message: &Notification, context: &Context<'_>, most: usize) -> Value {
    let colour = match (message.kind.effect(), message.severity.as_str()) {
        (Effect::Resolve, _) => "Good",
        (Effect::Notice, _) => "Default",
        (_, "page") => "Attention",
        _ => "Warning",
    };
    let block = |text: String| json!({ "type": "TextBlock", "text": text, "wrap": true });
    let mut body = vec![json!({
        "type": "TextBlock", "text": plain(&clip(&headline(message), most.min(1_000))), "wrap": true,
        "weight": "Bolder", "size": "Medium", "color": colour,
    })];
    if !message.explain.is_empty() {
        body.push(block(plain(&clip(&message.explain, most))));
    }
    let facts = facts(message).into_iter();
    let facts: Vec<Value> = facts
        .map(|(title, value)| json!({ "title": title, "value": plain(&clip(&value, most)) }))
        .collect();
    if !facts.is_empty() {
        body.push(json!({ "type": "FactSet", "facts": facts }));
    }
    for example in message.executions.iter().take(data::EXAMPLES) {
        let text = format!(
            "{} {}",
            clip(&example.name, 150),
            clip(&example.error, most.min(300))
        );
        body.push(block(plain(&text)));
    }
    let mut actions = Vec::new();
    if let Some(url) = full_link(context, &message.incident.path) {
        actions.push(json!({ "type": "Action.OpenUrl", "title": "Open", "url": url }));
    }
    for example in message.executions.iter().take(data::EXAMPLES) {
        if let Some(url) = full_link(context, &example.path) {
            let title = clip(&example.name, 60);
            actions.push(json!({ "type": "Action.OpenUrl", "title": title, "url": url }));
        }
    }
    wrapped(body, actions)
}

fn wrapped(body: Vec<Value>, actions: Vec<Value>) -> Value {
    let mut content = json!({
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.2",
        "body": body,
        "msteams": { "width": "full" },
    });
    if !actions.is_empty() {
        content["actions"] = actions.into();
    }
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "contentUrl": null,
            "content": content,
        }],
    })
}

/// Text blocks of adaptive cards read links and emphasis; what came from an execution is text.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        if matches!(letter, '[' | ']' | '*' | '_' | '`' | '\\') {
            out.push('\\');
        }
        out.push(letter);
    }
    out
}
