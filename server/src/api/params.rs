//! Parameters of a request's URL: what is misspelt or of another type is told, and not passed over.

use super::problem::Failure;
use axum::{
    body::Body,
    extract::{FromRequestParts, Query},
    http::{Response, Uri, request::Parts},
    response::IntoResponse,
};
use model::text::nearest;
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error, Visitor, value},
    forward_to_deserialize_any,
};

/// Longest value that an error repeats, characters.
const LONGEST: usize = 64;

/// Parameters that say how many, and the most that anybody can mean: an endpoint may give fewer at once.
const COUNTS: [&str; 4] = ["limit", "buckets", "points", "k"];
const MOST: i128 = 10_000;
/// The one endpoint for which none, and millions, make sense.
const SQL: &str = "/api/sql";

/// The parameters of an endpoint of our own. A parameter that `T` does not have is refused with the one that is
/// probably meant; endpoints that stand for other products take what they take.
pub struct Params<T>(pub T);

/// An endpoint without parameters.
pub type NoParams = Params<Nothing>;

/// No parameters.
#[derive(Debug, Deserialize)]
pub struct Nothing {}

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Params<T> {
    type Rejection = Response<Body>;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Response<Body>> {
        read(&parts.uri)
            .map(Params)
            .map_err(|why| Failure::bad_request(why).into_response())
    }
}

fn read<T: DeserializeOwned>(uri: &Uri) -> Result<T, String> {
    let pairs = Query::<Vec<(String, String)>>::try_from_uri(uri);
    let pairs = pairs.map_or_else(|_| Vec::new(), |Query(pairs)| pairs);
    let known = fields_of::<T>();
    for (at, (name, _)) in pairs.iter().enumerate() {
        if !known.contains(&name.as_str()) {
            return Err(unknown(name, known));
        }
        if pairs[..at].iter().any(|(other, _)| other == name) {
            return Err(format!("{name} is given twice: give it once"));
        }
    }
    if uri.path() != SQL {
        check_counts(&pairs)?;
    }
    match Query::<T>::try_from_uri(uri) {
        Ok(Query(read)) => Ok(read),
        Err(error) => Err(wrong(&error.body_text(), &pairs)),
    }
}

/// Refuses numbers of things that are none.
fn check_counts(pairs: &[(String, String)]) -> Result<(), String> {
    for (name, value) in pairs {
        let is_count = COUNTS.contains(&name.as_str());
        let is_number = value.strip_prefix('-').unwrap_or(value);
        let is_number = !is_number.is_empty() && is_number.bytes().all(|it| it.is_ascii_digit());
        let fits = value.parse().is_ok_and(|it| (1..=MOST).contains(&it));
        if is_count && is_number && !fits {
            let value = shown(value);
            return Err(format!(
                "{name} is '{value}': give a number from 1 to {MOST}"
            ));
        }
    }
    Ok(())
}

fn unknown(name: &str, known: &[&str]) -> String {
    let name = shown(name);
    match (nearest(&name, known.iter().copied()), known) {
        (Some(near), _) => format!("there is no parameter '{name}' here: did you mean {near}?"),
        (None, []) => format!("there is no parameter '{name}' here: this takes none"),
        (None, known) => format!(
            "there is no parameter '{name}' here: there are {}",
            known.join(", ")
        ),
    }
}

/// The framework's words, such as `limit: invalid digit found in string`, in ours.
fn wrong(text: &str, pairs: &[(String, String)]) -> String {
    let text = text.trim_start_matches("Failed to deserialize query string");
    let text = text.trim_start_matches(": ");
    if let Some(rest) = text.split("missing field `").nth(1) {
        let name = rest.split('`').next().unwrap_or_default();
        return format!("{name} is missing: give {name}=…");
    }
    let Some((name, why)) = text.split_once(": ") else {
        return format!("the query string cannot be read: {text}");
    };
    let given = pairs.iter().find(|(key, _)| key == name);
    let Some((_, value)) = given else {
        return format!("the query string cannot be read: {text}");
    };
    let wanted = match why {
        why if why.contains("too large") || why.contains("too small") => {
            "which is out of bounds: give a smaller number".to_owned()
        }
        why if why.contains("invalid digit") || why.contains("integer from empty") => {
            "which is no whole number from 0 on".to_owned()
        }
        why if why.contains("float") => "which is no number".to_owned(),
        why if why.contains("`true` or `false`") => "give true or false".to_owned(),
        why => match why.split_once("expected one of ") {
            Some((_, names)) => format!("give one of {}", names.replace('`', "")),
            None => why.to_owned(),
        },
    };
    format!("{name} is '{}', {wanted}", shown(value))
}

