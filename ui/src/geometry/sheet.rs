//! A drawing larger than its window: what is in view, and which node lies where the arrow keys point.

/// Least and greatest zoom.
const ZOOM: (f64, f64) = (0.08, 2.5);
/// Smaller than this, names cannot be read: the first view shows a part instead.
const READABLE: f64 = 0.72;
/// Room around everything when it is fitted, pixels.
const MARGIN: f64 = 12.0;

/// What is in view: the drawing's point at the left upper corner, and how many screen pixels one of its pixels is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct View {
    /// Left edge, in the drawing.
    pub x: f64,
    /// Upper edge, in the drawing.
    pub y: f64,
    /// Zoom.
    pub zoom: f64,
}

/// Width and height.
pub type Size = (f64, f64);

/// A box in the drawing: left, top, width, height.
pub type Place = (f64, f64, f64, f64);

impl View {
    /// Everything, centred.
    pub fn fit(drawing: Size, window: Size) -> Self {
        let across = (window.0 - 2.0 * MARGIN).max(1.0) / drawing.0.max(1.0);
        let down = (window.1 - 2.0 * MARGIN).max(1.0) / drawing.1.max(1.0);
        let zoom = across.min(down).clamp(ZOOM.0, 1.15);
        View {
            x: (drawing.0 - window.0 / zoom) / 2.0,
            y: ((drawing.1 - window.1 / zoom) / 2.0)
                .min(-MARGIN / zoom)
                .max(drawing.1 - window.1 / zoom),
            zoom,
        }
    }

    /// Everything if that can be read, else the surroundings of a node, readable.
    pub fn first(drawing: Size, window: Size, node: Option<Place>) -> Self {
        let all = View::fit(drawing, window);
        if all.zoom >= READABLE {
            return View {
                y: all.y.max(-MARGIN / all.zoom),
                ..all
            };
        }
        let zoom = READABLE;
        let visible = (window.0 / zoom, window.1 / zoom);
        let (x, y, width, height) = node.unwrap_or((drawing.0 / 2.0, 0.0, 0.0, 0.0));
        let begin = |middle: f64, visible: f64, all: f64| match all <= visible {
            true => (all - visible) / 2.0,
            false => (middle - visible / 2.0).clamp(-MARGIN / zoom, all - visible + MARGIN / zoom),
        };
        View {
            x: begin(x + width / 2.0, visible.0, drawing.0),
            y: begin(y + height / 2.0, visible.1, drawing.1).max(-MARGIN / zoom),
            zoom,
        }
    }

    /// Zoomed by a factor; the point of the window at `at` (pixels) stays where it is.
    pub fn zoomed(self, at: (f64, f64), factor: f64) -> Self {
        let zoom = (self.zoom * factor).clamp(ZOOM.0, ZOOM.1);
        View {
            x: self.x + at.0 / self.zoom - at.0 / zoom,
            y: self.y + at.1 / self.zoom - at.1 / zoom,
            zoom,
        }
    }

    /// Moved by screen pixels; something always stays in view.
    pub fn moved(self, by: (f64, f64), drawing: Size, window: Size) -> Self {
        let rest = 60.0 / self.zoom;
        let keep = |at: f64, visible: f64, all: f64| {
            at.clamp(rest - visible, (all - rest).max(rest - visible))
        };
        View {
            x: keep(self.x + by.0 / self.zoom, window.0 / self.zoom, drawing.0),
            y: keep(self.y + by.1 / self.zoom, window.1 / self.zoom, drawing.1),
            zoom: self.zoom,
        }
    }

    /// Moved as little as needed to have a node in view.
    pub fn showing(self, node: Place, window: Size) -> Self {
        let shift = |at: f64, from: f64, length: f64, visible: f64| {
            let room = (12.0 / self.zoom).min((visible - length).max(0.0) / 2.0);
            let low = from - room;
            let high = from + length + room - visible;
            if at > low {
                low
            } else if at < high {
                high
            } else {
                at
            }
        };
        View {
            x: shift(self.x, node.0, node.2, window.0 / self.zoom),
            y: shift(self.y, node.1, node.3, window.1 / self.zoom),
            zoom: self.zoom,
        }
    }

    /// The `viewBox` of the window.
    pub fn view_box(self, window: Size) -> String {
        let (width, height) = (window.0 / self.zoom, window.1 / self.zoom);
        format!("{:.1} {:.1} {width:.1} {height:.1}", self.x, self.y)
    }
}

