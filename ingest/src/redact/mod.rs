//! Redaction: what must not be kept is taken out before anything is written, in the one door, whatever way
//! it came: files, collectors, pushes, OTLP.
//!
//! A rule names a place by a JSON path, or words by a pattern, or both. Places are looked for in every
//! JSON document: payloads of executions, logged objects, attributes; a document inside a string of
//! another is a document of its own, so `$.card` finds the member of an execution's input. Patterns are
//! looked for in every text.

mod otlp;
mod path;

use crate::wire::WireError;
use model::{Attributes, Batch, Value as Attribute};
use path::Path;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Documents inside documents inside documents.
const MAX_DEPTH: usize = 8;

/// A rule as it is configured.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rule {
    /// Where: `$.customer.card`, `$..password`, `$.items[*].iban`.
    pub json_path: Option<String>,
    /// What: a regular expression. With a path, only there.
    pub pattern: Option<String>,
    /// What stands there instead; `***` if not said.
    pub replace: Option<String>,
}

/// Why a rule cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RuleError {
    /// Neither a path nor a pattern.
    #[error("a [[redact]] rule has neither json_path nor pattern")]
    Empty,
    /// The path is not one.
    #[error("json_path '{path}' of a [[redact]] rule: {why}")]
    Path {
        /// As given.
        path: String,
        /// What is wrong.
        why: String,
    },
    /// The pattern is not one.
    #[error("pattern '{pattern}' of a [[redact]] rule: {why}")]
    Pattern {
        /// As given.
        pattern: String,
        /// What is wrong.
        why: String,
    },
}

/// A rule, ready.
#[derive(Debug, Clone)]
struct Ready {
    path: Option<Path>,
    pattern: Option<regex_lite::Regex>,
    replace: String,
}

/// All rules.
#[derive(Debug, Clone, Default)]
pub struct Redactor {
    rules: Vec<Ready>,
}

impl Redactor {
    /// Reads rules.
    ///
    /// # Errors
    /// When one is wrong; nothing may be taken then.
    pub fn new(rules: &[Rule]) -> Result<Self, RuleError> {
        let ready = |rule: &Rule| {
            if rule.json_path.is_none() && rule.pattern.is_none() {
                return Err(RuleError::Empty);
            }
            let path = rule.json_path.as_deref().map(|path| {
                Path::parse(path).map_err(|why| RuleError::Path {
                    path: path.to_owned(),
                    why,
                })
            });
            let pattern = rule.pattern.as_deref().map(|pattern| {
                regex_lite::Regex::new(pattern).map_err(|error| RuleError::Pattern {
                    pattern: pattern.to_owned(),
                    why: error.to_string(),
                })
            });
            Ok(Ready {
                path: path.transpose()?,
                pattern: pattern.transpose()?,
                replace: rule.replace.clone().unwrap_or_else(|| "***".to_owned()),
            })
        };
        let rules = rules.iter().map(ready).collect::<Result<_, _>>()?;
        Ok(Redactor { rules })
    }

    /// True when there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Takes out what must not be kept of a batch.
    pub fn batch(&self, batch: &mut Batch) {
        if self.is_empty() {
            return;
        }
        for event in &mut batch.events {
            self.text(&mut event.details);
        }
        for document in &mut batch.documents {
            self.text(&mut document.body);
        }
        for log in &mut batch.logs {
            self.text(&mut log.body);
            self.attributes(&mut log.attributes);
            self.attributes(&mut log.resource);
        }
        for span in &mut batch.spans {
            self.text(&mut span.status_message);
            self.attributes(&mut span.attributes);
            self.attributes(&mut span.resource);
            for event in &mut span.events {
                self.attributes(&mut event.attributes);
            }
            for link in &mut span.links {
                self.attributes(&mut link.attributes);
            }
        }
    }

    /// The same of an OTLP request.
    ///
    /// # Errors
    /// When the bytes are not protobuf: what cannot be read cannot be redacted.
    pub fn otlp(&self, request: &[u8], logs: bool) -> Result<Vec<u8>, WireError> {
        otlp::rewrite(self, request, logs)
    }

    /// Takes out what must not be kept of a text, which may be a JSON document.
    pub fn text(&self, text: &mut String) {
        if let Some(clean) = self.clean(text, 0) {
            *text = clean;
        }
    }

