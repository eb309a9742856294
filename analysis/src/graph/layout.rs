//! Where boxes and the lines between them go: layers from top to bottom (after Sugiyama, Tagawa and Toda,
//! "Methods for visual understanding of hierarchical system structures", 1981).
//!
//! Everything is bounded: lines that would need too many bends go straight.

use std::collections::HashMap;

/// Room between neighbours of a layer, pixels.
const GAP: f64 = 26.0;
/// Room between layers, pixels.
const LAYER_GAP: f64 = 44.0;
/// Room for a line that passes a layer, pixels.
const LANE: f64 = 14.0;
/// More bends than this are not laid out.
const MOST_BENDS: usize = 4_000;
/// Sweeps over the layers to untangle lines, and to straighten them.
const SWEEPS: usize = 10;

/// A line from one box to another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Link {
    /// Box it leaves.
    pub from: usize,
    /// Box it enters.
    pub to: usize,
    /// How much it wants to be straight.
    pub weight: f64,
    /// Lines of one bundle to the same box may share their way.
    pub bundle: bool,
    /// Width of what is written at its end, pixels.
    pub label: f64,
}

/// The result. `y` grows downwards, nothing lies left of or above 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Laid {
    /// Left upper corner of every box.
    pub corners: Vec<(f64, f64)>,
    /// Bends of every link, from box to box.
    pub routes: Vec<Vec<(f64, f64)>>,
    /// Width of everything.
    pub width: f64,
    /// Height of everything.
    pub height: f64,
}

/// A box, or the place where a line passes a layer.
struct Vertex {
    rank: usize,
    width: f64,
    above: Vec<(usize, f64)>,
    below: Vec<(usize, f64)>,
    x: f64,
}

/// Lays out boxes, given as (width, height); the first one is at the top.
pub fn lay_out(boxes: &[(f64, f64)], links: &[Link]) -> Laid {
    let backward = backward(boxes.len(), links);
    let ranks = ranks(boxes.len(), links, &backward);
    let mut vertices: Vec<Vertex> = boxes
        .iter()
        .zip(&ranks)
        .map(|((width, _), rank)| vertex(*rank, *width))
        .collect();
    let chains = connect(&mut vertices, links, &backward);
    let mut layers = layers(&vertices, boxes.len(), links);
    untangle(&mut vertices, &mut layers);
    straighten(&mut vertices, &layers);
    draw(boxes, links, &backward, &chains, &vertices, &layers)
}

fn vertex(rank: usize, width: f64) -> Vertex {
    Vertex {
        rank,
        width,
        above: Vec::new(),
        below: Vec::new(),
        x: 0.0,
    }
}

/// Which links lead back to a box that is on the way to their origin; found depth first.
fn backward(count: usize, links: &[Link]) -> Vec<bool> {
    let mut leaving = vec![Vec::new(); count];
    for (at, link) in links.iter().enumerate() {
        leaving[link.from].push(at);
    }
    let mut back = vec![false; links.len()];
    // 0 not seen, 1 on the way, 2 done.
    let mut state = vec![0u8; count];
    for root in 0..count {
        if state[root] != 0 {
            continue;
        }
        state[root] = 1;
        let mut stack = vec![(root, 0usize)];
        while let Some((node, next)) = stack.last_mut() {
            let Some(link) = leaving[*node].get(*next).copied() else {
                state[*node] = 2;
                stack.pop();
                continue;
            };
            *next += 1;
            let to = links[link].to;
            match state[to] {
                0 => {
                    state[to] = 1;
                    stack.push((to, 0));
                }
                1 => back[link] = true,
                _ => (),
            }
        }
    }
    back
}

/// The layer of every box: below everything that leads to it.
fn ranks(count: usize, links: &[Link], backward: &[bool]) -> Vec<usize> {
    let forward = || links.iter().zip(backward).filter(|(_, back)| !**back);
    let mut waiting = vec![0usize; count];
    let mut leaving = vec![Vec::new(); count];
    for (link, _) in forward() {
        waiting[link.to] += 1;
        leaving[link.from].push(link.to);
    }
    let mut ranks = vec![0; count];
    let mut ready: Vec<usize> = (0..count).filter(|node| waiting[*node] == 0).collect();
    while let Some(node) = ready.pop() {
        for to in &leaving[node] {
            ranks[*to] = ranks[*to].max(ranks[node] + 1);
            waiting[*to] -= 1;
            if waiting[*to] == 0 {
                ready.push(*to);
            }
        }
    }
    ranks
}

