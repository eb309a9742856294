//! SQL functions that read JSON text.
//!
//! | Function | Gives |
//! |---|---|
//! | `json_get(text, key…)`, `text -> key` | the value there, as JSON text |
//! | `json_get_text(text, key…)`, `text ->> key` | the same, a string without its quotes; null for null |
//! | `json_get_int`, `json_get_float`, `json_get_bool` | the value, if it is of that type |
//! | `json_length(text, key…)` | how many members or items the object or list there has |
//!
//! A key is a member's name or an item's number from 0. What is not there, and text that is not JSON,
//! is null.

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanBuilder, Float64Builder, Int64Builder, StringViewArray,
    StringViewBuilder,
};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility, lit,
};
use serde::de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::{fmt, sync::Arc};

/// What a function makes of the value it finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Form {
    Json,
    Text,
    Int,
    Float,
    Bool,
    Length,
}

impl Form {
    const ALL: [Form; 6] = [
        Form::Json,
        Form::Text,
        Form::Int,
        Form::Float,
        Form::Bool,
        Form::Length,
    ];

    fn name(self) -> &'static str {
        match self {
            Form::Json => "json_get",
            Form::Text => "json_get_text",
            Form::Int => "json_get_int",
            Form::Float => "json_get_float",
            Form::Bool => "json_get_bool",
            Form::Length => "json_length",
        }
    }

    fn data_type(self) -> DataType {
        match self {
            Form::Json | Form::Text => DataType::Utf8View,
            Form::Int | Form::Length => DataType::Int64,
            Form::Float => DataType::Float64,
            Form::Bool => DataType::Boolean,
        }
    }
}

/// All functions, to be registered.
pub(crate) fn functions() -> Vec<Arc<ScalarUDF>> {
    Form::ALL
        .map(|form| Arc::new(ScalarUDF::new_from_impl(JsonFunction::new(form))))
        .into()
}

/// `expr -> key` as an expression.
pub(crate) fn json_at(expr: Expr, key: ScalarValue) -> Expr {
    call(Form::Json, expr, key)
}

/// `expr ->> key` as an expression.
pub(crate) fn text_at(expr: Expr, key: ScalarValue) -> Expr {
    call(Form::Text, expr, key)
}

fn call(form: Form, expr: Expr, key: ScalarValue) -> Expr {
    ScalarUDF::new_from_impl(JsonFunction::new(form)).call(vec![expr, lit(key)])
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct JsonFunction {
    form: Form,
    signature: Signature,
}

impl JsonFunction {
    fn new(form: Form) -> Self {
        JsonFunction {
            form,
            signature: Signature::variadic_any(Volatility::Immutable),
        }
    }
}

impl ScalarUDFImpl for JsonFunction {
    fn name(&self) -> &str {
        self.form.name()
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        let text = |data_type: &DataType| data_type.is_string() || data_type.is_null();
        match arguments {
            [json, keys @ ..]
                if text(json) && keys.iter().all(|key| text(key) || key.is_integer()) =>
            {
                Ok(self.form.data_type())
            }
            _ => plan_err!(
                "{} takes JSON text and then names or numbers",
                self.form.name()
            ),
        }
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = args.number_rows;
        let mut arguments = args.args.into_iter();
        let Some(json) = arguments.next() else {
            return plan_err!("{} takes JSON text", self.form.name());
        };
        let path = arguments.map(|key| self.key(key)).collect::<Result<_>>()?;
        let one_value = matches!(json, ColumnarValue::Scalar(_));
        let json = json.into_array(if one_value { 1 } else { rows })?;
        let json = cast(&json, &DataType::Utf8View)?;
        let array = apply(self.form, json.as_string_view(), path);
        match one_value {
            true => Ok(ScalarValue::try_from_array(&array, 0)?.into()),
            false => Ok(array.into()),
        }
    }
}

/// A step into a JSON value.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Key {
    Name(String),
    Item(usize),
    /// A null, or a number below 0: there is nothing there.
    Nothing,
}

impl JsonFunction {
    fn key(&self, value: ColumnarValue) -> Result<Key> {
        let ColumnarValue::Scalar(value) = value else {
            return plan_err!("the names given to {} must be constants", self.form.name());
        };
        if let Some(Some(name)) = value.try_as_str() {
            return Ok(Key::Name(name.to_owned()));
        }
        Ok(match value.cast_to(&DataType::UInt64) {
            Ok(ScalarValue::UInt64(Some(item))) => Key::Item(item as usize),
            _ => Key::Nothing,
        })
    }
}

fn apply(form: Form, json: &StringViewArray, path: Vec<Key>) -> ArrayRef {
    let found = json.iter().map(|json| at(json?, &path));
    macro_rules! built {
        ($builder:ty, $value:expr) => {{
            let mut builder = <$builder>::with_capacity(json.len());
            found.for_each(|found| builder.append_option(found.and_then($value)));
            Arc::new(builder.finish())
        }};
    }
    match form {
        Form::Json => built!(StringViewBuilder, |raw: &str| Some(raw.to_owned())),
        Form::Text => built!(StringViewBuilder, text),
        Form::Int => built!(Int64Builder, int),
        Form::Float => built!(Float64Builder, |raw: &str| serde_json::from_str(raw).ok()),
        Form::Bool => built!(BooleanBuilder, |raw: &str| serde_json::from_str(raw).ok()),
        Form::Length => built!(Int64Builder, length),
    }
}

