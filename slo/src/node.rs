//! YAML and JSON documents as a tree that knows its lines and keeps every scalar as it was written: a
//! target of `0.999` must not pass through a floating-point number.

use saphyr_parser::{Event, Parser, ScalarStyle};

/// Largest document, bytes.
const MOST_BYTES: usize = 4 << 20;
/// Most nodes, aliases unfolded.
const MOST_NODES: usize = 200_000;
/// Deepest nesting.
const MOST_DEPTH: usize = 64;

/// A value with its line.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Line in the file, from 1.
    pub line: u64,
    /// The value.
    pub value: Value,
}

/// What stands there.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Nothing, `~` or `null`.
    Null,
    /// A scalar, as written.
    Text(String),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping, in order.
    Map(Vec<(String, Node)>),
}

/// Why a document cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct SyntaxError {
    /// Line, from 1.
    pub line: u64,
    /// What is wrong.
    pub message: String,
}

impl Node {
    /// The same, as if all of it stood in one line: what stood in an annotation stands there in the file.
    pub fn moved_to(self, line: u64) -> Node {
        let value = match self.value {
            Value::List(items) => {
                Value::List(items.into_iter().map(|it| it.moved_to(line)).collect())
            }
            Value::Map(entries) => Value::Map(
                entries
                    .into_iter()
                    .map(|(key, it)| (key, it.moved_to(line)))
                    .collect(),
            ),
            other => other,
        };
        Node { line, value }
    }

    /// The value of a key, if this is a mapping that has it and it is not null.
    pub fn get(&self, key: &str) -> Option<&Node> {
        let found = self.entries().iter().find(|(name, _)| name == key);
        found.map(|(_, node)| node).filter(|node| !node.is_null())
    }

    /// The value at the end of some keys.
    pub fn at(&self, path: &[&str]) -> Option<&Node> {
        path.iter().try_fold(self, |node, key| node.get(key))
    }

    /// The text of a scalar below a key.
    pub fn text_of(&self, key: &str) -> Option<&str> {
        self.get(key)?.text()
    }

    /// The text of a scalar.
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Entries of a mapping; none for anything else.
    pub fn entries(&self) -> &[(String, Node)] {
        match &self.value {
            Value::Map(entries) => entries,
            _ => &[],
        }
    }

    /// Items of a sequence; a lone value is a sequence of one, null is empty.
    pub fn items(&self) -> &[Node] {
        match &self.value {
            Value::List(items) => items,
            Value::Null => &[],
            _ => std::slice::from_ref(self),
        }
    }

    /// Items below a key.
    pub fn items_of(&self, key: &str) -> &[Node] {
        self.get(key).map_or(&[], Node::items)
    }

    /// True for nothing.
    pub fn is_null(&self) -> bool {
        self.value == Value::Null
    }

    /// True for a mapping.
    pub fn is_map(&self) -> bool {
        matches!(self.value, Value::Map(_))
    }
}

/// A collection that is being read.
struct Open {
    line: u64,
    anchor: usize,
    key: Option<String>,
    value: Value,
}

/// Reads every document of a stream.
///
/// # Errors
/// When the text is no YAML, or too large, too deep or unfolds to too much.
pub fn parse(text: &str) -> Result<Vec<Node>, SyntaxError> {
    let refuse = |line: u64, message: &str| SyntaxError {
        line,
        message: message.to_owned(),
    };
    if text.len() > MOST_BYTES {
        return Err(refuse(1, "the file is larger than 4 MB"));
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut documents = Vec::new();
    let mut open: Vec<Open> = Vec::new();
    let mut anchors: Vec<(usize, Node)> = Vec::new();
    let mut nodes = 0usize;
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| SyntaxError {
            line: error.marker().line() as u64,
            message: error.info().to_owned(),
        })?;
        let line = span.start.line() as u64;
        let (anchor, node) = match event {
            Event::SequenceStart(anchor, _) | Event::MappingStart(anchor, _)
                if open.len() >= MOST_DEPTH =>
            {
                let _ = anchor;
                return Err(refuse(line, "nested deeper than 64 levels"));
            }
            Event::SequenceStart(anchor, _) => {
                open.push(Open::new(line, anchor, Value::List(Vec::new())));
                continue;
            }
            Event::MappingStart(anchor, _) => {
                open.push(Open::new(line, anchor, Value::Map(Vec::new())));
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => match open.pop() {
                Some(done) => (
                    done.anchor,
                    Node {
                        line: done.line,
                        value: done.value,
                    },
                ),
                None => return Err(refuse(line, "an end without a beginning")),
            },
            Event::Scalar(text, style, anchor, _) => {
                nodes += 1;
                let value = scalar(&text, style);
                (anchor, Node { line, value })
            }
            Event::Alias(anchor) => {
                let found = anchors.iter().find(|(id, _)| *id == anchor);
                let node = found.map(|(_, node)| node.clone());
                let node = node.ok_or_else(|| refuse(line, "an alias of itself"))?;
                nodes += count(&node);
                (0, node)
            }
            _ => continue,
        };
        nodes += 1;
        if nodes > MOST_NODES {
            return Err(refuse(line, "the document has more than 200,000 values"));
        }
        if anchor != 0 {
            anchors.push((anchor, node.clone()));
            nodes += count(&node);
        }
        match open.last_mut() {
            Some(parent) => parent.take(node).map_err(|text| refuse(line, &text))?,
            None => documents.push(node),
        }
    }
    Ok(documents)
}