/// Gives every forward link that passes layers a vertex in each of them. Answers the way of each link.
fn connect(vertices: &mut Vec<Vertex>, links: &[Link], backward: &[bool]) -> Vec<Vec<usize>> {
    let mut shared: HashMap<(usize, usize), usize> = HashMap::new();
    let mut known: HashMap<(usize, usize), ()> = HashMap::new();
    let boxes = vertices.len();
    let mut chains = Vec::with_capacity(links.len());
    for (link, back) in links.iter().zip(backward) {
        let mut chain = vec![link.from];
        let (first, last) = (vertices[link.from].rank + 1, vertices[link.to].rank);
        let room = vertices.len() - boxes + last.saturating_sub(first) <= MOST_BENDS;
        if !back && room {
            for rank in first..last {
                let width = if rank == first {
                    link.label.max(LANE)
                } else {
                    LANE
                };
                let fresh = |vertices: &mut Vec<Vertex>| {
                    vertices.push(vertex(rank, width));
                    vertices.len() - 1
                };
                chain.push(match link.bundle {
                    true => *shared
                        .entry((link.to, rank))
                        .or_insert_with(|| fresh(vertices)),
                    false => fresh(vertices),
                });
            }
        }
        chain.push(link.to);
        if !back && (room || first >= last) {
            for pair in chain.windows(2) {
                let (a, b) = (pair[0], pair[1]);
                let straight = if a >= boxes && b >= boxes { 3.0 } else { 1.0 };
                if known.insert((a, b), ()).is_none() {
                    vertices[a].below.push((b, link.weight * straight));
                    vertices[b].above.push((a, link.weight * straight));
                }
            }
        }
        chains.push(chain);
    }
    chains
}

/// The vertices of every layer in the order in which they are reached from the first box.
fn layers(vertices: &[Vertex], boxes: usize, _links: &[Link]) -> Vec<Vec<usize>> {
    let depth = vertices.iter().map(|v| v.rank + 1).max().unwrap_or(0);
    let mut layers = vec![Vec::new(); depth];
    let mut seen = vec![false; vertices.len()];
    for root in 0..boxes {
        let mut stack = vec![root];
        while let Some(at) = stack.pop() {
            if std::mem::replace(&mut seen[at], true) {
                continue;
            }
            layers[vertices[at].rank].push(at);
            stack.extend(vertices[at].below.iter().rev().map(|(to, _)| *to));
        }
    }
    layers
}

/// Sorts layers by the middle of the neighbours, down and up again; the order with the fewest crossings stays.
fn untangle(vertices: &mut [Vertex], layers: &mut Vec<Vec<usize>>) {
    let mut place = vec![0usize; vertices.len()];
    let note = |layers: &[Vec<usize>], place: &mut [usize]| {
        for layer in layers {
            layer.iter().enumerate().for_each(|(at, v)| place[*v] = at);
        }
    };
    note(layers, &mut place);
    let mut best = (crossings(vertices, layers, &place), layers.clone());
    for sweep in 0..SWEEPS {
        if best.0 == 0 {
            break;
        }
        let down = sweep % 2 == 0;
        let count = layers.len();
        for step in 0..count {
            let layer = if down { step } else { count - 1 - step };
            let middle = |v: usize| {
                let near = if down {
                    &vertices[v].above
                } else {
                    &vertices[v].below
                };
                let sum: usize = near.iter().map(|(n, _)| place[*n]).sum();
                (!near.is_empty()).then(|| sum as f64 / near.len() as f64)
            };
            let mut keyed: Vec<(f64, usize)> = layers[layer]
                .iter()
                .map(|v| (middle(*v).unwrap_or(place[*v] as f64), *v))
                .collect();
            keyed.sort_by(|a, b| a.0.total_cmp(&b.0));
            layers[layer] = keyed.into_iter().map(|(_, v)| v).collect();
            layers[layer]
                .iter()
                .enumerate()
                .for_each(|(at, v)| place[*v] = at);
        }
        let now = crossings(vertices, layers, &place);
        if now < best.0 {
            best = (now, layers.clone());
        }
    }
    *layers = best.1;
}