fn shown(text: &str) -> String {
    text.chars().take(LONGEST).collect()
}

/// The names that a structure reads.
fn fields_of<T: DeserializeOwned>() -> &'static [&'static str] {
    let mut fields: &'static [&'static str] = &[];
    // It always fails: nothing is there to be read but the names.
    let _ = T::deserialize(Fields(&mut fields));
    fields
}

/// Writes down which fields are asked for.
struct Fields<'a>(&'a mut &'static [&'static str]);

impl<'de> Deserializer<'de> for Fields<'_> {
    type Error = value::Error;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, value::Error> {
        Err(value::Error::custom("no structure"))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, value::Error> {
        *self.0 = fields;
        Err(value::Error::custom("only the names are asked for"))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default, Deserialize)]
    #[serde(default)]
    struct Wanted {
        limit: Option<usize>,
        state_machine: Option<String>,
        anyway: bool,
        spend: f64,
        kind: Option<Kind>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Kind {
        One,
        Two,
    }

    #[derive(Debug, Deserialize)]
    struct Sides {
        a: String,
        b: String,
    }

    fn error<T: DeserializeOwned + std::fmt::Debug>(query: &str) -> String {
        let uri: Uri = format!("/x?{query}").parse().expect("a URI");
        read::<T>(&uri).expect_err("an error")
    }

    #[test]
    fn what_is_wrong_is_named() {
        let check = |query: &str, expect: &str| assert_eq!(error::<Wanted>(query), expect);
        check(
            "limit=abc",
            "limit is 'abc', which is no whole number from 0 on",
        );
        check("limit=-1", "limit is '-1': give a number from 1 to 10000");
        check("limit=", "limit is '', which is no whole number from 0 on");
        check(
            "limit=99999999999999999999999",
            "limit is '99999999999999999999999': give a number from 1 to 10000",
        );
        check("limit=0", "limit is '0': give a number from 1 to 10000");
        check(
            "limit=10001",
            "limit is '10001': give a number from 1 to 10000",
        );
        let sql: Uri = "/api/sql?limit=0".parse().expect("a URI");
        assert_eq!(read::<Wanted>(&sql).map(|it| it.limit), Ok(Some(0)));
        check("limit=1&limit=2", "limit is given twice: give it once");
        check(
            "limt=1",
            "there is no parameter 'limt' here: did you mean limit?",
        );
        check(
            "statemachine=x",
            "there is no parameter 'statemachine' here: did you mean state_machine?",
        );
        check(
            "colour=red",
            "there is no parameter 'colour' here: there are limit, state_machine, anyway, spend, kind",
        );
        check("anyway=maybe", "anyway is 'maybe', give true or false");
        check("spend=much", "spend is 'much', which is no number");
        assert!(error::<Wanted>("kind=three").contains("kind is 'three'"));
        assert_eq!(error::<Sides>("a=1"), "b is missing: give b=…");
        assert_eq!(
            error::<Nothing>("a=1"),
            "there is no parameter 'a' here: this takes none"
        );
    }

    #[test]
    fn what_is_right_is_read() {
        let uri: Uri = "/x?limit=5&state_machine=a%20b&anyway=true"
            .parse()
            .expect("a URI");
        let wanted = read::<Wanted>(&uri).expect("reads");
        assert_eq!(
            (wanted.limit, wanted.anyway, wanted.spend),
            (Some(5), true, 0.0)
        );
        assert_eq!(wanted.state_machine.as_deref(), Some("a b"));
        assert!(wanted.kind.is_none() && !matches!(wanted.kind, Some(Kind::One | Kind::Two)));
        let sides = read::<Sides>(&"/x?a=1&b=2".parse().expect("a URI")).expect("reads");
        assert_eq!((sides.a.as_str(), sides.b.as_str()), ("1", "2"));
        assert!(read::<Nothing>(&"/x".parse().expect("a URI")).is_ok());
        assert!(read::<Nothing>(&"/x?".parse().expect("a URI")).is_ok());
    }
}
