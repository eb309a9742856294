//! Tolerances as the Chaos Toolkit writes them: what a measured value must be.

use serde_json::Value;

/// Whether a value is within a tolerance; an error says what the tolerance cannot be read as.
///
/// A plain value must be equal, a list of two numbers is a range with its ends, another list must hold the
/// value, an object has a `type`: `range` (`range: [low, high]`), `regex` (`pattern`, optional `target`),
/// `jsonpath` (`path`, optional `expect` or `count`). `null` accepts anything, as when none is given.
pub fn within(tolerance: &Value, measured: &Value) -> Result<bool, String> {
    match tolerance {
        Value::Null => Ok(true),
        Value::Array(ends) => match ends.as_slice() {
            [Value::Number(low), Value::Number(high)] => {
                in_range(low.as_f64(), high.as_f64(), measured)
            }
            list => Ok(list.iter().any(|it| same(it, measured))),
        },
        Value::Object(map) => {
            let target = match map.get("target").and_then(Value::as_str) {
                Some(target) => measured.get(target).unwrap_or(measured),
                None => measured,
            };
            match map.get("type").and_then(Value::as_str) {
                Some("range") => match map
                    .get("range")
                    .and_then(Value::as_array)
                    .map(Vec::as_slice)
                {
                    Some([low, high]) => in_range(low.as_f64(), high.as_f64(), target),
                    _ => Err("a tolerance of type range has `range: [low, high]`".into()),
                },
                Some("regex") => {
                    let pattern = map.get("pattern").and_then(Value::as_str);
                    let pattern = pattern.ok_or("a tolerance of type regex has a `pattern`")?;
                    let regex = regex::RegexBuilder::new(pattern)
                        .size_limit(1 << 20)
                        .build();
                    let regex =
                        regex.map_err(|_| format!("'{pattern}' is no regular expression"))?;
                    Ok(regex.is_match(&text(target)))
                }
                Some("jsonpath") => {
                    let path = map.get("path").and_then(Value::as_str);
                    let path = path.ok_or("a tolerance of type jsonpath has a `path`")?;
                    let found = find(path, target)?;
                    if let Some(count) = map.get("count").and_then(Value::as_u64) {
                        return Ok(found.len() as u64 == count);
                    }
                    match map.get("expect") {
                        None => Ok(!found.is_empty()),
                        Some(Value::Array(list)) => Ok(found.len() == list.len()
                            && found.iter().zip(list).all(|(it, expect)| same(it, expect))),
                        Some(expect) => Ok(found.iter().any(|it| same(it, expect))),
                    }
                }
                other => Err(format!(
                    "a tolerance of type '{}' is not known here: range, regex, jsonpath",
                    other.unwrap_or("")
                )),
            }
        }
        plain => Ok(same(plain, measured)),
    }
}

fn in_range(low: Option<f64>, high: Option<f64>, measured: &Value) -> Result<bool, String> {
    let (Some(low), Some(high)) = (low, high) else {
        return Err("the ends of a range are numbers".into());
    };
    if low > high {
        return Err(format!("a range from {low} to {high} holds nothing"));
    }
    Ok(number(measured).is_some_and(|it| (low..=high).contains(&it)))
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Numbers are the same whatever they are written as.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        _ => a == b,
    }
}

/// The values at a path of names, indices and `*`: `$.a.b[0].c`, `$['a'][*]`.
fn find<'a>(path: &str, value: &'a Value) -> Result<Vec<&'a Value>, String> {
    let wrong =
        || format!("'{path}' is no path such as $.a.b[0] (filters and .. are not known here)");
    let mut rest = path.trim().strip_prefix('$').unwrap_or(path.trim());
    let mut found = vec![value];
    while !rest.is_empty() {
        let step: String;
        if let Some(inner) = rest.strip_prefix('[') {
            let end = inner.find(']').ok_or_else(wrong)?;
            step = inner[..end].trim().trim_matches(['\'', '"']).to_owned();
            rest = &inner[end + 1..];
        } else {
            let name = rest.strip_prefix('.').unwrap_or(rest);
            let end = name.find(['.', '[']).unwrap_or(name.len());
            step = name[..end].to_owned();
            rest = &name[end..];
        }
        if step.is_empty() || step.starts_with('?') {
            return Err(wrong());
        }
        found = found
            .into_iter()
            .flat_map(|it| children(it, &step))
            .collect();
    }
    Ok(found)
}

fn children<'a>(value: &'a Value, step: &str) -> Vec<&'a Value> {
    match value {
        Value::Object(map) if step == "*" => map.values().collect(),
        Value::Object(map) => map.get(step).into_iter().collect(),
        Value::Array(list) if step == "*" => list.iter().collect(),
        Value::Array(list) => {
            let index = step.parse::<usize>().ok();
            index
                .and_then(|index| list.get(index))
                .into_iter()
                .collect()
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn tolerances_of_the_chaos_toolkit_hold() {
        let check = |tolerance: Value, measured: Value, expect: bool| {
            assert_eq!(
                within(&tolerance, &measured),
                Ok(expect),
                "{tolerance} {measured}"
            );
        };
        check(json!(200), json!(200), true);
        check(json!(200), json!(200.0), true);
        check(json!(200), json!(201), false);
        check(json!(true), json!(true), true);
        check(json!("ok"), json!("ok"), true);
        check(json!([0.99, 1]), json!(0.99), true);
        check(json!([0.99, 1]), json!(0.989), false);
        check(json!([0.99, 1]), json!("0.995"), true);
        check(json!(["a", "b", "c"]), json!("b"), true);
        check(json!([200, 201, 202]), json!(203), false);
        check(json!(["a", "b"]), json!("c"), false);
        check(json!({"type": "range", "range": [1, 5]}), json!(5), true);
        check(
            json!({"type": "regex", "pattern": "^a+$"}),
            json!("aaa"),
            true,
        );
        check(
            json!({"type": "regex", "pattern": "[0-9]{3}"}),
            json!(42),
            false,
        );
        check(
            json!({"type": "jsonpath", "path": "$.a.b[1]", "expect": 7}),
            json!({"a": {"b": [1, 7]}}),
            true,
        );
        check(
            json!({"type": "jsonpath", "path": "$.a[*]", "count": 2}),
            json!({"a": [1, 7]}),
            true,
        );
        check(
            json!({"type": "jsonpath", "path": "$.x"}),
            json!({"a": 1}),
            false,
        );
        check(json!(null), json!(3), true);
        check(json!([1, 2]), json!(null), false);
    }

    #[test]
    fn what_cannot_be_read_is_said() {
        for tolerance in [
            json!({"type": "probe"}),
            json!({"type": "range"}),
            json!([2, 1]),
            json!({"type": "regex", "pattern": "("}),
            json!({"type": "jsonpath", "path": "$..a"}),
            json!({}),
        ] {
            assert!(within(&tolerance, &json!(1)).is_err(), "{tolerance}");
        }
    }
}