/// How often lines between neighbouring layers cross.
fn crossings(vertices: &[Vertex], layers: &[Vec<usize>], place: &[usize]) -> usize {
    layers
        .iter()
        .map(|layer| {
            let mut ends: Vec<(usize, usize)> = layer
                .iter()
                .flat_map(|v| {
                    vertices[*v]
                        .below
                        .iter()
                        .map(|(to, _)| (place[*v], place[*to]))
                })
                .collect();
            ends.sort_unstable();
            inversions(&ends.into_iter().map(|(_, to)| to).collect::<Vec<_>>())
        })
        .sum()
}

/// Pairs in the wrong order, counted with a binary indexed tree.
fn inversions(values: &[usize]) -> usize {
    let size = values.iter().max().map_or(0, |max| max + 1);
    let mut tree = vec![0usize; size + 1];
    let mut count = 0;
    for (seen, value) in values.iter().enumerate() {
        let mut not_greater = 0;
        let mut at = value + 1;
        while at > 0 {
            not_greater += tree[at];
            at &= at - 1;
        }
        count += seen - not_greater;
        at = value + 1;
        while at <= size {
            tree[at] += 1;
            at += at & at.wrapping_neg();
        }
    }
    count
}

/// Moves vertices towards the middle of their neighbours, as far as the order of their layer allows.
fn straighten(vertices: &mut [Vertex], layers: &[Vec<usize>]) {
    for layer in layers {
        let mut x = 0.0;
        for v in layer {
            vertices[*v].x = x + vertices[*v].width / 2.0;
            x += vertices[*v].width + GAP;
        }
        layer.iter().for_each(|v| vertices[*v].x -= x / 2.0);
    }
    for sweep in 0..SWEEPS * 2 {
        let count = layers.len();
        let last = sweep + 2 >= SWEEPS * 2;
        for step in 0..count {
            let layer = &layers[if sweep % 2 == 0 {
                step
            } else {
                count - 1 - step
            }];
            let wanted: Vec<(f64, f64)> = layer
                .iter()
                .map(|v| wish(vertices, *v, sweep % 2 == 0 || last, sweep % 2 == 1 || last))
                .collect();
            let widths: Vec<f64> = layer.iter().map(|v| vertices[*v].width).collect();
            for (v, x) in layer.iter().zip(settle(&wanted, &widths)) {
                vertices[*v].x = x;
            }
        }
    }
}

/// Where a vertex wants to be and how much.
fn wish(vertices: &[Vertex], v: usize, above: bool, below: bool) -> (f64, f64) {
    let vertex = &vertices[v];
    let some = |on: bool, near: &'_ [(usize, f64)]| -> (f64, f64) {
        let near = near.iter().filter(|_| on);
        near.fold((0.0, 0.0), |(sum, weight), (n, w)| {
            (sum + vertices[*n].x * w, weight + w)
        })
    };
    let (a, b) = (some(above, &vertex.above), some(below, &vertex.below));
    let weight = a.1 + b.1;
    match weight > 0.0 {
        true => ((a.0 + b.0) / weight, weight),
        false => (vertex.x, 0.05),
    }
}

/// The places nearest to the wishes that keep order and distance: a weighted isotonic regression by pooling
/// adjacent violators (Best and Chakravarti, 1990).
fn settle(wanted: &[(f64, f64)], widths: &[f64]) -> Vec<f64> {
    let mut offsets = Vec::with_capacity(widths.len());
    let mut offset = 0.0;
    for at in 0..widths.len() {
        if at > 0 {
            offset += (widths[at - 1] + widths[at]) / 2.0 + GAP;
        }
        offsets.push(offset);
    }
    // (weighted sum, weight, members)
    let mut blocks: Vec<(f64, f64, usize)> = Vec::new();
    for ((x, weight), offset) in wanted.iter().zip(&offsets) {
        let mut block = ((x - offset) * weight, *weight, 1);
        while let Some(before) = blocks.last() {
            if before.0 / before.1 <= block.0 / block.1 {
                break;
            }
            block = (before.0 + block.0, before.1 + block.1, before.2 + block.2);
            blocks.pop();
        }
        blocks.push(block);
    }
    let places = blocks
        .iter()
        .flat_map(|(sum, weight, members)| std::iter::repeat_n(sum / weight, *members));
    places.zip(&offsets).map(|(x, offset)| x + offset).collect()
}

