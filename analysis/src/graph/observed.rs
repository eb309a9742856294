//! Scopes, states and ways as the history shows them, when nobody gave the definition.

use super::{Kind, Scope, Spec, Target, Way, visits::Visits};
use model::State;
use std::collections::HashMap;

/// The scopes of a history.
pub fn scope(states: &[State], visits: &Visits) -> Scope {
    let mut by_scope: HashMap<String, Vec<&State>> = HashMap::new();
    for state in states {
        by_scope
            .entry(visits.scope_of(state).to_owned())
            .or_default()
            .push(state);
    }
    build("", &by_scope, visits, 0)
}

fn build(
    key: &str,
    by_scope: &HashMap<String, Vec<&State>>,
    visits: &Visits,
    depth: usize,
) -> Scope {
    let empty = Vec::new();
    let held = by_scope.get(key).unwrap_or(&empty);
    let mut names: Vec<&str> = Vec::new();
    let mut places: HashMap<&str, usize> = HashMap::new();
    for state in held {
        places.entry(&state.state).or_insert_with(|| {
            names.push(&state.state);
            names.len() - 1
        });
    }
    let mut specs: Vec<Spec> = names
        .iter()
        .map(|name| {
            let first = held.iter().find(|state| state.state == *name);
            Spec {
                name: (*name).to_owned(),
                kind: first
                    .map(|state| state.state_type.clone())
                    .unwrap_or_default(),
                ..Spec::default()
            }
        })
        .collect();
    let mut add = |from: usize, to: Target, kind: Kind| {
        let same = |way: &Way| way.to == to && way.kind == kind;
        if !specs[from].ways.iter().any(same) {
            let (label, title) = (String::new(), String::new());
            specs[from].ways.push(Way {
                to,
                kind,
                label,
                title,
            });
        }
    };
    for (from, to) in visits.steps_in(key) {
        let Some(from_place) = places.get(from.state.as_str()) else {
            continue;
        };
        match to {
            Some(to) => {
                let kind = if from.caught { Kind::Catch } else { Kind::Next };
                if let Some(to) = places.get(to.state.as_str()) {
                    add(*from_place, Target::State(*to), kind);
                }
            }
            None => add(*from_place, Target::End, Kind::Next),
        }
    }
    // Deeper than any definition may be nested nothing is looked for.
    for spec in specs.iter_mut().filter(|_| depth < 64) {
        let inner = visits.scopes_in(key, &spec.name);
        spec.scopes = inner
            .iter()
            .map(|key| build(key, by_scope, visits, depth + 1))
            .collect();
    }
    let start = held
        .first()
        .and_then(|state| places.get(state.state.as_str()).copied());
    Scope {
        start,
        states: specs,
    }
}
