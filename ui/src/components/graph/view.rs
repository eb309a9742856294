//! A state and a way as SVG.

use super::{Chosen, Lens, amount, heat};
use crate::browser::text_width;
use crate::components::icons::paths;
use crate::components::status::{status_class, status_word};
use crate::format;
use crate::geometry::sheet::cut;
use leptos::prelude::*;
use model::api::graph::{Graph, GraphEdge, GraphNode};
use model::time::human_duration;

/// Width of a name, and of the line below it, as the style sheet writes them.
fn name_width(text: &str) -> f64 {
    text_width(text, 600, 13.0)
}
fn line_width(text: &str) -> f64 {
    text_width(text, 600, 11.5)
}

fn kind_icon(kind: &str) -> &'static str {
    match kind {
        "Map" => "iteration",
        "Parallel" | "Choice" => "branch",
        "Wait" => "clock",
        "Succeed" => "ok",
        "Fail" => "failed",
        "Task" => "attempt",
        _ => "state",
    }
}

fn outcome_class(status: &str) -> &'static str {
    match status {
        "" => "never",
        "CAUGHT" => "caught",
        other => status_class(other),
    }
}

fn outcome_icon(class: &'static str) -> &'static str {
    match class {
        "timed-out" => "clock",
        "never" => "",
        other => other,
    }
}

/// Pico-dollars as people read them; the exact figure is in the cost report.
pub fn money(picodollars: i64) -> String {
    let dollars = picodollars as f64 / 1e12;
    match dollars.abs() {
        0.0 => "$0".to_owned(),
        d if d < 0.000_001 => format!("${dollars:.9}"),
        d if d < 0.01 => format!("${dollars:.6}"),
        _ => format!("${dollars:.4}"),
    }
}

/// Everything that a state shows, in words.
fn words(node: &GraphNode) -> String {
    let mut out = vec![node.name.clone(), node.kind.clone()];
    if node.visits == 0 {
        out.push("not entered".to_owned());
        return out.join(", ");
    }
    let outcomes = node.outcomes.iter();
    out.extend(outcomes.map(|(word, n)| {
        format!(
            "{} {}",
            format::count((*n).into()),
            status_word(word).to_lowercase()
        )
    }));
    if node.retries > 0 {
        out.push(format::plural(node.retries.into(), "retry", "retries"));
    }
    if node.root_cause {
        out.push("root cause".to_owned());
    }
    out.push(human_duration(node.time_ns));
    out.join(", ")
}

/// The second line.
fn subject(node: &GraphNode, lens: Lens) -> String {
    match (lens, amount(node, lens)) {
        (Lens::Time, Some(time)) => human_duration(time),
        (Lens::Cost, Some(cost)) => money(cost),
        _ if !node.iterations.is_empty() => items(node),
        _ if node.subject.is_empty() => node.kind.clone(),
        _ => node.subject.clone(),
    }
}

/// How the items of a Map went: `7 items, 1 failed`.
fn items(node: &GraphNode) -> String {
    let all: u32 = node.iterations.iter().map(|group| group.count).sum();
    let mut out = format::plural(all.into(), "item", "items");
    let mut counts: Vec<(&str, u32)> = Vec::new();
    for group in &node.iterations {
        match counts
            .iter_mut()
            .find(|(status, _)| *status == group.status)
        {
            Some((_, n)) => *n += group.count,
            None => counts.push((&group.status, group.count)),
        }
    }
    for (status, n) in counts.iter().filter(|(status, _)| *status != "SUCCEEDED") {
        let word = status_word(status).to_lowercase();
        out.push_str(&format!(", {} {word}", format::count((*n).into())));
    }
    out
}

fn small_icon(name: &'static str, class: &'static str, x: f64, y: f64) -> impl IntoView {
    (!name.is_empty()).then(|| {
        view! {
            <svg
                class=format!("icon {class}")
                x=format!("{x:.1}")
                y=format!("{y:.1}")
                width="15"
                height="15"
                viewBox="0 0 16 16"
                fill="none"
                stroke="currentColor"
                stroke-width="1.6"
                stroke-linecap="round"
                stroke-linejoin="round"
                inner_html=paths(name)
            ></svg>
        }
    })
}

/// A node.
pub fn node_view(
    graph: &Graph,
    at: usize,
    node: &GraphNode,
    lens: Lens,
    chosen: Chosen,
) -> AnyView {
    let (x, y, width, height) = (node.x, node.y, node.width, node.height);
    if node.name.is_empty() {
        let (cx, cy) = (x + width / 2.0, y + height / 2.0);
        return view! {
            <circle
                class=format!("dot {}", node.kind)
                cx=format!("{cx:.1}")
                cy=format!("{cy:.1}")
                r=if node.kind == "end" { "5" } else { "6" }
                aria-hidden="true"
            ></circle>
        }
        .into_any();
    }
    let class = outcome_class(&node.status);
    let heat = heat(graph, node, lens);
    let classes = format!(
        "node {class}{}{}{}",
        if node.container { " container" } else { "" },
        if node.root_cause { " root" } else { "" },
        if lens == Lens::Status { "" } else { " by-heat" },
    );
    let mut badges = Vec::new();
    if node.visits > 1 {
        badges.push(format!("{} ×", format::count(node.visits.into())));
    }
    if node.retries > 0 {
        badges.push(format!("↻ {}", format::count(node.retries.into())));
    }
    let badge = badges.join("  ");
    let room = width - 60.0;
    let taken = if badge.is_empty() {
        0.0
    } else {
        line_width(&badge) + 10.0
    };
    let below = width - 32.0 - 9.0 - taken;
    let words = words(node);
    let active = move || chosen.node.get() == Some(at);
    let first = graph.nodes.iter().position(|node| !node.name.is_empty()) == Some(at);
    let tab_stop = move || active() || (first && chosen.node.get().is_none());
    view! {
        <g
            class=classes
            class:active=active
            id=format!("node-{at}")
            role="button"
            tabindex=move || if tab_stop() { "0" } else { "-1" }
            style=("--heat", heat.map(|heat| format!("{:.0}%", 8.0 + heat * 82.0)))
            on:click=move |_| {
                chosen.node.set(Some(at));
                chosen.open.set(true);
            }
        >
            <title>{words}</title>
            <rect x=x.to_string() y=y.to_string() width=width.to_string() height=height.to_string() rx="7"></rect>
            {small_icon(kind_icon(&node.kind), "kind", x + 10.0, y + 10.0)}
            <text class="name" x=(x + 32.0).to_string() y=(y + 20.0).to_string()>
                {cut(&node.name, room, name_width)}
            </text>
            <text class="subject" x=(x + 32.0).to_string() y=(y + 36.0).to_string()>
                {cut(&subject(node, lens), below, line_width)}
            </text>
            <text class="badge" x=(x + width - 9.0).to_string() y=(y + 36.0).to_string() text-anchor="end">
                {badge}
            </text>
            {small_icon(outcome_icon(class), "outcome", x + width - 23.0, y + 7.0)}
            {node.container.then(|| strip(node))}
        </g>
    }
    .into_any()
}

/// Iterations by outcome as a thin bar under the title of a Map.
fn strip(node: &GraphNode) -> impl IntoView + use<> {
    let all: u32 = node.iterations.iter().map(|group| group.count).sum();
    let width = node.width - 20.0;
    let mut at = node.x + 10.0;
    let y = node.y + 43.0;
    let parts: Vec<_> = node
        .iterations
        .iter()
        .map(|group| {
            let length = (width * f64::from(group.count) / f64::from(all.max(1))).max(2.0);
            let x = at;
            at += length;
            view! {
                <rect
                    class=format!("part {}", outcome_class(&group.status))
                    x=format!("{x:.1}")
                    y=format!("{y:.1}")
                    width=format!("{length:.1}")
                    height="4"
                ></rect>
            }
        })
        .collect();
    parts
}

/// A way and its label.
pub fn edge_view(edge: &GraphEdge) -> (AnyView, AnyView) {
    let (class, arrow) = match (edge.taken > 0, edge.kind.as_str()) {
        (true, "catch") => ("edge taken catch", "url(#arrow-catch)"),
        (true, _) => ("edge taken", "url(#arrow-taken)"),
        (false, "catch") => ("edge catch", "url(#arrow)"),
        (false, _) => ("edge", "url(#arrow)"),
    };
    let times = (edge.taken > 1).then(|| format!("{} ×", format::count(edge.taken.into())));
    let label: Vec<String> = [Some(edge.label.clone()), times]
        .into_iter()
        .flatten()
        .filter(|part| !part.is_empty())
        .collect();
    let anchor = if matches!(edge.kind.as_str(), "choice" | "default") {
        "middle"
    } else {
        "start"
    };
    let line = view! { <path class=class d=edge.path.clone() marker-end=arrow></path> }.into_any();
    let text = (!label.is_empty()).then(|| {
        view! {
            <text
                class=format!("label {class}")
                x=edge.label_at.0.to_string()
                y=edge.label_at.1.to_string()
                text-anchor=anchor
            >
                <title>{edge.title.clone()}</title>
                {label.join("  ")}
            </text>
        }
    });
    (line, text.into_any())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_amounts_of_money_keep_their_digits() {
        let check = |pico, expect: &str| assert_eq!(money(pico), expect);
        check(0, "$0");
        check(200_000, "$0.000000200");
        check(25_416_667, "$0.000025");
        check(1_500_000_000_000, "$1.5000");
    }

    #[test]
    fn items_of_a_map_are_counted_by_outcome() {
        let group = |status: &str, count| model::api::graph::IterationGroup {
            status: status.into(),
            count,
            ..Default::default()
        };
        let node = GraphNode {
            iterations: vec![
                group("FAILED", 1),
                group("FAILED", 2),
                group("SUCCEEDED", 3_000),
            ],
            ..GraphNode::default()
        };
        assert_eq!(items(&node), "3,003 items, 3 failed");
    }

    #[test]
    fn a_state_says_everything_to_a_screen_reader() {
        let node = GraphNode {
            name: "Charge".into(),
            kind: "Task".into(),
            visits: 3,
            retries: 1,
            outcomes: vec![("FAILED".into(), 1), ("SUCCEEDED".into(), 2)],
            time_ns: 2_000_000_000,
            ..GraphNode::default()
        };
        assert_eq!(
            words(&node),
            "Charge, Task, 1 failed, 2 succeeded, 1 retry, 2 s"
        );
        assert_eq!(
            words(&GraphNode { visits: 0, ..node }),
            "Charge, Task, not entered"
        );
    }
}