/// Corners and bends in pixels.
fn draw(
    boxes: &[(f64, f64)],
    links: &[Link],
    backward: &[bool],
    chains: &[Vec<usize>],
    vertices: &[Vertex],
    layers: &[Vec<usize>],
) -> Laid {
    let left = vertices.iter().map(|v| v.x - v.width / 2.0);
    let left = left.fold(f64::INFINITY, f64::min).min(f64::MAX);
    let mut tops = Vec::with_capacity(layers.len());
    let mut bottoms = Vec::with_capacity(layers.len());
    let mut y = 0.0;
    for layer in layers {
        let heights = layer.iter().filter_map(|v| boxes.get(*v)).map(|(_, h)| *h);
        let height = heights.fold(0.0, f64::max);
        tops.push(y);
        bottoms.push(y + height);
        y += height + LAYER_GAP;
    }
    let x = |v: usize| vertices[v].x - left;
    let corners: Vec<(f64, f64)> = (0..boxes.len())
        .map(|at| (x(at) - boxes[at].0 / 2.0, tops[vertices[at].rank]))
        .collect();
    let exits = exits(boxes, backward, chains, &x);
    let right = |ranks: std::ops::RangeInclusive<usize>| {
        let inside = vertices
            .iter()
            .enumerate()
            .filter(|(_, v)| ranks.contains(&v.rank));
        inside
            .map(|(at, v)| x(at) + v.width / 2.0)
            .fold(0.0, f64::max)
    };
    let mut rails = 0.0;
    let mut routes = Vec::with_capacity(links.len());
    for (at, link) in links.iter().enumerate() {
        let (from, to) = (&vertices[link.from], &vertices[link.to]);
        if backward[at] {
            rails += 1.0;
            let rail = right(to.rank.min(from.rank)..=from.rank.max(to.rank)) + 8.0 + 12.0 * rails;
            let side = |at: usize, part: f64| {
                let (width, height) = boxes[at];
                (corners[at].0 + width, corners[at].1 + height * part)
            };
            let (start, end) = (side(link.from, 0.7), side(link.to, 0.4));
            routes.push(vec![start, (rail, start.1), (rail, end.1), end]);
            continue;
        }
        let start = corners[link.from].1 + boxes[link.from].1;
        let exit = x(link.from) + exits[at];
        let mut route = vec![(exit, start)];
        if bottoms[from.rank] > start {
            route.push((exit, bottoms[from.rank]));
        }
        for v in &chains[at][1..chains[at].len() - 1] {
            let rank = vertices[*v].rank;
            route.extend([(x(*v), tops[rank]), (x(*v), bottoms[rank])]);
        }
        route.push((x(link.to), corners[link.to].1));
        routes.push(route);
    }
    let points = routes.iter().flatten().map(|(x, _)| x + 6.0);
    let edges = (0..boxes.len()).map(|at| corners[at].0 + boxes[at].0);
    Laid {
        width: points.chain(edges).fold(0.0, f64::max),
        height: (y - LAYER_GAP).max(0.0),
        corners,
        routes,
    }
}

