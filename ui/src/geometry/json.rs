//! A JSON document as lines of a tree that folds. Members keep the order in which they came.

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use std::collections::HashSet;

/// A JSON value with its members in order.
#[derive(Debug, Clone, PartialEq)]
pub enum Json {
    /// `null`, `true` or `false`.
    Word(&'static str),
    /// A number as written (as far as 64 bits hold it).
    Number(String),
    /// Text.
    Text(String),
    /// An array.
    Array(Vec<Json>),
    /// An object.
    Object(Vec<(String, Json)>),
}

impl Json {
    /// Reads a document. Text that holds an object or array is opened, as workflows nest JSON in text.
    pub fn read(text: &str) -> Option<Self> {
        match serde_json::from_slice(text.as_bytes()).ok()? {
            Json::Text(inner) if inner.trim_start().starts_with(['{', '[']) => {
                serde_json::from_slice(inner.as_bytes())
                    .ok()
                    .or(Some(Json::Text(inner)))
            }
            other => Some(other),
        }
    }

    fn members(&self) -> usize {
        match self {
            Json::Array(items) => items.len(),
            Json::Object(members) => members.len(),
            _ => 0,
        }
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Json;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a JSON value")
    }
    fn visit_unit<E: de::Error>(self) -> Result<Json, E> {
        Ok(Json::Word("null"))
    }
    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Word(if value { "true" } else { "false" }))
    }
    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Number(value.to_string()))
    }
    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Number(value.to_string()))
    }
    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Json, E> {
        Ok(Json::Number(value.to_string()))
    }
    fn visit_str<E: de::Error>(self, value: &str) -> Result<Json, E> {
        Ok(Json::Text(value.to_owned()))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Json, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(Json::Array(items))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Json, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = access.next_entry()? {
            members.push(member);
        }
        Ok(Json::Object(members))
    }
}

/// A line of the tree.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// Where it is, as in `$.items[3].price`; also its identity for folding.
    pub path: String,
    /// Nesting.
    pub depth: usize,
    /// Key or index; empty at the top.
    pub key: String,
    /// What it holds.
    pub value: Shown,
}

/// The value of a line.
#[derive(Debug, Clone, PartialEq)]
pub enum Shown {
    /// An object or array: opening bracket, number of members, open or folded.
    Container {
        /// `{` or `[`.
        object: bool,
        /// Members.
        members: usize,
        /// Members are listed below.
        open: bool,
    },
    /// Text, with its quotes.
    Text(String),
    /// Number.
    Number(String),
    /// `true`, `false`, `null`.
    Word(&'static str),
    /// Lines that were left out.
    More(usize),
}

/// Members listed of one container; the rest is a [`Shown::More`] line. Keeps a 256 KiB payload of
/// ten thousand numbers from becoming ten thousand elements.
pub const MOST_MEMBERS: usize = 500;

/// The lines of a value. `toggled` holds the paths whose state differs from the default, which is
/// open down to `open_depth`.
pub fn lines(value: &Json, toggled: &HashSet<String>, open_depth: usize) -> Vec<Line> {
    let mut folding = Folding {
        toggled,
        open_depth,
        out: Vec::new(),
    };
    folding.push(value, String::new(), "$".into(), 0);
    folding.out
}

struct Folding<'a> {
    toggled: &'a HashSet<String>,
    open_depth: usize,
    out: Vec<Line>,
}

impl Folding<'_> {
    fn push(&mut self, value: &Json, key: String, path: String, depth: usize) {
        let all = value.members();
        let open = all > 0 && (depth < self.open_depth) != self.toggled.contains(&path);
        let container = |object| Shown::Container {
            object,
            members: all,
            open,
        };
        let shown = match value {
            Json::Word(word) => Shown::Word(word),
            Json::Number(number) => Shown::Number(number.clone()),
            Json::Text(text) => Shown::Text(serde_json::to_string(text).unwrap_or_default()),
            Json::Array(_) => container(false),
            Json::Object(_) => container(true),
        };
        self.out.push(Line {
            path: path.clone(),
            depth,
            key,
            value: shown,
        });
        if !open {
            return;
        }
        match value {
            Json::Array(items) => {
                items
                    .iter()
                    .take(MOST_MEMBERS)
                    .enumerate()
                    .for_each(|(at, item)| {
                        self.push(item, at.to_string(), format!("{path}[{at}]"), depth + 1)
                    })
            }
            Json::Object(members) => members.iter().take(MOST_MEMBERS).for_each(|(name, item)| {
                self.push(item, name.clone(), format!("{path}.{name}"), depth + 1)
            }),
            _ => (),
        }
        if all > MOST_MEMBERS {
            self.out.push(Line {
                path: format!("{path}…"),
                depth: depth + 1,
                key: String::new(),
                value: Shown::More(all - MOST_MEMBERS),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(text: &str, toggled: &[&str], depth: usize) -> Vec<String> {
        let toggled = toggled.iter().map(|path| (*path).to_owned()).collect();
        let lines = lines(&Json::read(text).unwrap(), &toggled, depth);
        lines.into_iter().map(|line| line.path).collect()
    }

    #[test]
    fn folding_follows_the_depth_and_the_clicks() {
        let text = r#"{"z": {"b": [1, {"c": null}]}, "d": "x"}"#;
        assert_eq!(paths(text, &[], 1), ["$", "$.z", "$.d"]);
        assert_eq!(paths(text, &["$.z"], 1), ["$", "$.z", "$.z.b", "$.d"]);
        assert_eq!(paths(text, &["$"], 9), ["$"]);
        assert_eq!(paths(text, &[], 9).len(), 7);
        assert_eq!(paths("3", &[], 0), ["$"]);
    }

    #[test]
    fn long_containers_are_cut() {
        let value = Json::Array(vec![Json::Word("null"); MOST_MEMBERS + 7]);
        let lines = lines(&value, &HashSet::new(), 1);
        assert_eq!(lines.len(), MOST_MEMBERS + 2);
        assert_eq!(lines.last().map(|line| &line.value), Some(&Shown::More(7)));
    }

    #[test]
    fn json_in_text_is_opened() {
        let check = |text: &str, expect: Option<Json>| assert_eq!(Json::read(text), expect);
        let object = Json::Object(vec![("a".into(), Json::Number("1".into()))]);
        check(r#""{\"a\":1}""#, Some(object));
        check(r#""{not json""#, Some(Json::Text("{not json".into())));
        check("{", None);
        check(&"[".repeat(100_000), None);
    }
}
