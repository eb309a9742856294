//! Reference paths: reading, templates, and putting results in their place.

use serde_json::{Map, Value};

/// The value at a path such as `$.a.b[0]` or `$$.Execution.Id`.
pub fn get<'a>(path: &str, input: &'a Value, context: &'a Value) -> Option<&'a Value> {
    let (rest, from) = match path.strip_prefix("$$") {
        Some(rest) => (rest, context),
        None => (path.strip_prefix('$')?, input),
    };
    let mut value = from;
    for part in rest.split(['.', '[']).filter(|part| !part.is_empty()) {
        value = match part.strip_suffix(']') {
            Some(index) => value.get(index.parse::<usize>().ok()?)?,
            None => value.get(part)?,
        };
    }
    Some(value)
}

/// Fills a template: members whose name ends in `.$` are read from a path.
///
/// # Errors
/// The path that leads nowhere.
pub fn fill(template: &Value, input: &Value, context: &Value) -> Result<Value, String> {
    match template {
        Value::Object(members) => {
            let mut filled = Map::new();
            for (name, value) in members {
                match (name.strip_suffix(".$"), value.as_str()) {
                    (Some(name), Some(path)) => {
                        let held = get(path, input, context).ok_or_else(|| path.to_owned())?;
                        filled.insert(name.to_owned(), held.clone());
                    }
                    _ => {
                        filled.insert(name.clone(), fill(value, input, context)?);
                    }
                }
            }
            Ok(Value::Object(filled))
        }
        Value::Array(items) => items
            .iter()
            .map(|item| fill(item, input, context))
            .collect(),
        other => Ok(other.clone()),
    }
}

/// The input with a result at a path; `$` replaces all of it.
pub fn place(path: &str, input: &Value, result: Value) -> Value {
    let parts: Vec<&str> = path
        .trim_start_matches('$')
        .split('.')
        .filter(|part| !part.is_empty())
        .collect();
    if parts.is_empty() {
        return result;
    }
    let mut output = if input.is_object() {
        input.clone()
    } else {
        Value::Object(Map::new())
    };
    let mut value = &mut output;
    for part in &parts[..parts.len() - 1] {
        if !value[*part].is_object() {
            value[*part] = Value::Object(Map::new());
        }
        value = &mut value[*part];
    }
    value[parts[parts.len() - 1]] = result;
    output
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn paths_read_members_elements_and_the_context() {
        let (input, context) = (json!({"a": {"b": [1, 2]}}), json!({"Task": {"Token": "t"}}));
        assert_eq!(get("$.a.b[1]", &input, &context), Some(&json!(2)));
        assert_eq!(get("$$.Task.Token", &input, &context), Some(&json!("t")));
        assert_eq!(get("$.a.c", &input, &context), None);
    }

    #[test]
    fn templates_say_which_path_leads_nowhere() {
        let template = json!({"x.$": "$.a", "y": {"z.$": "$.nope"}});
        assert_eq!(
            fill(&template, &json!({"a": 1}), &json!({})),
            Err("$.nope".into())
        );
    }

    #[test]
    fn results_go_where_they_are_told() {
        let input = json!({"a": 1});
        assert_eq!(place("$", &input, json!(2)), json!(2));
        assert_eq!(
            place("$.r.x", &input, json!(2)),
            json!({"a": 1, "r": {"x": 2}})
        );
    }
}
