//! The visible span of time in a waterfall: zoom, pan, ruler.

use model::time::human_duration;

/// The part of the trace in view, microseconds from its origin.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Window {
    /// Left edge.
    pub from: f64,
    /// Right edge.
    pub to: f64,
}

/// Nobody needs less than this: the columns have microseconds.
const SHORTEST: f64 = 1.0;

impl Window {
    /// Everything.
    pub fn all(total: f64) -> Self {
        Window {
            from: 0.0,
            to: total.max(SHORTEST),
        }
    }

    /// From two bounds in any order, kept inside the trace.
    pub fn between(a: f64, b: f64, total: f64) -> Self {
        let (from, to) = if a <= b { (a, b) } else { (b, a) };
        Window { from, to }.clamped(total)
    }

    /// Length in microseconds.
    pub fn length(self) -> f64 {
        self.to - self.from
    }

    /// Where a time is, 0 at the left edge and 1 at the right.
    pub fn ratio(self, at: f64) -> f64 {
        (at - self.from) / self.length()
    }

    /// The time at a ratio.
    pub fn at(self, ratio: f64) -> f64 {
        self.from + ratio * self.length()
    }

    /// Longer by `factor` (shorter if below 1); what is at `ratio` stays there.
    pub fn zoomed(self, ratio: f64, factor: f64, total: f64) -> Self {
        let fixed = self.at(ratio);
        let length = (self.length() * factor).clamp(SHORTEST, total.max(SHORTEST));
        let from = fixed - ratio * length;
        Window {
            from,
            to: from + length,
        }
        .clamped(total)
    }

    /// Moved right by a part of its length.
    pub fn panned(self, part: f64, total: f64) -> Self {
        let by = part * self.length();
        Window {
            from: self.from + by,
            to: self.to + by,
        }
        .clamped(total)
    }

    /// Around a row, with some room at both sides.
    pub fn around(start: f64, duration: f64, total: f64) -> Self {
        let room = (duration * 0.1).max(SHORTEST);
        Window {
            from: start - room,
            to: start + duration + room,
        }
        .clamped(total)
    }

    /// True when it shows everything.
    pub fn is_all(self, total: f64) -> bool {
        self.from <= 0.0 && self.to >= total
    }

    fn clamped(self, total: f64) -> Self {
        let total = total.max(SHORTEST);
        if !self.from.is_finite() || !self.to.is_finite() {
            return Window::all(total);
        }
        let length = self.length().clamp(SHORTEST, total);
        let from = self.from.clamp(0.0, total - length);
        Window {
            from,
            to: from + length,
        }
    }
}

/// Left edge and width of a bar in percent of the track, cut to the view; `None` when outside.
/// A bar is never narrower than `least` percent, so that the shortest failure is seen.
pub fn bar(window: Window, start: f64, duration: f64, least: f64) -> Option<(f64, f64)> {
    let left = window.ratio(start) * 100.0;
    let right = window.ratio(start + duration) * 100.0;
    if right < 0.0 || left > 100.0 || !left.is_finite() || !right.is_finite() {
        return None;
    }
    let left = left.max(-1.0);
    let right = right.min(101.0);
    let left = left.min(100.0 - least);
    Some((left, (right - left).max(least)))
}

/// Where the text of a bar goes, percent of the track.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Place {
    /// Begins here: right of the bar.
    After(f64),
    /// Ends here, percent from the right edge: left of the bar.
    Before(f64),
    /// Within the bar, beginning here.
    Inside(f64),
}

/// The place with enough room: beside the bar if there is any, else inside.
pub fn label_place((left, width): (f64, f64)) -> Place {
    let right = left + width;
    if right < 82.0 {
        Place::After(right)
    } else if left > 18.0 {
        Place::Before(100.0 - left)
    } else {
        Place::Inside(left.max(0.0))
    }
}

/// A line of the ruler.
#[derive(Debug, Clone, PartialEq)]
pub struct Tick {
    /// 0 to 1 in the view.
    pub ratio: f64,
    /// Time from the origin, as text.
    pub label: String,
}

