//! Items of a distributed Map: each is an execution of its own, and is drawn where an item of an inline Map is.

use model::{Execution, SpanId, State, TraceId};
use std::collections::HashMap;

/// Puts the states of items behind those of the execution that started them, as if they were its own iterations.
/// `items` are executions whose `map_run_arn` is that of a state here, in the order in which they shall be counted.
pub fn with_items(states: &mut Vec<State>, items: &[Execution], theirs: Vec<State>) {
    let maps: HashMap<&str, &State> = states
        .iter()
        .filter_map(|state| Some((state.map_run_arn.as_deref()?, state)))
        .collect();
    let mut next: HashMap<&str, u32> = HashMap::new();
    // Trace of an item → path of its Map, index, root span.
    let mut places: HashMap<TraceId, (String, u32, SpanId)> = HashMap::new();
    for item in items {
        let Some(run) = item.map_run_arn.as_deref() else {
            continue;
        };
        let Some(map) = maps.get(run) else { continue };
        let index = next.entry(run).or_default();
        places.insert(item.trace_id, (map.path.clone(), *index, item.span_id));
        *index += 1;
    }
    let mut moved = Vec::with_capacity(theirs.len());
    for mut state in theirs {
        let Some((path, index, root)) = places.get(&state.trace_id) else {
            continue;
        };
        state.path = format!("{path}[{index}]/{}", state.path);
        if state.parent_span_id == *root {
            state.iteration_index = Some(*index);
        }
        moved.push(state);
    }
    states.extend(moved);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_stand_where_those_of_an_inline_map_do() {
        let trace = |n: u8| TraceId([n; 16]);
        let span = |n: u8| SpanId([n; 8]);
        let mut states = vec![State {
            path: "Fan".into(),
            state: "Fan".into(),
            map_run_arn: Some("run".into()),
            ..State::default()
        }];
        let item = |n: u8, run: &str| Execution {
            trace_id: trace(n),
            span_id: span(n),
            map_run_arn: Some(run.into()),
            ..Execution::default()
        };
        let state = |n: u8, path: &str, parent: u8| State {
            trace_id: trace(n),
            path: path.into(),
            parent_span_id: span(parent),
            ..State::default()
        };
        let theirs = vec![
            state(2, "Work", 2),
            state(1, "Work", 1),
            state(1, "Inner[0]/X", 9),
            state(3, "Work", 3),
        ];
        with_items(
            &mut states,
            &[item(1, "run"), item(2, "run"), item(3, "of another")],
            theirs,
        );
        let found: Vec<(&str, Option<u32>)> = states
            .iter()
            .map(|it| (it.path.as_str(), it.iteration_index))
            .collect();
        assert_eq!(
            found,
            [
                ("Fan", None),
                ("Fan[1]/Work", Some(1)),
                ("Fan[0]/Work", Some(0)),
                ("Fan[0]/Inner[0]/X", None)
            ]
        );
    }
}
