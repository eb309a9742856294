//! A JSON document as lines of a tree that folds.

use serde_json::Value;
use std::collections::HashSet;

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
pub fn lines(value: &Value, toggled: &HashSet<String>, open_depth: usize) -> Vec<Line> {
    let mut out = Vec::new();
    push(
        value,
        String::new(),
        "$".into(),
        0,
        toggled,
        open_depth,
        &mut out,
    );
    out
}

fn push(
    value: &Value,
    key: String,
    path: String,
    depth: usize,
    toggled: &HashSet<String>,
    open_depth: usize,
    out: &mut Vec<Line>,
) {
    let open = (depth < open_depth) != toggled.contains(&path);
    let container = |object, members| Shown::Container {
        object,
        members,
        open: open && members > 0,
    };
    let shown = match value {
        Value::Null => Shown::Word("null"),
        Value::Bool(true) => Shown::Word("true"),
        Value::Bool(false) => Shown::Word("false"),
        Value::Number(number) => Shown::Number(number.to_string()),
        Value::String(text) => Shown::Text(serde_json::to_string(text).unwrap_or_default()),
        Value::Array(items) => container(false, items.len()),
        Value::Object(members) => container(true, members.len()),
    };
    out.push(Line {
        path: path.clone(),
        depth,
        key,
        value: shown,
    });
    let members: Vec<(String, String, &Value)> = match value {
        Value::Array(items) if open => items
            .iter()
            .take(MOST_MEMBERS)
            .enumerate()
            .map(|(at, item)| (at.to_string(), format!("{path}[{at}]"), item))
            .collect(),
        Value::Object(map) if open => map
            .iter()
            .take(MOST_MEMBERS)
            .map(|(name, item)| (name.clone(), format!("{path}.{name}"), item))
            .collect(),
        _ => return,
    };
    let listed = members.len();
    for (name, at, item) in members {
        push(item, name, at, depth + 1, toggled, open_depth, out);
    }
    let all = match value {
        Value::Array(items) => items.len(),
        Value::Object(map) => map.len(),
        _ => 0,
    };
    if all > listed {
        out.push(Line {
            path: format!("{path}…"),
            depth: depth + 1,
            key: String::new(),
            value: Shown::More(all - listed),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn paths(value: &Value, toggled: &[&str], depth: usize) -> Vec<String> {
        let toggled = toggled.iter().map(|path| (*path).to_owned()).collect();
        let lines = lines(value, &toggled, depth);
        lines.into_iter().map(|line| line.path).collect()
    }

    #[test]
    fn folding_follows_the_depth_and_the_clicks() {
        let value = json!({"a": {"b": [1, {"c": null}]}, "d": "x"});
        assert_eq!(paths(&value, &[], 1), ["$", "$.a", "$.d"]);
        assert_eq!(paths(&value, &["$.a"], 1), ["$", "$.a", "$.a.b", "$.d"]);
        assert_eq!(paths(&value, &["$"], 9), ["$"]);
        assert_eq!(paths(&value, &[], 9).len(), 7);
        assert_eq!(paths(&json!(3), &[], 0), ["$"]);
    }

    #[test]
    fn long_containers_are_cut() {
        let value = json!(vec![0; MOST_MEMBERS + 7]);
        let lines = lines(&value, &HashSet::new(), 1);
        assert_eq!(lines.len(), MOST_MEMBERS + 2);
        assert_eq!(lines.last().map(|line| &line.value), Some(&Shown::More(7)));
    }
}