/// Lines at round times, at most about `most` of them.
pub fn ticks(window: Window, most: usize) -> Vec<Tick> {
    let step = round_step(window.length() / most.max(1) as f64);
    let first = (window.from / step).ceil() as i64;
    let last = (window.to / step).floor() as i64;
    (first..=last)
        .take(most + 2)
        .map(|n| Tick {
            ratio: window.ratio(n as f64 * step),
            label: human_offset(n as f64 * step),
        })
        .collect()
}

/// Microseconds as text; `0` for the origin.
pub fn human_offset(micros: f64) -> String {
    match micros {
        m if m.abs() < 0.5 => "0".to_owned(),
        m => human_duration((m * 1_000.0).round() as i64),
    }
}

/// The smallest round step of at least `least` microseconds.
fn round_step(least: f64) -> f64 {
    const SECOND: f64 = 1e6;
    const LONG: [f64; 16] = [
        1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1_800.0, 3_600.0,
        7_200.0, 21_600.0, 86_400.0,
    ];
    if least > SECOND {
        let day = 86_400.0 * SECOND;
        return LONG
            .iter()
            .map(|seconds| seconds * SECOND)
            .find(|step| *step >= least)
            .unwrap_or((least / day).ceil() * day);
    }
    let power = 10f64.powf(least.max(SHORTEST).log10().floor());
    [1.0, 2.0, 5.0, 10.0]
        .iter()
        .map(|n| n * power)
        .find(|step| *step >= least)
        .unwrap_or(10.0 * power)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zoom_keeps_the_point_under_the_cursor() {
        let all = Window::all(1_000.0);
        let near = all.zoomed(0.25, 0.5, 1_000.0);
        assert_eq!(near.at(0.25), all.at(0.25));
        assert_eq!(near.length(), 500.0);
        assert_eq!(near.zoomed(0.25, 100.0, 1_000.0), all);
        assert_eq!(all.zoomed(1.0, 0.0, 1_000.0).length(), SHORTEST);
    }

    #[test]
    fn panning_stops_at_the_edges() {
        let window = Window::between(400.0, 200.0, 1_000.0);
        assert_eq!((window.from, window.to), (200.0, 400.0));
        assert_eq!(window.panned(-9.0, 1_000.0).from, 0.0);
        assert_eq!(window.panned(9.0, 1_000.0).to, 1_000.0);
        assert_eq!(Window::between(f64::NAN, 3.0, 9.0).from, 0.0);
    }

    #[test]
    fn bars_outside_are_left_out_and_short_ones_stay_visible() {
        let window = Window::between(100.0, 200.0, 1_000.0);
        let check = |start, duration, expect| assert_eq!(bar(window, start, duration, 0.5), expect);
        check(0.0, 50.0, None);
        check(300.0, 50.0, None);
        check(150.0, 0.0, Some((50.0, 0.5)));
        check(120.0, 30.0, Some((20.0, 30.0)));
        check(0.0, 1_000.0, Some((-1.0, 102.0)));
        check(200.0, 0.0, Some((99.5, 0.5)));
        check(f64::NAN, 1.0, None);
    }

    #[test]
    fn labels_go_where_there_is_room() {
        let check = |bar, expect| assert_eq!(label_place(bar), expect);
        check((10.0, 20.0), Place::After(30.0));
        check((60.0, 40.0), Place::Before(40.0));
        check((-1.0, 102.0), Place::Inside(0.0));
    }

    #[test]
    fn ticks_are_round_and_few() {
        let labels = |from, to| -> Vec<String> {
            let ticks = ticks(Window { from, to }, 5);
            ticks.into_iter().map(|tick| tick.label).collect()
        };
        assert_eq!(
            labels(0.0, 1_000.0),
            ["0", "200 µs", "400 µs", "600 µs", "800 µs", "1 ms"]
        );
        assert_eq!(labels(0.0, 4.2e6), ["0", "1 s", "2 s", "3 s", "4 s"]);
        assert_eq!(labels(0.0, 7.2e9)[1], "30 min 00 s");
        assert!(labels(0.0, 1e18).len() <= 7);
    }
}
