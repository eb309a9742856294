//! The visits of states: in which scope of the definition each one was, and which followed which.

use model::{SpanId, State};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Visits, in order.
pub struct Visits<'a> {
    /// Span of a visit → its scope: names of the containers, with the branch for a Parallel.
    scopes: HashMap<SpanId, String>,
    /// Scope and name of a container → the scopes in it.
    inner: BTreeMap<(String, String), BTreeSet<String>>,
    /// Scope → steps in it.
    steps: HashMap<String, Vec<Step<'a>>>,
}

/// A visit and the one after it; without one, it was the last that ended well.
pub type Step<'a> = (&'a State, Option<&'a State>);

/// Stands between the parts of a scope's key; no state name contains it.
const BREAK: char = '\u{1f}';

impl<'a> Visits<'a> {
    /// Sorts visits out; they come in the order in which they were entered.
    pub fn of(states: &'a [State]) -> Self {
        let by_path: HashMap<&str, &State> = states
            .iter()
            .map(|state| (state.path.as_str(), state))
            .collect();
        let mut visits = Visits {
            scopes: HashMap::with_capacity(states.len()),
            inner: BTreeMap::new(),
            steps: HashMap::new(),
        };
        let mut known: HashMap<&str, String> = HashMap::new();
        for state in states {
            let base = state
                .path
                .strip_suffix(state.state.as_str())
                .unwrap_or_default();
            let base = base.strip_suffix('/').unwrap_or_default();
            let key = match known.get(base) {
                Some(key) => key.clone(),
                None => {
                    let key = visits.enter(base, &by_path);
                    known.insert(base, key.clone());
                    key
                }
            };
            visits.scopes.insert(state.span_id, key);
        }
        let mut groups: HashMap<SpanId, Vec<&State>> = HashMap::new();
        for state in states {
            groups.entry(state.parent_span_id).or_default().push(state);
        }
        for group in groups.into_values() {
            visits.follow(&group);
        }
        visits.steps.values_mut().for_each(|steps| {
            steps
                .sort_by_key(|(state, _)| (state.entered_event_id, state.start_time, state.span_id))
        });
        visits
    }

    /// The scope of what lies below `base`, such as `Outer[2]/Fan[3]`.
    fn enter(&mut self, base: &str, by_path: &HashMap<&str, &State>) -> String {
        let mut key = String::new();
        let mut rest = base;
        let mut done = 0;
        // Containers from the outermost: the longest prefixes that are visits and are followed by an index.
        while !rest.is_empty() {
            let next = rest
                .char_indices()
                .filter(|(_, c)| matches!(c, '[' | '{'))
                .find_map(|(at, c)| {
                    let container = by_path.get(&base[..done + at])?;
                    let close = if c == '[' { ']' } else { '}' };
                    let end = rest[at..].find(close)? + at + 1;
                    let whole = rest[end..].is_empty() || rest[end..].starts_with('/');
                    whole.then(|| (*container, c, &rest[at + 1..end - 1], end))
                });
            let Some((container, c, index, end)) = next else {
                break;
            };
            let branch = if c == '{' { index } else { "" };
            let inner = format!("{key}{BREAK}{}{BREAK}{branch}", container.state);
            self.inner
                .entry((key, container.state.clone()))
                .or_default()
                .insert(inner.clone());
            key = inner;
            let skip = end + usize::from(rest[end..].starts_with('/'));
            done += skip;
            rest = &rest[skip..];
        }
        key
    }

    /// Notes which visit of an execution, iteration or branch followed which.
    fn follow(&mut self, group: &[&'a State]) {
        for (at, state) in group.iter().enumerate() {
            let next = group.get(at + 1).copied();
            // A redrive enters a state again without a way to it.
            let redriven = next.is_some_and(|next| next.redrive_count != state.redrive_count);
            let left = state.caught || state.status == model::Status::Succeeded;
            if redriven || !left {
                continue;
            }
            let scope = self.scopes.get(&state.span_id).cloned().unwrap_or_default();
            self.steps.entry(scope).or_default().push((state, next));
        }
    }

    /// The scope of a visit.
    pub fn scope_of(&self, state: &State) -> &str {
        self.scopes.get(&state.span_id).map_or("", String::as_str)
    }

    /// The steps of a scope.
    pub fn steps_in(&self, scope: &str) -> &[Step<'a>] {
        self.steps.get(scope).map_or(&[], Vec::as_slice)
    }

    /// All steps.
    pub fn steps(&self) -> impl Iterator<Item = &Step<'a>> {
        self.steps.values().flatten()
    }

    /// The scopes in a container.
    pub fn scopes_in(&self, scope: &str, container: &str) -> Vec<String> {
        let key = (scope.to_owned(), container.to_owned());
        self.inner
            .get(&key)
            .into_iter()
            .flatten()
            .cloned()
            .collect()
    }
}