/// How far from the middle of its box a link leaves it: those to the left at the left.
fn exits(
    boxes: &[(f64, f64)],
    backward: &[bool],
    chains: &[Vec<usize>],
    x: &impl Fn(usize) -> f64,
) -> Vec<f64> {
    let mut leaving = vec![Vec::new(); boxes.len()];
    for (at, chain) in chains.iter().enumerate().filter(|(at, _)| !backward[*at]) {
        leaving[chain[0]].push((x(chain[1]), at));
    }
    let mut out = vec![0.0; chains.len()];
    for (node, mut ends) in leaving.into_iter().enumerate() {
        ends.sort_by(|a, b| a.0.total_cmp(&b.0));
        let step = (boxes[node].0 * 0.7 / ends.len().max(1) as f64).min(28.0);
        let middle = (ends.len().max(1) - 1) as f64 / 2.0;
        for (place, (end, at)) in ends.into_iter().enumerate() {
            let offset = (place as f64 - middle) * step;
            // What is almost straight is straight.
            let straight = end - x(node);
            out[at] = if (straight - offset).abs() < 12.0 && straight.abs() < boxes[node].0 / 2.0 {
                straight
            } else {
                offset
            };
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn link(from: usize, to: usize) -> Link {
        Link {
            from,
            to,
            weight: 1.0,
            bundle: false,
            label: 0.0,
        }
    }

    fn overlap(a: (f64, f64), b: (f64, f64), boxes: ((f64, f64), (f64, f64))) -> bool {
        a.0 < b.0 + boxes.1.0
            && b.0 < a.0 + boxes.0.0
            && a.1 < b.1 + boxes.1.1
            && b.1 < a.1 + boxes.0.1
    }

    #[test]
    fn a_chain_is_a_straight_line() {
        let laid = lay_out(&[(100.0, 40.0); 4], &[link(0, 1), link(1, 2), link(2, 3)]);
        assert_eq!(laid.width, 100.0);
        assert_eq!(laid.height, 4.0 * 40.0 + 3.0 * LAYER_GAP);
        assert!(laid.corners.iter().all(|corner| corner.0.abs() < 1e-6));
        assert_eq!(laid.routes[0], [(50.0, 40.0), (50.0, 84.0)]);
    }

    #[test]
    fn branches_lie_beside_each_other_without_crossing() {
        let links = [link(0, 1), link(0, 2), link(1, 3), link(2, 3)];
        let laid = lay_out(&[(100.0, 40.0); 4], &links);
        assert_eq!(laid.corners[1].1, laid.corners[2].1);
        assert!(laid.corners[1].0 + 100.0 + GAP <= laid.corners[2].0 + 1e-6);
        assert!((laid.corners[0].0 - laid.corners[3].0).abs() < 1.0);
    }

    #[test]
    fn a_loop_goes_back_at_the_side() {
        let laid = lay_out(
            &[(100.0, 40.0); 3],
            &[link(0, 1), link(1, 2), link(2, 1), link(1, 1)],
        );
        assert_eq!(laid.routes[2].len(), 4);
        assert!(laid.routes[2][1].0 > 100.0);
        assert!(laid.width > 100.0);
    }

    #[test]
    fn a_line_passes_beside_the_boxes_between() {
        let links = [link(0, 1), link(1, 2), link(0, 2)];
        let laid = lay_out(&[(100.0, 40.0); 3], &links);
        let (left, right) = (laid.corners[1].0, laid.corners[1].0 + 100.0);
        let passing = laid.routes[2][1].0;
        assert!(
            passing <= left || passing >= right,
            "{passing} in {left}..{right}"
        );
    }

    #[test]
    fn inversions_are_counted() {
        let check = |values: &[usize], expect| assert_eq!(inversions(values), expect);
        check(&[], 0);
        check(&[0, 1, 2], 0);
        check(&[2, 1, 0], 3);
        check(&[1, 1, 0], 2);
    }

    #[test]
    fn thousands_of_boxes_take_no_time_to_speak_of() {
        let chain: Vec<Link> = (0..2_999).map(|at| link(at, at + 1)).collect();
        let to_end = (0..2_900).map(|at| Link {
            bundle: true,
            ..link(at, 2_999)
        });
        let fan = (0..2_900).map(|at| link(at, 2_998));
        let links: Vec<Link> = chain.into_iter().chain(to_end).chain(fan).collect();
        let laid = lay_out(&vec![(100.0, 40.0); 3_000], &links);
        assert!(laid.width.is_finite());
        assert_eq!(laid.routes.len(), links.len());
    }

    proptest! {
        #[test]
        fn boxes_never_overlap(
            sizes in prop::collection::vec((10.0..300.0f64, 10.0..200.0f64), 1..14),
            ends in prop::collection::vec((0..14usize, 0..14usize, any::<bool>()), 0..30),
        ) {
            let count = sizes.len();
            let links: Vec<Link> = ends
                .into_iter()
                .map(|(from, to, bundle)| Link { bundle, ..link(from % count, to % count) })
                .collect();
            let laid = lay_out(&sizes, &links);
            prop_assert_eq!(laid.routes.len(), links.len());
            for a in 0..count {
                prop_assert!(laid.corners[a].0 >= -1e-6 && laid.corners[a].1 >= 0.0);
                prop_assert!(laid.corners[a].0 + sizes[a].0 <= laid.width + 1e-6);
                for b in 0..a {
                    let hit = overlap(laid.corners[a], laid.corners[b], (sizes[a], sizes[b]));
                    prop_assert!(!hit, "{} and {}", a, b);
                }
            }
        }
    }
}
