//! The drawing of a state machine, from hand-written and recorded histories.

#![allow(clippy::unwrap_used)]

mod support;

use collectors::step_functions::{assemble, recognise};
use inquest_analysis::{graph::graph, workflow::build};
use model::api::graph::{Graph, GraphNode};
use model::{Document, DocumentKind, WorkflowTrace};
use serde_json::json;
use std::path::Path;
use support::{document, history};

/// A Map whose second item fails, is caught outside, and goes on to Notify.
const HISTORY: &str = r#"
    1<0 ExecutionStarted input="{}"
    2<0 MapStateEntered name=Fan
    3<2 MapStateStarted length=2
    4<3 MapIterationStarted name=Fan index=0
    5<4 TaskStateEntered name=Charge
    6<5 TaskScheduled resourceType=lambda resource=invoke
    7<6 TaskStarted resourceType=lambda resource=invoke
    8<7 TaskSucceeded resourceType=lambda resource=invoke
    9<8 TaskStateExited name=Charge
    10<9 MapIterationSucceeded name=Fan index=0
    11<3 MapIterationStarted name=Fan index=1
    12<11 TaskStateEntered name=Charge
    13<12 TaskScheduled resourceType=lambda resource=invoke
    14<13 TaskStarted resourceType=lambda resource=invoke
    15<14 TaskFailed error=Declined resourceType=lambda resource=invoke
    16<15 MapIterationFailed name=Fan index=1
    17<16 MapStateFailed name=Fan
    18<17 MapStateExited name=Fan
    19<18 PassStateEntered name=Notify
    20<19 PassStateExited name=Notify
    21<20 ExecutionSucceeded output="{}"
"#;

fn definition() -> Document {
    let body = json!({"StartAt": "Fan", "States": {
        "Fan": {"Type": "Map", "Next": "Ship", "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Notify"}],
            "ItemProcessor": {"StartAt": "Charge", "States": {
                "Charge": {"Type": "Task", "Resource": "arn:aws:lambda:eu-west-1:1:function:charge", "End": true}}}},
        "Ship": {"Type": "Pass", "Next": "Notify"},
        "Notify": {"Type": "Pass", "End": true}}});
    document(DocumentKind::StateMachine, body)
}

fn drawn(trace: &WorkflowTrace) -> Graph {
    graph(&trace.execution, &trace.states, &trace.attempts)
}

fn node<'a>(graph: &'a Graph, name: &str) -> &'a GraphNode {
    graph.nodes.iter().find(|node| node.name == name).unwrap()
}

/// Ways that were taken, in words.
fn taken(graph: &Graph) -> Vec<String> {
    let name = |at: u32| match &graph.nodes[at as usize] {
        node if node.name.is_empty() => node.kind.clone(),
        node => node.name.clone(),
    };
    let mut out: Vec<String> = graph
        .edges
        .iter()
        .filter(|edge| edge.taken > 0)
        .map(|edge| {
            format!(
                "{} -{}-> {} {}",
                name(edge.from),
                edge.kind,
                name(edge.to),
                edge.taken
            )
        })
        .collect();
    out.sort();
    out
}

const TAKEN: [&str; 5] = [
    "Charge -next-> end 1",
    "Fan -catch-> Notify 1",
    "Notify -next-> end 1",
    "start -next-> Charge 2",
    "start -next-> Fan 1",
];

#[test]
fn the_path_taken_and_what_happened_are_drawn_into_the_definition() {
    let graph = drawn(&build(&history(HISTORY), &[definition()]));
    assert!(!graph.observed);
    assert_eq!(taken(&graph), TAKEN);
    let (fan, charge) = (node(&graph, "Fan"), node(&graph, "Charge"));
    assert!(fan.container);
    assert_eq!((fan.status.as_str(), fan.visits), ("CAUGHT", 1));
    assert_eq!(charge.visits, 2);
    assert_eq!(
        charge.outcomes,
        [("FAILED".to_owned(), 1), ("SUCCEEDED".to_owned(), 1)]
    );
    assert_eq!(charge.errors, [("Declined".to_owned(), 1)]);
    assert_eq!(charge.some[0].path, "Fan[1]/Charge");
    let groups: Vec<_> = fan
        .iterations
        .iter()
        .map(|group| {
            (
                group.status.as_str(),
                group.error.as_deref(),
                group.indices.clone(),
            )
        })
        .collect();
    assert_eq!(
        groups,
        [
            ("FAILED", Some("Declined"), vec![1]),
            ("SUCCEEDED", None, vec![0])
        ]
    );
    assert_eq!(node(&graph, "Ship").visits, 0);
    let inside = graph
        .nodes
        .iter()
        .position(|held| held.name == "Fan")
        .unwrap() as u32;
    assert_eq!(charge.parent, Some(inside));
}

