//! A small part of JSONPath (RFC 9535): members, elements, `*` and `..`.

use serde_json::Value;

/// One step.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Member(String),
    Element(usize),
    Any,
    /// The next step, at any depth.
    Deep,
}

/// A path from the root of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Path {
    steps: Vec<Step>,
}

impl Path {
    /// Reads a path; the error says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut rest = text.strip_prefix('$').ok_or("it must begin with $")?;
        let mut steps = Vec::new();
        while !rest.is_empty() {
            if let Some(after) = rest.strip_prefix("..") {
                steps.push(Step::Deep);
                rest = after;
                if rest.starts_with('[') {
                    continue;
                }
                rest = name(rest, &mut steps)?;
            } else if let Some(after) = rest.strip_prefix('.') {
                rest = name(after, &mut steps)?;
            } else if let Some(after) = rest.strip_prefix('[') {
                let (inner, after) = after.split_once(']').ok_or("a [ has no ]")?;
                steps.push(bracket(inner)?);
                rest = after;
            } else {
                return Err(format!("a step begins with . or [, not with '{rest}'"));
            }
        }
        match steps.last() {
            None | Some(Step::Deep) => Err("it ends before it names something".to_owned()),
            Some(_) => Ok(Path { steps }),
        }
    }

    /// Calls `found` for every value that it names.
    pub fn visit(&self, value: &mut Value, found: &mut impl FnMut(&mut Value)) {
        visit(&self.steps, value, found);
    }

    /// True when it names the attribute: by its whole name, or by the part behind its last dot if the path
    /// looks at any depth.
    pub fn is_of_attribute(&self, name: &str) -> bool {
        match &self.steps[..] {
            [Step::Any] => true,
            [Step::Deep, Step::Member(last)] => {
                name == last || name.rsplit('.').next() == Some(last)
            }
            steps => {
                let members: Option<Vec<&str>> = steps
                    .iter()
                    .map(|step| match step {
                        Step::Member(name) => Some(name.as_str()),
                        _ => None,
                    })
                    .collect();
                members.is_some_and(|members| members.join(".") == name)
            }
        }
    }
}

fn name<'a>(rest: &'a str, steps: &mut Vec<Step>) -> Result<&'a str, String> {
    let end = rest.find(['.', '[']).unwrap_or(rest.len());
    match &rest[..end] {
        "" => return Err("a name is missing after a dot".to_owned()),
        "*" => steps.push(Step::Any),
        name => steps.push(Step::Member(name.to_owned())),
    }
    Ok(&rest[end..])
}

fn bracket(inner: &str) -> Result<Step, String> {
    let quoted = |quote: char| inner.strip_prefix(quote)?.strip_suffix(quote);
    if inner == "*" {
        return Ok(Step::Any);
    }
    if let Some(name) = quoted('\'').or_else(|| quoted('"')) {
        return Ok(Step::Member(name.to_owned()));
    }
    let number = inner.parse().map(Step::Element);
    number.map_err(|_| format!("[{inner}] is neither a number, nor *, nor a quoted name"))
}

fn visit(steps: &[Step], value: &mut Value, found: &mut impl FnMut(&mut Value)) {
    let Some((step, rest)) = steps.split_first() else {
        return found(value);
    };
    match (step, value) {
        (Step::Member(name), Value::Object(members)) => {
            if let Some(member) = members.get_mut(name) {
                visit(rest, member, found);
            }
        }
        (Step::Element(n), Value::Array(items)) => {
            if let Some(item) = items.get_mut(*n) {
                visit(rest, item, found);
            }
        }
        (Step::Any, Value::Object(members)) => {
            members
                .values_mut()
                .for_each(|member| visit(rest, member, found));
        }
        (Step::Any, Value::Array(items)) => {
            items.iter_mut().for_each(|item| visit(rest, item, found))
        }
        (Step::Deep, value) => {
            // Inner values first: what is replaced has no insides any more.
            match &mut *value {
                Value::Object(members) => {
                    members
                        .values_mut()
                        .for_each(|member| visit(steps, member, found));
                }
                Value::Array(items) => items.iter_mut().for_each(|item| visit(steps, item, found)),
                _ => {}
            }
            visit(rest, value, found);
        }
        _ => {}
    }
}
