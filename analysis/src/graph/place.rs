//! Boxes and lines of all scopes on one sheet.

use super::layout::{self, Laid, Link};
use super::{Kind, Scope, Spec, Target};
use model::api::graph::{Graph, GraphEdge, GraphNode};
use std::fmt::Write;

/// Height of a state, pixels.
const HEIGHT: f64 = 46.0;
/// Diameter of a begin or end.
const DOT: f64 = 14.0;
/// Room around what is in a container, and for its name.
const PADDING: f64 = 16.0;
const TITLE: f64 = 60.0;
/// Width of a letter of a name, and of the line below it, in the widest of the fonts that pages are drawn in.
const LETTER: f64 = 8.8;
const BELOW: f64 = 7.1;
/// Width of a letter of a label.
const SMALL: f64 = 6.2;

/// From and to which box of a scope, and by which way of which state, but for the way in.
type Between = (usize, usize, Option<(usize, usize)>);

/// A scope with its measures: what is in it lies relative to its corner.
struct Sheet {
    laid: Laid,
    sizes: Vec<(f64, f64)>,
    inner: Vec<Vec<Sheet>>,
    links: Vec<Between>,
}

/// Lays out a workflow.
pub fn place(scope: &Scope) -> Graph {
    let sheet = measure(scope);
    let mut graph = Graph {
        width: sheet.laid.width + 2.0 * PADDING,
        height: sheet.laid.height + 2.0 * PADDING,
        ..Graph::default()
    };
    put(scope, &sheet, (PADDING, PADDING), None, &mut graph);
    graph
}

/// Boxes of a scope: begin, states, end.
fn measure(scope: &Scope) -> Sheet {
    let inner: Vec<Vec<Sheet>> = scope
        .states
        .iter()
        .map(|spec| spec.scopes.iter().map(measure).collect())
        .collect();
    let mut sizes = vec![(DOT, DOT)];
    sizes.extend(
        scope
            .states
            .iter()
            .zip(&inner)
            .map(|(spec, inner)| size(spec, inner)),
    );
    sizes.push((DOT, DOT));
    let end = sizes.len() - 1;
    let mut links = Vec::new();
    let mut ways = Vec::new();
    if let Some(start) = scope.start {
        ways.push((0, start + 1, None));
        links.push(link(0, start + 1, Kind::Next, ""));
    }
    for (at, spec) in scope.states.iter().enumerate() {
        for (number, way) in spec.ways.iter().enumerate() {
            let to = match way.to {
                Target::State(to) => to + 1,
                Target::End => end,
            };
            ways.push((at + 1, to, Some((at, number))));
            links.push(link(at + 1, to, way.kind, &way.label));
        }
    }
    Sheet {
        laid: layout::lay_out(&sizes, &links),
        sizes,
        inner,
        links: ways,
    }
}

fn link(from: usize, to: usize, kind: Kind, label: &str) -> Link {
    let (weight, bundle) = match kind {
        Kind::Next => (8.0, false),
        Kind::Choice | Kind::Default => (3.0, false),
        Kind::Catch => (1.0, true),
    };
    let label = match kind {
        Kind::Choice | Kind::Default => label.chars().count() as f64 * SMALL + 8.0,
        _ => 0.0,
    };
    Link {
        from,
        to,
        weight,
        bundle,
        label,
    }
}

fn size(spec: &Spec, inner: &[Sheet]) -> (f64, f64) {
    let letters = |text: &str, each: f64| text.chars().count() as f64 * each;
    let words = (letters(&spec.name, LETTER) + 62.0).max(letters(&spec.subject, BELOW) + 44.0);
    let width = words.clamp(124.0, 290.0);
    if inner.is_empty() {
        return (width, HEIGHT);
    }
    let across: f64 = inner.iter().map(|sheet| sheet.laid.width + PADDING).sum();
    let down = inner
        .iter()
        .map(|sheet| sheet.laid.height)
        .fold(0.0, f64::max);
    (width.max(across + PADDING), TITLE + down + PADDING)
}