    /// `None` when it may stay as it is.
    fn clean(&self, text: &str, depth: usize) -> Option<String> {
        let start = text.trim_start();
        if depth < MAX_DEPTH
            && start.starts_with(['{', '['])
            && let Ok(mut value) = serde_json::from_str::<Value>(text)
        {
            return self.document(&mut value, depth).then(|| value.to_string());
        }
        self.words(text)
    }

    fn words(&self, text: &str) -> Option<String> {
        let mut clean: Option<String> = None;
        for rule in self.rules.iter().filter(|rule| rule.path.is_none()) {
            let Some(pattern) = &rule.pattern else {
                continue;
            };
            let now = clean.as_deref().unwrap_or(text);
            if pattern.is_match(now) {
                clean = Some(
                    pattern
                        .replace_all(now, regex_lite::NoExpand(&rule.replace))
                        .into_owned(),
                );
            }
        }
        clean
    }

    /// True when something was taken out.
    fn document(&self, value: &mut Value, depth: usize) -> bool {
        let mut changed = false;
        for rule in &self.rules {
            if let Some(path) = &rule.path {
                path.visit(value, &mut |found| changed |= rule.apply(found));
            }
        }
        changed | self.inside(value, depth)
    }

    /// Every text in it, which may be a document of its own.
    fn inside(&self, value: &mut Value, depth: usize) -> bool {
        let clean = match &*value {
            Value::String(text) => self.clean(text, depth + 1),
            Value::Number(number) => self.words(&number.to_string()),
            _ => None,
        };
        if let Some(clean) = clean {
            *value = Value::String(clean);
            return true;
        }
        match value {
            Value::Array(items) => items
                .iter_mut()
                .fold(false, |any, it| self.inside(it, depth) | any),
            Value::Object(members) => members
                .values_mut()
                .fold(false, |any, it| self.inside(it, depth) | any),
            _ => false,
        }
    }

    /// What is written instead of the value of an attribute; `None` when it may stay.
    fn attribute(&self, name: &str, text: &str) -> Option<String> {
        let named = self.rules.iter().find(|rule| {
            rule.path
                .as_ref()
                .is_some_and(|path| path.is_of_attribute(name))
        });
        if let Some(rule) = named {
            let mut value = Value::String(text.to_owned());
            if rule.apply(&mut value) {
                return value.as_str().map(str::to_owned);
            }
        }
        self.clean(text, 0)
    }

    fn attributes(&self, attributes: &mut Attributes) {
        for (name, value) in attributes {
            self.attribute_value(name, value);
        }
    }

    fn attribute_value(&self, name: &str, value: &mut Attribute) {
        let text = match &*value {
            Attribute::String(text) => text.clone(),
            Attribute::Int(number) => number.to_string(),
            Attribute::Double(number) => number.to_string(),
            Attribute::Array(_) | Attribute::Map(_) => String::new(),
            Attribute::Bool(_) | Attribute::Null => return,
        };
        match value {
            Attribute::Array(items) => items
                .iter_mut()
                .for_each(|it| self.attribute_value(name, it)),
            Attribute::Map(members) => members
                .iter_mut()
                .for_each(|(name, it)| self.attribute_value(name, it)),
            _ => {
                if let Some(clean) = self.attribute(name, &text) {
                    *value = Attribute::String(clean);
                }
            }
        }
    }
}

impl Ready {
    /// Takes the value out, or with a pattern what of it fits.
    fn apply(&self, value: &mut Value) -> bool {
        let clean = match (&self.pattern, &*value) {
            (None, Value::String(text)) if *text == self.replace => return false,
            (None, _) => self.replace.clone(),
            (Some(pattern), value) => {
                let text = value
                    .as_str()
                    .map_or_else(|| value.to_string(), str::to_owned);
                if !pattern.is_match(&text) {
                    return false;
                }
                pattern
                    .replace_all(&text, regex_lite::NoExpand(&self.replace))
                    .into_owned()
            }
        };
        *value = Value::String(clean);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Field, Message};

    fn redactor(rules: &[(Option<&str>, Option<&str>)]) -> Redactor {
        let rules: Vec<Rule> = rules
            .iter()
            .map(|(path, pattern)| Rule {
                json_path: path.map(str::to_owned),
                pattern: pattern.map(str::to_owned),
                replace: None,
            })
            .collect();
        Redactor::new(&rules).expect("rules")
    }

