//! Amazon States Language → scopes, states and ways between them.
//!
//! Format: <https://states-language.net/spec.html>. What is not understood is left out, never refused: the
//! definition ran, so it is right.

use super::{Kind, Scope, Spec, Target, Way};
use serde_json::Value;
use std::collections::HashMap;

/// Longest label before it is cut, characters.
const LABEL: usize = 26;
/// Longest text in full, characters.
const TITLE: usize = 400;

/// The scopes of a definition; `None` when the text is none.
pub fn scope(text: &str) -> Option<Scope> {
    let definition: Value = serde_json::from_str(text).ok()?;
    let scope = read(&definition);
    (!scope.states.is_empty()).then_some(scope)
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value
        .get(key)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

fn read(definition: &Value) -> Scope {
    let empty = serde_json::Map::new();
    let states = definition
        .get("States")
        .and_then(Value::as_object)
        .unwrap_or(&empty);
    let places: HashMap<&str, usize> = states
        .keys()
        .enumerate()
        .map(|(at, name)| (name.as_str(), at))
        .collect();
    Scope {
        start: places.get(text(definition, "StartAt")).copied(),
        states: states
            .iter()
            .map(|(name, state)| spec(name, state, &places))
            .collect(),
    }
}

fn spec(name: &str, state: &Value, places: &HashMap<&str, usize>) -> Spec {
    let way = |to: &Value, kind: Kind, title: String| {
        let to = places.get(to.as_str()?).copied()?;
        let label = short(&title);
        Some(Way {
            to: Target::State(to),
            kind,
            label,
            title,
        })
    };
    let mut ways = Vec::new();
    ways.extend(
        state
            .get("Next")
            .and_then(|next| way(next, Kind::Next, String::new())),
    );
    for choice in list(state, "Choices") {
        ways.extend(
            choice
                .get("Next")
                .and_then(|next| way(next, Kind::Choice, condition(choice))),
        );
    }
    let default = state.get("Default");
    ways.extend(default.and_then(|next| way(next, Kind::Default, "otherwise".to_owned())));
    for catcher in list(state, "Catch") {
        ways.extend(
            catcher
                .get("Next")
                .and_then(|next| way(next, Kind::Catch, errors(catcher))),
        );
    }
    let kind = text(state, "Type");
    let ends = state.get("End").and_then(Value::as_bool).unwrap_or(false);
    if ends || matches!(kind, "Succeed" | "Fail") {
        ways.push(Way {
            to: Target::End,
            kind: Kind::Next,
            label: String::new(),
            title: String::new(),
        });
    }
    let mut scopes: Vec<Scope> = list(state, "Branches").iter().map(read).collect();
    let items = state.get("ItemProcessor").or_else(|| state.get("Iterator"));
    scopes.extend(items.map(read));
    let retry: Vec<String> = list(state, "Retry").iter().map(retrier).collect();
    Spec {
        name: name.to_owned(),
        kind: kind.to_owned(),
        subject: subject(state),
        retry: retry.join("; "),
        ways: merged(ways),
        scopes,
    }
}

/// Several conditions for the same way are one line.
fn merged(ways: Vec<Way>) -> Vec<Way> {
    let mut out: Vec<Way> = Vec::new();
    for way in ways {
        let same = |held: &&mut Way| held.to == way.to && held.kind == way.kind;
        match out.iter_mut().find(same) {
            Some(held) => {
                held.title = cut(&format!("{} or {}", held.title, way.title), TITLE);
                held.label = short(&held.title);
            }
            None => out.push(way),
        }
    }
    out
}

fn errors(rule: &Value) -> String {
    let names: Vec<&str> = list(rule, "ErrorEquals")
        .iter()
        .filter_map(Value::as_str)
        .collect();
    let names: Vec<&str> = names
        .into_iter()
        .map(|name| {
            if name == "States.ALL" {
                "any error"
            } else {
                name
            }
        })
        .collect();
    cut(&names.join(", "), TITLE)
}

/// `3 × on Lambda.ServiceException, after 2 s, × 2`.
fn retrier(rule: &Value) -> String {
    let number = |key: &str, or: f64| rule.get(key).and_then(Value::as_f64).unwrap_or(or);
    let most = number("MaxAttempts", 3.0);
    let rate = number("BackoffRate", 2.0);
    let mut out = format!(
        "up to {most} × on {}, after {} s",
        errors(rule),
        number("IntervalSeconds", 1.0)
    );
    if rate != 1.0 {
        out.push_str(&format!(", each time {rate} × as long"));
    }
    out
}

/// What a task calls, or what a Wait waits for.
fn subject(state: &Value) -> String {
    let arguments = state.get("Parameters").or_else(|| state.get("Arguments"));
    let argument = |keys: &[&str]| {
        let found = keys.iter().find_map(|key| arguments?.get(*key)?.as_str());
        found.map(crate::graph::last_part)
    };
    let resource = text(state, "Resource");
    if resource.contains(":lambda:") && !resource.contains(":states:") {
        return crate::graph::last_part(resource);
    }
    if let Some((_, name)) = resource.split_once(":activity:") {
        return format!("activity {}", cut(name, 50));
    }
    let service = resource.split(":states:::").nth(1).unwrap_or(resource);
    if let Some(name) = argument(&[
        "FunctionName",
        "StateMachineArn",
        "JobName",
        "TaskDefinition",
        "QueueUrl",
        "TopicArn",
        "TableName",
    ]) {
        return format!("{} {name}", service.split(':').next().unwrap_or_default());
    }
    if !service.is_empty() {
        return cut(service, 60);
    }
    match state.get("Seconds").and_then(Value::as_f64) {
        Some(seconds) => format!("{seconds} s"),
        None => cut(text(state, "Error"), 60),
    }
}

/// A rule of a Choice in words.
fn condition(rule: &Value) -> String {
    cut(&expression(rule, 0), TITLE)
}

fn expression(rule: &Value, depth: usize) -> String {
    if let Some(jsonata) = rule.get("Condition").and_then(Value::as_str) {
        let inner = jsonata
            .trim()
            .trim_start_matches("{%")
            .trim_end_matches("%}");
        return inner.trim().to_owned();
    }
    if depth > 4 {
        return "…".to_owned();
    }
    for (key, word) in [("And", " and "), ("Or", " or ")] {
        let parts = list(rule, key);
        if !parts.is_empty() {
            let parts: Vec<String> = parts
                .iter()
                .take(8)
                .map(|part| expression(part, depth + 1))
                .collect();
            return parts.join(word);
        }
    }
    if let Some(inner) = rule.get("Not") {
        return format!("not {}", expression(inner, depth + 1));
    }
    let variable = text(rule, "Variable").trim_start_matches("$.");
    let test = rule.as_object().and_then(|map| {
        map.iter().find(|(key, _)| {
            !matches!(
                key.as_str(),
                "Variable" | "Next" | "Comment" | "Assign" | "Output"
            )
        })
    });
    match test {
        Some((operator, value)) => format!("{variable} {}", comparison(operator, value)),
        None => variable.to_owned(),
    }
}

fn comparison(operator: &str, value: &Value) -> String {
    let value = match value {
        Value::String(text) => format!("\"{text}\""),
        other => other.to_string(),
    };
    let path = operator.trim_end_matches("Path");
    if let (true, "true" | "false") = (operator.starts_with("Is"), value.as_str()) {
        let words = match operator {
            "IsPresent" => "present",
            "IsNull" => "null",
            other => other.trim_start_matches("Is"),
        };
        return match value.as_str() {
            "true" => format!("is {words}"),
            _ => format!("is not {words}"),
        };
    }
    let signs = [
        ("LessThanEquals", "≤"),
        ("GreaterThanEquals", "≥"),
        ("LessThan", "<"),
        ("GreaterThan", ">"),
        ("Equals", "="),
        ("Matches", "~"),
    ];
    let sign = signs.iter().find(|(word, _)| path.ends_with(word));
    format!("{} {value}", sign.map_or(operator, |(_, sign)| sign))
}

fn short(title: &str) -> String {
    cut(title, LABEL)
}

/// The first so many characters, with a sign that there were more.
pub fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars()
        .take(most.saturating_sub(1))
        .chain(['…'])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn conditions_are_said_in_words() {
        let check = |rule: Value, expect: &str| assert_eq!(condition(&rule), expect);
        check(
            json!({"Variable": "$.total", "NumericGreaterThan": 500, "Next": "A"}),
            "total > 500",
        );
        check(
            json!({"Variable": "$.kind", "StringEquals": "gold"}),
            "kind = \"gold\"",
        );
        check(
            json!({"Variable": "$.a", "NumericLessThanEqualsPath": "$.b"}),
            "a ≤ \"$.b\"",
        );
        check(
            json!({"Variable": "$.x", "IsPresent": false}),
            "x is not present",
        );
        check(
            json!({"Condition": "{% $total > 5 %}", "Next": "A"}),
            "$total > 5",
        );
        check(
            json!({"And": [{"Variable": "$.a", "BooleanEquals": true}, {"Not": {"Variable": "$.b", "IsNull": true}}]}),
            "a = true and not b is null",
        );
        check(json!({}), "");
    }

    #[test]
    fn ways_to_the_same_state_are_one() {
        let text = json!({"StartAt": "C", "States": {
            "C": {"Type": "Choice", "Choices": [
                {"Variable": "$.a", "NumericEquals": 1, "Next": "D"},
                {"Variable": "$.a", "NumericEquals": 2, "Next": "D"}], "Default": "E"},
            "D": {"Type": "Succeed"},
            "E": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke",
                  "Parameters": {"FunctionName": "arn:aws:lambda:eu-west-1:1:function:charge:live"},
                  "Retry": [{"ErrorEquals": ["States.ALL"], "MaxAttempts": 2, "IntervalSeconds": 3, "BackoffRate": 1.5}],
                  "Catch": [{"ErrorEquals": ["Timeout"], "Next": "D"}], "End": true}}});
        let scope = scope(&text.to_string()).expect("it is a definition");
        let names: Vec<&str> = scope
            .states
            .iter()
            .map(|state| state.name.as_str())
            .collect();
        let of = |name: &str| {
            &scope.states[names
                .iter()
                .position(|held| *held == name)
                .expect("it is there")]
        };
        assert_eq!(scope.start, names.iter().position(|name| *name == "C"));
        assert_eq!(of("C").ways.len(), 2);
        assert_eq!(of("C").ways[0].title, "a = 1 or a = 2");
        let task = of("E");
        assert_eq!(task.subject, "lambda charge");
        let state =
            json!({"Resource": "arn:aws:states:eu-central-1:123456789012:activity:review-refund"});
        assert_eq!(subject(&state), "activity review-refund");
        assert_eq!(
            task.retry,
            "up to 2 × on any error, after 3 s, each time 1.5 × as long"
        );
        assert_eq!(
            task.ways.iter().map(|way| way.kind).collect::<Vec<_>>(),
            [Kind::Catch, Kind::Next]
        );
    }

    #[test]
    fn what_is_no_definition_is_none() {
        for text in [
            "",
            "null",
            "[]",
            "{}",
            r#"{"States": 5}"#,
            r#"{"StartAt": "A", "States": {}}"#,
        ] {
            assert_eq!(scope(text), None, "{text}");
        }
        let odd = scope(
            r#"{"StartAt": 1, "States": {"A": null, "B": {"Next": "Nowhere", "Choices": {}}}}"#,
        );
        assert_eq!(odd.expect("there are states").states.len(), 2);
    }
}