/// Puts a scope at its place; containers before what is in them.
fn put(scope: &Scope, sheet: &Sheet, corner: (f64, f64), parent: Option<u32>, graph: &mut Graph) {
    let mut places = Vec::with_capacity(sheet.sizes.len());
    let end_used = sheet
        .links
        .iter()
        .any(|(_, to, _)| *to == sheet.sizes.len() - 1);
    for (at, (size, place)) in sheet.sizes.iter().zip(&sheet.laid.corners).enumerate() {
        let (x, y) = (corner.0 + place.0, corner.1 + place.1);
        let mut node = GraphNode {
            x: round(x),
            y: round(y),
            width: round(size.0),
            height: round(size.1),
            parent,
            ..GraphNode::default()
        };
        let spec = at.checked_sub(1).and_then(|at| scope.states.get(at));
        places.push(graph.nodes.len() as u32);
        match spec {
            Some(spec) => {
                node.name.clone_from(&spec.name);
                node.kind.clone_from(&spec.kind);
                node.subject.clone_from(&spec.subject);
                node.retry.clone_from(&spec.retry);
                node.container = !spec.scopes.is_empty();
            }
            None if at == 0 && scope.start.is_some() => node.kind = "start".to_owned(),
            None if at > 0 && end_used => node.kind = "end".to_owned(),
            // Neither begin nor end: nothing to draw.
            None => continue,
        }
        let own = graph.nodes.len() as u32;
        graph.nodes.push(node);
        let Some(spec) = spec else { continue };
        let inner = &sheet.inner[at - 1];
        let across: f64 = inner.iter().map(|sheet| sheet.laid.width + PADDING).sum();
        let mut left = x + (size.0 - across + PADDING) / 2.0;
        for (scope, sheet) in spec.scopes.iter().zip(inner) {
            put(scope, sheet, (left, y + TITLE), Some(own), graph);
            left += sheet.laid.width + PADDING;
        }
    }
    for ((from, to, way), route) in sheet.links.iter().zip(&sheet.laid.routes) {
        let points: Vec<(f64, f64)> = route
            .iter()
            .map(|(x, y)| (x + corner.0, y + corner.1))
            .collect();
        let way = way.map(|(state, number)| &scope.states[state].ways[number]);
        let kind = way.map_or(Kind::Next, |way| way.kind);
        graph.edges.push(GraphEdge {
            from: places[*from],
            to: places[*to],
            kind: kind.as_str().to_owned(),
            label: way.map(|way| way.label.clone()).unwrap_or_default(),
            title: way.map(|way| way.title.clone()).unwrap_or_default(),
            taken: 0,
            path: path(&points),
            label_at: label_at(&points, kind),
        });
    }
}

/// A choice says its condition where its line arrives beside the others, a catch where it leaves.
fn label_at(points: &[(f64, f64)], kind: Kind) -> (f64, f64) {
    let first = points.first().copied().unwrap_or_default();
    let bend = points
        .iter()
        .skip(1)
        .find(|point| point.1 > first.1 + 1.0)
        .copied()
        .unwrap_or(first);
    match kind {
        Kind::Choice | Kind::Default => (round(bend.0), round(bend.1 - 7.0)),
        _ => (round(first.0 + 5.0), round(first.1 + 13.0)),
    }
}

/// SVG path data: straight along a box, curved from layer to layer, round corners at a rail.
fn path(points: &[(f64, f64)]) -> String {
    let mut out = String::new();
    let Some((first, rest)) = points.split_first() else {
        return out;
    };
    let _ = write!(out, "M{} {}", round(first.0), round(first.1));
    if let [a, b, end] = rest
        && a.0 == b.0
        && a.1 > b.1
        && a.1 == first.1
    {
        let r = 8.0_f64.min((a.1 - b.1) / 2.0);
        let _ = write!(
            out,
            "H{}Q{} {} {} {}V{}Q{} {} {} {}H{}",
            round(a.0 - r),
            round(a.0),
            round(a.1),
            round(a.0),
            round(a.1 - r),
            round(b.1 + r),
            round(b.0),
            round(b.1),
            round(b.0 - r),
            round(b.1),
            round(end.0),
        );
        return out;
    }
    let mut from = *first;
    for to in rest {
        let _ = if (to.0 - from.0).abs() < 0.5 {
            write!(out, "L{} {}", round(to.0), round(to.1))
        } else {
            let middle = (from.1 + to.1) / 2.0;
            write!(
                out,
                "C{} {} {} {} {} {}",
                round(from.0),
                round(middle),
                round(to.0),
                round(middle),
                round(to.0),
                round(to.1)
            )
        };
        from = *to;
    }
    out
}

fn round(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}
