//! Choice rules.

use super::{Step, path};
use serde_json::Value;

/// The state that a Choice leads to.
///
/// # Errors
/// The path of a variable that is not there; or a text when no rule matches and there is no default.
pub(super) fn choose(step: &Step<'_>, input: &Value) -> Result<String, String> {
    let rules = step.state["Choices"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    for rule in rules {
        if holds(rule, input, &step.scope.context)? {
            return next(rule, "Next");
        }
    }
    next(step.state, "Default")
}

fn next(value: &Value, member: &str) -> Result<String, String> {
    value[member]
        .as_str()
        .map(str::to_owned)
        .ok_or_else(|| "Default".to_owned())
}

fn holds(rule: &Value, input: &Value, context: &Value) -> Result<bool, String> {
    if let Some(rules) = rule["And"].as_array() {
        return rules
            .iter()
            .try_fold(true, |all, rule| Ok(all && holds(rule, input, context)?));
    }
    if let Some(rules) = rule["Or"].as_array() {
        return rules
            .iter()
            .try_fold(false, |any, rule| Ok(any || holds(rule, input, context)?));
    }
    if rule["Not"].is_object() {
        return Ok(!holds(&rule["Not"], input, context)?);
    }
    let variable = rule["Variable"].as_str().unwrap_or("$");
    let held = path::get(variable, input, context);
    if let Some(wanted) = rule["IsPresent"].as_bool() {
        return Ok(held.is_some() == wanted);
    }
    let held = held.ok_or_else(|| variable.to_owned())?;
    let members = rule.as_object().into_iter().flatten();
    let mut compare = members
        .filter(|(name, _)| !["Variable", "Next"].contains(&name.as_str()))
        .map(|(name, wanted)| compare(name, held, wanted));
    Ok(compare.all(|holds| holds))
}

fn compare(operator: &str, held: &Value, wanted: &Value) -> bool {
    let numbers = held.as_f64().zip(wanted.as_f64());
    match operator {
        "StringEquals" => held.is_string() && held == wanted,
        "BooleanEquals" => held.is_boolean() && held == wanted,
        "IsNull" => Some(held.is_null()) == wanted.as_bool(),
        "NumericEquals" => numbers.is_some_and(|(a, b)| a == b),
        "NumericGreaterThan" => numbers.is_some_and(|(a, b)| a > b),
        "NumericGreaterThanEquals" => numbers.is_some_and(|(a, b)| a >= b),
        "NumericLessThan" => numbers.is_some_and(|(a, b)| a < b),
        "NumericLessThanEquals" => numbers.is_some_and(|(a, b)| a <= b),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn rules_combine() {
        let rule = json!({"And": [
            {"Variable": "$.n", "NumericGreaterThan": 3},
            {"Not": {"Variable": "$.s", "StringEquals": "no"}},
        ]});
        let check = |input: Value, expect: Result<bool, String>| {
            assert_eq!(holds(&rule, &input, &json!({})), expect);
        };
        check(json!({"n": 5, "s": "yes"}), Ok(true));
        check(json!({"n": 5, "s": "no"}), Ok(false));
        check(json!({"n": 2, "s": "yes"}), Ok(false));
        check(json!({"n": 5}), Err("$.s".into()));
    }
}