impl Open {
    fn new(line: u64, anchor: usize, value: Value) -> Self {
        Open {
            line,
            anchor,
            key: None,
            value,
        }
    }

    fn take(&mut self, node: Node) -> Result<(), String> {
        match &mut self.value {
            Value::List(items) => items.push(node),
            Value::Map(entries) => match self.key.take() {
                None => {
                    let Value::Text(key) = node.value else {
                        return Err("a key must be plain text".to_owned());
                    };
                    self.key = Some(key);
                }
                Some(key) if key == "<<" && node.is_map() => {
                    let Value::Map(merged) = node.value else {
                        return Ok(());
                    };
                    for (key, node) in merged {
                        if !entries.iter().any(|(held, _)| *held == key) {
                            entries.push((key, node));
                        }
                    }
                }
                Some(key) if entries.iter().any(|(held, _)| *held == key) => {
                    return Err(format!("the key {key} stands twice"));
                }
                Some(key) => entries.push((key, node)),
            },
            Value::Null | Value::Text(_) => {}
        }
        Ok(())
    }
}

fn scalar(text: &str, style: ScalarStyle) -> Value {
    let plain = style == ScalarStyle::Plain;
    match text {
        "" | "~" | "null" | "Null" | "NULL" if plain => Value::Null,
        text => Value::Text(text.to_owned()),
    }
}

fn count(node: &Node) -> usize {
    1 + match &node.value {
        Value::List(items) => items.iter().map(count).sum::<usize>(),
        Value::Map(entries) => entries.iter().map(|(_, node)| count(node)).sum(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_stay_as_written_and_know_their_line() {
        let documents = parse("a: 0.9990\nb:\n  - 1\n  - {c: 'null'}\n---\nd: ~\n").expect("reads");
        assert_eq!(documents.len(), 2);
        assert_eq!(documents[0].text_of("a"), Some("0.9990"));
        let item = &documents[0].items_of("b")[1];
        assert_eq!((item.line, item.text_of("c")), (4, Some("null")));
        assert!(documents[1].get("d").is_none());
    }

    #[test]
    fn json_is_yaml() {
        let documents = parse("{\"a\": [1, 2.5, \"x\\u0041\"], \"b\": null}").expect("reads");
        assert_eq!(documents[0].items_of("a")[2].text(), Some("xA"));
    }

    #[test]
    fn what_would_grow_without_bound_is_refused() {
        let mut bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n".to_owned();
        for (name, of) in ["b", "c", "d", "e", "f", "g"].iter().zip("abcdef".chars()) {
            bomb += &format!(
                "{name}: &{name} [{}]\n",
                vec![format!("*{of}"); 9].join(", ")
            );
        }
        let deep = "[".repeat(500);
        let nested = (0..100)
            .map(|depth| format!("{}a:\n", " ".repeat(depth)))
            .collect::<String>();
        for text in [
            &bomb,
            &deep,
            &nested,
            &"a: 1\na: 2".to_owned(),
            &"{a: 1".to_owned(),
        ] {
            assert!(parse(text).is_err());
        }
    }
}