    #[test]
    fn places_and_words_are_taken_out() {
        let check = |path: Option<&str>, pattern: Option<&str>, text: &str, expect: &str| {
            let mut found = text.to_owned();
            redactor(&[(path, pattern)]).text(&mut found);
            assert_eq!(found, expect, "{path:?} {pattern:?}");
        };
        check(
            Some("$.card"),
            None,
            r#"{"a":1,"card":"4111"}"#,
            r#"{"a":1,"card":"***"}"#,
        );
        check(
            Some("$.card"),
            None,
            r#"{"a":1,"card":{"no":4111}}"#,
            r#"{"a":1,"card":"***"}"#,
        );
        check(
            Some("$.a.b"),
            None,
            r#"{"a":{"b":1,"c":2},"b":3}"#,
            r#"{"a":{"b":"***","c":2},"b":3}"#,
        );
        check(
            Some("$..b"),
            None,
            r#"{"a":[{"b":1}],"b":3}"#,
            r#"{"a":[{"b":"***"}],"b":"***"}"#,
        );
        check(
            Some("$.x[*].y"),
            None,
            r#"{"x":[{"y":1},{"z":1}]}"#,
            r#"{"x":[{"y":"***"},{"z":1}]}"#,
        );
        check(Some("$.x[1]"), None, r#"{"x":[1,2]}"#, r#"{"x":[1,"***"]}"#);
        check(Some("$['a.b']"), None, r#"{"a.b":1}"#, r#"{"a.b":"***"}"#);
        check(None, Some(r"\d{4}-\d{4}"), "card 1234-5678!", "card ***!");
        check(None, Some(r"\d{8}"), r#"{"n":12345678}"#, r#"{"n":"***"}"#);
        check(
            Some("$.m"),
            Some("[^@]+@"),
            r#"{"m":"me@x.org","n":"you@x.org"}"#,
            r#"{"m":"***x.org","n":"you@x.org"}"#,
        );
        check(
            None,
            Some("never"),
            r#"{ "kept" :  "as is" }"#,
            r#"{ "kept" :  "as is" }"#,
        );
        check(Some("$.card"), None, "not json", "not json");
    }

    #[test]
    fn documents_in_strings_are_documents() {
        let details =
            r#"{"input":"{\"card\":\"4111\",\"list\":\"[{\\\"card\\\":1}]\"}","name":"Pay"}"#;
        let mut text = details.to_owned();
        redactor(&[(Some("$..card"), None)]).text(&mut text);
        assert!(!text.contains("4111") && text.contains("Pay"), "{text}");
        assert_eq!(text.matches("***").count(), 2, "{text}");
    }

    #[test]
    fn attributes_of_a_request_are_taken_out_and_the_rest_stays() {
        // KeyValue{1: key, 2: AnyValue{1: string}} in Span.attributes (9), ScopeSpans.spans (2),
        // ResourceSpans.scope_spans (2), request.resource_spans (1).
        fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
            [&[number << 3 | 2, bytes.len() as u8][..], bytes].concat()
        }
        let pair = |key: &str, value: &str| {
            [
                field(1, key.as_bytes()),
                field(2, &field(1, value.as_bytes())),
            ]
            .concat()
        };
        let span = [
            field(5, b"GET /pay"),
            field(9, &pair("user.card", "4111")),
            field(9, &pair("kept", "yes")),
        ]
        .concat();
        let request = field(1, &field(2, &field(2, &span)));
        let clean = redactor(&[(Some("$..card"), None)])
            .otlp(&request, false)
            .expect("protobuf");
        let text = String::from_utf8_lossy(&clean).into_owned();
        assert!(!text.contains("4111"), "{text}");
        assert!(
            text.contains("***") && text.contains("GET /pay") && text.contains("yes"),
            "{text}"
        );
        let mut message = Message::new(&clean);
        assert!(matches!(message.next(), Ok(Some((1, Field::Bytes(_))))));
        assert!(matches!(message.next(), Ok(None)));
        assert!(
            redactor(&[(Some("$..card"), None)])
                .otlp(&request[..9], false)
                .is_err()
        );
    }

    #[test]
    fn wrong_rules_are_named() {
        let check = |path: Option<&str>, pattern: Option<&str>, expect: &str| {
            let rule = Rule {
                json_path: path.map(str::to_owned),
                pattern: pattern.map(str::to_owned),
                replace: None,
            };
            let error = Redactor::new(&[rule]).expect_err("an error").to_string();
            assert!(error.contains(expect), "{error}");
        };
        check(None, None, "neither");
        check(Some("card"), None, "begin with $");
        check(Some("$.a["), None, "$.a[");
        check(None, Some("("), "pattern");
    }
}