#[test]
fn states_that_were_entered_are_priced() {
    let mut graph = drawn(&build(&history(HISTORY), &[definition()]));
    let bill = [("Charge", 7), ("Ship", 5), ("", 3)].map(|(name, pico)| (name.to_owned(), pico, 0));
    inquest_analysis::graph::price(&mut graph, &bill);
    let check = |name: &str, expect| assert_eq!(node(&graph, name).picodollars, expect, "{name}");
    check("Charge", Some(7));
    check("Ship", None);
    check("Notify", None);
}

#[test]
fn without_a_definition_the_history_is_drawn() {
    let graph = drawn(&build(&history(HISTORY), &[]));
    assert!(graph.observed);
    assert_eq!(taken(&graph), TAKEN);
    assert!(graph.nodes.iter().all(|node| node.name != "Ship"));
    assert_eq!(graph.notes.len(), 1);
}

#[test]
fn names_that_look_like_paths_are_names() {
    let odd = HISTORY
        .replace("name=Fan", "name=\"a/b[0]{1}\"")
        .replace("name=Charge", "name=\"x]/y\"");
    let graph = drawn(&build(&history(&odd), &[]));
    assert_eq!(node(&graph, "x]/y").visits, 2);
    assert!(node(&graph, "a/b[0]{1}").container);
}

#[test]
fn huge_definitions_are_cut_not_refused() {
    let mut states = serde_json::Map::new();
    for at in 0..5_000 {
        states.insert(
            format!("S{at:04}"),
            json!({"Type": "Pass", "Next": format!("S{:04}", at + 1)}),
        );
    }
    let body = json!({"StartAt": "S0000", "States": states});
    let trace = build(
        &history(HISTORY),
        &[document(DocumentKind::StateMachine, body)],
    );
    let graph = drawn(&trace);
    assert!(graph.nodes.len() < 700, "{}", graph.nodes.len());
    assert_eq!(graph.notes.len(), 1, "{:?}", graph.notes);
}

fn recorded(folder: &Path, check: &mut impl FnMut(&Path, &WorkflowTrace)) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            recorded(&path, check);
            continue;
        }
        let Ok(text) = std::fs::read_to_string(&path) else {
            continue;
        };
        let values = serde_json::Deserializer::from_str(&text).into_iter::<serde_json::Value>();
        let pieces = values
            .map_while(Result::ok)
            .flat_map(|value| recognise(&value).unwrap_or_default())
            .map(|piece| (path.clone(), piece))
            .collect();
        let (batch, _) = assemble(pieces);
        if !batch.events.is_empty() {
            check(&path, &build(&batch.events, &batch.documents));
        }
    }
}

/// Whatever was recorded: every visit is drawn, all lies on the sheet and in its container, and what a state was
/// left by it was entered by.
#[test]
fn recorded_histories_are_drawn_whole() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures");
    let mut count = 0;
    recorded(&folder, &mut |path, trace| {
        let graph = drawn(trace);
        count += 1;
        let visits: u32 = graph.nodes.iter().map(|node| node.visits).sum();
        assert_eq!(visits as usize, trace.states.len(), "{}", path.display());
        for node in &graph.nodes {
            assert!(
                node.x >= 0.0 && node.x + node.width <= graph.width,
                "{}: {node:?}",
                path.display()
            );
            assert!(
                node.y >= 0.0 && node.y + node.height <= graph.height,
                "{}: {node:?}",
                path.display()
            );
            if let Some(parent) = node.parent {
                let around = &graph.nodes[parent as usize];
                assert!(around.container, "{}", path.display());
                assert!(node.x >= around.x && node.x + node.width <= around.x + around.width);
                assert!(node.y >= around.y && node.y + node.height <= around.y + around.height);
            }
        }
        for (at, node) in graph
            .nodes
            .iter()
            .enumerate()
            .filter(|(_, node)| !node.name.is_empty())
        {
            let into = graph.edges.iter().filter(|edge| edge.to as usize == at);
            let into: u32 = into.map(|edge| edge.taken).sum();
            assert!(
                into <= node.visits,
                "{}: {} {into}",
                path.display(),
                node.name
            );
        }
        let edges = graph.edges.iter().all(|edge| edge.path.starts_with('M'));
        assert!(edges, "{}", path.display());
    });
    assert!(count > 20, "{count}");
}
