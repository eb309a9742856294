//! Of which sort a run is, by what stands in its input: the same value, ids of the same beginning or of the same form, a
//! field that is given or is not.

use super::{Profile, profile};
use std::collections::BTreeMap;

/// Texts of more parts are no ids that somebody made up.
const MOST_PARTS: usize = 9;
/// Runs that have a field which this one lacks, and the other way round, before that makes a sort.
const FEW: usize = 2;

/// A sort of input.
pub(crate) struct Sort {
    /// The key path of what tells it.
    pub key: String,
    /// In words, to stand after the key.
    pub told: String,
    /// What words of an error would hold that speak of it, empty where nothing would.
    pub quoted: String,
    how: How,
}

enum How {
    Same(String),
    Begins(String),
    Form(String),
    Given,
    Lacking,
}

impl Sort {
    /// Whether another run is of the same sort.
    pub fn has(&self, peer: &Profile) -> bool {
        let own = peer.traits.get(&self.key);
        match &self.how {
            How::Same(value) => own == Some(value),
            How::Begins(start) => own.and_then(|it| beginning(it)).as_ref() == Some(start),
            How::Form(form) => own.and_then(|it| form_of(it)).as_ref() == Some(form),
            How::Given => own.is_some(),
            How::Lacking => own.is_none(),
        }
    }

    /// Whether it is told by the very value.
    pub fn is_exact(&self) -> bool {
        matches!(self.how, How::Same(_))
    }
}

/// The sorts of an execution by its input.
pub(crate) fn sorts(input: Option<&str>, peers: &[&Profile]) -> Vec<Sort> {
    let own = profile::traits(input);
    let mut all: Vec<Sort> = Vec::new();
    for (key, value) in &own {
        let mut add = |how: How, told: String, quoted: String| {
            all.push(Sort {
                key: key.clone(),
                told,
                quoted,
                how,
            });
        };
        add(
            How::Same(value.clone()),
            format!("is {value}"),
            value.clone(),
        );
        if let Some(start) = beginning(value) {
            let told = format!("begins with {start}, as {value} does");
            add(How::Begins(start.clone()), told, start);
        }
        if let Some(form) = form_of(value) {
            add(
                How::Form(form),
                format!("has the form of {value}"),
                String::new(),
            );
        }
        let without = peers.iter().filter(|it| !it.traits.contains_key(key));
        if without.count() >= FEW {
            add(How::Given, "is given".to_owned(), String::new());
        }
    }
    let given = profile::keys(input);
    let mut others: BTreeMap<&String, usize> = BTreeMap::new();
    for key in peers.iter().flat_map(|it| it.traits.keys()) {
        *others.entry(key).or_default() += 1;
    }
    let lacking = others
        .into_iter()
        .filter(|(key, count)| *count >= FEW && !own.contains_key(*key) && !given.contains(*key));
    all.extend(lacking.map(|(key, _)| Sort {
        key: key.clone(),
        told: "is not given".to_owned(),
        quoted: key.rsplit('.').next().unwrap_or(key).to_owned(),
        how: How::Lacking,
    }));
    all
}

/// The letters that an id begins with: `KB` of `KB-23053`, `order` of `order-17`.
fn beginning(value: &str) -> Option<String> {
    let end = value.find(|c: char| !c.is_alphabetic())?;
    let (start, rest) = value.split_at(end);
    let numbered = rest.chars().any(|c| c.is_ascii_digit());
    let short = (1..=16).contains(&start.len()) && value.len() <= 40;
    (numbered && short && form_of(value).is_some()).then(|| start.to_owned())
}

/// How a text is written that has digits in it: `AA-9` of `KB-23053`. Numbers may be of any length, words may not; none of
/// what a machine drew by lot.
fn form_of(value: &str) -> Option<String> {
    let mut form = String::new();
    let mut parts = 0;
    let mut last = ' ';
    for c in value.chars() {
        let kind = match c {
            '0'..='9' => '9',
            c if c.is_uppercase() => 'A',
            c if c.is_alphabetic() => 'a',
            c => c,
        };
        if kind != last {
            parts += 1;
        }
        // Of words it counts how long they are, of numbers it does not.
        if kind != last || kind != '9' {
            form.push(kind);
        }
        last = kind;
    }
    let numbered = form.contains('9');
    (numbered && parts <= MOST_PARTS && form.len() <= 32).then_some(form)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_of_a_form() {
        let check =
            |value: &str, expect: Option<&str>| assert_eq!(form_of(value).as_deref(), expect);
        check("KB-23053", Some("AA-9"));
        check("KBX-1", Some("AAA-9"));
        check("order-17/2", Some("aaaaa-9/9"));
        check("Berlin", None);
        check("0f3a9c1e7b22d4", None);
    }

    #[test]
    fn ids_have_a_beginning() {
        let check =
            |value: &str, expect: Option<&str>| assert_eq!(beginning(value).as_deref(), expect);
        check("KB-23053", Some("KB"));
        check("order-17", Some("order"));
        check("2026-05-04", None);
        check("eu-west", None);
    }

    #[test]
    fn what_is_given_or_not_makes_a_sort() {
        let with = |keys: &[(&str, &str)]| Profile {
            traits: keys
                .iter()
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                .collect(),
            ..Profile::default()
        };
        let (bare, full) = (
            with(&[("id", "a-1")]),
            with(&[("id", "b-2"), ("coupon", "x")]),
        );
        let peers = [&bare, &full, &full];
        let found = sorts(Some(r#"{"id":"a-7"}"#), &peers);
        let lacking = found.iter().find(|it| it.key == "coupon");
        assert!(lacking.is_some_and(|it| it.has(&bare) && !it.has(&full)));
        assert!(found.iter().any(|it| it.is_exact() && !it.has(&bare)));
        assert!(found.iter().any(|it| !it.is_exact() && it.has(&bare)));
    }
}