/// A string without its quotes, anything else as it is written, nothing for null.
fn text(raw: &str) -> Option<String> {
    match raw.as_bytes().first()? {
        b'"' => serde_json::from_str(raw).ok(),
        b'n' => None,
        _ => Some(raw.to_owned()),
    }
}

/// A whole number, also one that is written as `4.0`.
fn int(raw: &str) -> Option<i64> {
    if let Ok(number) = serde_json::from_str(raw) {
        return Some(number);
    }
    let number: f64 = serde_json::from_str(raw).ok()?;
    let whole = number.fract() == 0.0 && number.abs() < 9.0e15;
    whole.then_some(number as i64)
}

fn length(raw: &str) -> Option<i64> {
    match raw.as_bytes().first()? {
        b'{' | b'[' => serde_json::Deserializer::from_str(raw)
            .into_iter::<Counted>()
            .next()?
            .ok()
            .map(|counted| counted.0),
        _ => None,
    }
}

/// The value at the path, as it is written.
fn at<'a>(json: &'a str, path: &[Key]) -> Option<&'a str> {
    let mut value: &RawValue = serde_json::from_str(json).ok()?;
    for key in path {
        let mut found = None;
        let step = Step {
            key,
            found: &mut found,
        };
        // An error may only mean that it was found and the rest need not be read.
        let _ = step.deserialize(&mut serde_json::Deserializer::from_str(value.get()));
        value = found?;
    }
    Some(value.get())
}

/// Looks for one member or item.
struct Step<'k, 'f, 'de> {
    key: &'k Key,
    found: &'f mut Option<&'de RawValue>,
}

impl<'de> DeserializeSeed<'de> for Step<'_, '_, 'de> {
    type Value = ();
    fn deserialize<D: serde::Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Step<'_, '_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or a list")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Key::Name(name) = self.key else {
            return Err(A::Error::custom("not a list"));
        };
        while let Some(same) = map.next_key_seed(Same(name))? {
            if same {
                *self.found = Some(map.next_value()?);
                return Err(A::Error::custom("found"));
            }
            map.next_value::<IgnoredAny>()?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let Key::Item(number) = self.key else {
            return Err(A::Error::custom("not an object"));
        };
        for _ in 0..*number {
            if list.next_element::<IgnoredAny>()?.is_none() {
                return Ok(());
            }
        }
        *self.found = list.next_element()?;
        Err(A::Error::custom("found"))
    }
}

/// Compares a name without keeping it.
struct Same<'k>(&'k str);

impl<'de> DeserializeSeed<'de> for Same<'_> {
    type Value = bool;
    fn deserialize<D: serde::Deserializer<'de>>(self, name: D) -> Result<bool, D::Error> {
        name.deserialize_str(self)
    }
}

impl Visitor<'_> for Same<'_> {
    type Value = bool;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }
    fn visit_str<E>(self, name: &str) -> Result<bool, E> {
        Ok(name == self.0)
    }
}

/// Number of members or items.
struct Counted(i64);

impl<'de> serde::Deserialize<'de> for Counted {
    fn deserialize<D: serde::Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        struct Count;
        impl<'de> Visitor<'de> for Count {
            type Value = Counted;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object or a list")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Counted, A::Error> {
                let mut count = 0;
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {
                    count += 1;
                }
                Ok(Counted(count))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Counted, A::Error> {
                let mut count = 0;
                while list.next_element::<IgnoredAny>()?.is_some() {
                    count += 1;
                }
                Ok(Counted(count))
            }
        }
        json.deserialize_any(Count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(name: &str) -> Key {
        Key::Name(name.to_owned())
    }

    #[test]
    fn values_are_found_as_they_are_written() {
        let check = |json: &str, path: &[Key], expect: Option<&str>| {
            assert_eq!(at(json, path), expect, "{json} {path:?}");
        };
        let order = r#" {"a": [1, {"b\n": "x"} ], "c": null, "a": 2} "#;
        check(order, &[name("a")], Some(r#"[1, {"b\n": "x"} ]"#));
        check(
            order,
            &[name("a"), Key::Item(1), name("b\n")],
            Some(r#""x""#),
        );
        check(order, &[name("c")], Some("null"));
        check(order, &[name("d")], None);
        check(order, &[Key::Item(0)], None);
        check(order, &[name("a"), Key::Item(7)], None);
        check(order, &[name("a"), Key::Nothing], None);
        check("{not json", &[name("a")], None);
        check("[1", &[Key::Item(0)], None);
        check("3", &[], Some("3"));
        check(&"[".repeat(100_000), &[Key::Item(0)], None);
    }

    #[test]
    fn values_are_read_in_their_form() {
        assert_eq!(text(r#""a\u00e9""#).as_deref(), Some("aé"));
        assert_eq!(text("null"), None);
        assert_eq!(text("[1,2]").as_deref(), Some("[1,2]"));
        let ints = [
            ("4", Some(4)),
            ("4.0", Some(4)),
            ("4.5", None),
            ("\"4\"", None),
        ];
        for (raw, expect) in ints {
            assert_eq!(int(raw), expect);
        }
        assert_eq!(length(r#"{"a":1,"b":[1]}"#), Some(2));
        assert_eq!(length("[1,[2]]"), Some(2));
        assert_eq!(length("12"), None);
    }
}
