//! The service map as a drawing: callers to the left of what they call.

use super::layout::{Link, lay_out};
use model::api::map::ServiceMap;
use std::{collections::HashMap, fmt::Write};

/// Width of a letter of a name, on average, pixels.
const LETTER: f64 = 7.4;
/// Widths of a box: what is beside its name, and the bounds.
const BESIDE: f64 = 48.0;
const NARROWEST: f64 = 204.0;
const WIDEST: f64 = 280.0;
/// Height of a box.
const HEIGHT: f64 = 46.0;
/// Room for lines between columns, besides that of the layout.
const ROOM: f64 = 56.0;
/// Room around everything.
const PADDING: f64 = 12.0;

/// Gives every node its box and every edge its line. Layers lie from left to right.
pub fn place(map: &mut ServiceMap) {
    let indices: HashMap<String, usize> = map
        .nodes
        .iter()
        .enumerate()
        .map(|(at, node)| (node.id.clone(), at))
        .collect();
    for node in &mut map.nodes {
        let letters = node.name.chars().count() as f64;
        node.width = (letters * LETTER + BESIDE).clamp(NARROWEST, WIDEST).round();
        node.height = HEIGHT;
    }
    // The layout goes from top to bottom: width and height change places.
    let boxes: Vec<(f64, f64)> = map
        .nodes
        .iter()
        .map(|node| (node.height, node.width + ROOM))
        .collect();
    let (drawn, links): (Vec<usize>, Vec<Link>) = map
        .edges
        .iter()
        .enumerate()
        .filter_map(|(at, edge)| {
            let link = Link {
                from: *indices.get(&edge.from)?,
                to: *indices.get(&edge.to)?,
                weight: 1.0 + (1.0 + edge.calls as f64).log10(),
                bundle: false,
                label: 0.0,
            };
            Some((at, link))
        })
        .unzip();
    let laid = lay_out(&boxes, &links);
    for (node, (y, x)) in map.nodes.iter_mut().zip(&laid.corners) {
        (node.x, node.y) = (x + PADDING, y + PADDING);
    }
    for ((at, link), route) in drawn.into_iter().zip(&links).zip(&laid.routes) {
        let (from, to) = (&map.nodes[link.from], &map.nodes[link.to]);
        let points: Vec<(f64, f64)> = route
            .iter()
            .map(|(y, x)| (x + PADDING, y + PADDING))
            .collect();
        let within = |x: f64, left: f64, width: f64| x.clamp(left + 10.0, left + width - 10.0);
        map.edges[at].path = match points.as_slice() {
            [start, a, b, end] if a.1 == b.1 && a.1 > start.1 && a.0 == start.0 => rail(
                within(start.0, from.x, from.width),
                (start.1, a.1, end.1),
                within(end.0, to.x, to.width),
            ),
            _ => curve((from.x + from.width, points[0].1), &points),
        };
    }
    // Nothing leaves the last column, so its room is not needed; what goes back may lie below all boxes.
    map.width = (laid.height - ROOM).max(0.0) + 2.0 * PADDING;
    map.height = laid.width + 2.0 * PADDING;
}

/// From the right edge of a box through the gaps between others to the left edge of the next.
fn curve(start: (f64, f64), points: &[(f64, f64)]) -> String {
    let mut out = format!("M{:.1} {:.1}", start.0, start.1);
    let mut last = start;
    for (x, y) in points.iter().skip(1) {
        let half = (x - last.0) / 2.0;
        let _ = match (y - last.1).abs() < 0.5 {
            true => write!(out, "H{x:.1}"),
            false => write!(
                out,
                "C{:.1} {:.1} {:.1} {y:.1} {x:.1} {y:.1}",
                last.0 + half,
                last.1,
                x - half
            ),
        };
        last = (*x, *y);
    }
    out
}

/// Back to an earlier box, below everything between.
fn rail(from: f64, (leaves, rail, arrives): (f64, f64, f64), to: f64) -> String {
    format!("M{from:.1} {leaves:.1}V{rail:.1}H{to:.1}V{arrives:.1}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::api::map::{MapEdge, MapNode};

    fn map(names: &[&str], edges: &[(usize, usize)]) -> ServiceMap {
        let mut map = ServiceMap {
            nodes: names
                .iter()
                .map(|name| MapNode {
                    id: format!("service:{name}"),
                    name: (*name).to_owned(),
                    ..MapNode::default()
                })
                .collect(),
            edges: edges
                .iter()
                .map(|(from, to)| MapEdge {
                    from: format!("service:{}", names[*from]),
                    to: format!("service:{}", names[*to]),
                    calls: 5,
                    ..MapEdge::default()
                })
                .collect(),
            ..ServiceMap::default()
        };
        place(&mut map);
        map
    }

    #[test]
    fn callers_lie_to_the_left() {
        let map = map(
            &["web", "cart", "redis", "stock"],
            &[(0, 1), (1, 2), (0, 3)],
        );
        let [web, cart, redis, stock] = map.nodes.as_slice() else {
            panic!("{:?}", map.nodes)
        };
        assert!(web.x + web.width < cart.x && cart.x + cart.width < redis.x);
        assert_eq!(cart.x, stock.x);
        assert!((cart.y - stock.y).abs() >= HEIGHT);
        let right = |node: &MapNode| node.x + node.width <= map.width + 1e-6;
        let below = |node: &MapNode| node.y + node.height <= map.height + 1e-6;
        assert!(map.nodes.iter().all(|node| right(node) && below(node)));
        assert!(map.edges.iter().all(|edge| edge.path.starts_with('M')));
    }

    #[test]
    fn cycles_and_strangers_are_drawn_too() {
        let mut map = map(&["a", "b"], &[(0, 1), (1, 0), (0, 0)]);
        assert!(map.edges.iter().all(|edge| !edge.path.is_empty()));
        map.edges.push(MapEdge {
            from: "service:gone".to_owned(),
            ..MapEdge::default()
        });
        place(&mut map);
        assert!(map.edges[3].path.is_empty());
        place(&mut ServiceMap::default());
    }
}
