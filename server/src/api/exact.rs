//! Answers that hold rows of tables: their times become decimal text, as everywhere in the API.

use axum::{Json, body::Body, http::Response, response::IntoResponse};
use serde::Serialize;
use serde_json::Value;

/// An answer in which members called `time`, and those that end in `_time`, are decimal text.
pub struct Exact<T>(pub T);

impl<T: Serialize> IntoResponse for Exact<T> {
    fn into_response(self) -> Response<Body> {
        match json(&self.0) {
            Ok(value) => Json(value).into_response(),
            Err(error) => super::problem::Failure::internal(error).into_response(),
        }
    }
}

/// The same as a value.
///
/// # Errors
/// When it has no form in JSON.
pub fn json(value: &impl Serialize) -> serde_json::Result<Value> {
    let mut value = serde_json::to_value(value)?;
    times_as_text(&mut value);
    Ok(value)
}

fn times_as_text(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                match member {
                    Value::Number(nanos) if name == "time" || name.ends_with("_time") => {
                        *member = Value::String(nanos.to_string());
                    }
                    other => times_as_text(other),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(times_as_text),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_text_and_durations_are_numbers() {
        let value = serde_json::json!({
            "start_time": 1_795_353_122_649_000_001_i64, "end_time": null, "duration_ns": 5, "times": 3,
            "items": [{"time": 7, "downtime": 8}],
        });
        let expect = serde_json::json!({
            "start_time": "1795353122649000001", "end_time": null, "duration_ns": 5, "times": 3,
            "items": [{"time": "7", "downtime": 8}],
        });
        assert_eq!(json(&value).expect("JSON"), expect);
    }
}