/// The nearest of the nodes in the direction of an arrow key from node `from`.
pub fn towards(nodes: &[Place], from: usize, key: &str) -> Option<usize> {
    let middle = |at: usize| {
        let (x, y, width, height) = nodes[at];
        // A container is reached by its title, not by its middle.
        (x + width / 2.0, y + height.min(46.0) / 2.0)
    };
    let (x, y) = middle(from);
    let distance = |at: usize| {
        let (to_x, to_y) = middle(at);
        let (along, across) = match key {
            "ArrowDown" => (to_y - y, to_x - x),
            "ArrowUp" => (y - to_y, to_x - x),
            "ArrowRight" => (to_x - x, to_y - y),
            _ => (x - to_x, to_y - y),
        };
        (along > 4.0).then(|| along + 2.0 * across.abs())
    };
    (0..nodes.len())
        .filter(|at| *at != from)
        .filter_map(|at| Some((distance(at)?, at)))
        .min_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, at)| at)
}

/// A text cut to a width, by what measures it; at least one letter stays.
pub fn cut(text: &str, width: f64, measure: impl Fn(&str) -> f64) -> String {
    if measure(text) <= width {
        return text.to_owned();
    }
    let letters: Vec<char> = text.chars().collect();
    let shortened = |n: usize| letters[..n].iter().chain(['…'].iter()).collect::<String>();
    let (mut fits, mut beyond) = (1, letters.len());
    while fits + 1 < beyond {
        let middle = (fits + beyond) / 2;
        match measure(&shortened(middle)) <= width {
            true => fits = middle,
            false => beyond = middle,
        }
    }
    shortened(fits.min(letters.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_drawings_are_shown_whole_and_large_ones_readable() {
        // All of it, at the top rather than in the middle.
        let small = View::first((300.0, 400.0), (1_000.0, 600.0), None);
        let all = View::fit((300.0, 400.0), (1_000.0, 600.0));
        assert_eq!((small.x, small.zoom), (all.x, all.zoom));
        assert_eq!(small.y, -MARGIN / small.zoom);
        assert!(small.y > all.y);
        let large = View::first(
            (4_000.0, 9_000.0),
            (1_000.0, 600.0),
            Some((3_000.0, 5_000.0, 100.0, 40.0)),
        );
        assert_eq!(large.zoom, READABLE);
        let seen = |view: View, at: (f64, f64)| {
            let across = (view.x..view.x + 1_000.0 / view.zoom).contains(&at.0);
            across && (view.y..view.y + 600.0 / view.zoom).contains(&at.1)
        };
        assert!(seen(large, (3_050.0, 5_020.0)));
    }

    #[test]
    fn the_point_under_the_pointer_stays_when_zooming() {
        let view = View {
            x: 10.0,
            y: 20.0,
            zoom: 1.0,
        };
        let zoomed = view.zoomed((100.0, 50.0), 2.0);
        assert_eq!(
            zoomed,
            View {
                x: 60.0,
                y: 45.0,
                zoom: 2.0
            }
        );
        assert_eq!(view.zoomed((0.0, 0.0), 1e9).zoom, ZOOM.1);
    }

    #[test]
    fn a_drawing_is_never_lost() {
        let view = View {
            x: 0.0,
            y: 0.0,
            zoom: 1.0,
        };
        let far = view.moved((1e9, -1e9), (300.0, 300.0), (200.0, 200.0));
        assert_eq!((far.x, far.y), (240.0, -140.0));
    }

    #[test]
    fn a_node_is_brought_into_view_and_no_further() {
        let view = View {
            x: 0.0,
            y: 0.0,
            zoom: 1.0,
        };
        let check = |node: Place, expect: (f64, f64)| {
            let shown = view.showing(node, (200.0, 200.0));
            assert_eq!((shown.x, shown.y), expect);
        };
        check((50.0, 50.0, 40.0, 40.0), (0.0, 0.0));
        check((300.0, 50.0, 40.0, 40.0), (152.0, 0.0));
        check((-50.0, -90.0, 40.0, 40.0), (-62.0, -102.0));
    }

    #[test]
    fn arrows_go_to_the_nearest() {
        let nodes = [
            (0.0, 0.0, 100.0, 40.0),
            (0.0, 100.0, 100.0, 40.0),
            (150.0, 100.0, 100.0, 40.0),
            (0.0, 200.0, 100.0, 40.0),
        ];
        let check =
            |from, key, expect| assert_eq!(towards(&nodes, from, key), expect, "{from} {key}");
        check(0, "ArrowDown", Some(1));
        check(1, "ArrowRight", Some(2));
        check(3, "ArrowUp", Some(1));
        check(0, "ArrowUp", None);
    }

    #[test]
    fn long_texts_are_cut() {
        let each = |text: &str| text.chars().count() as f64 * 7.0;
        assert_eq!(cut("Charge", 100.0, each), "Charge");
        assert_eq!(cut("ChargeTheCustomer", 70.0, each), "ChargeThe…");
        assert_eq!(cut("ChargeTheCustomer", 7.0, each), "C…");
        assert_eq!(cut("Ä", -5.0, each), "Ä…");
        assert_eq!(cut("", -5.0, each), "…");
    }
}
