//! Lines through time: where points go, with gaps where nothing is known.

/// Width and height of the drawing, before it is stretched.
pub const SIZE: (f64, f64) = (1_000.0, 180.0);

/// What a chart shows: from where to where.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Frame {
    /// First time, nanoseconds.
    pub from: i64,
    /// Last time.
    pub to: i64,
    /// Value at the lower edge.
    pub low: f64,
    /// Value at the upper edge.
    pub high: f64,
}

impl Frame {
    /// A frame that holds all values and zero, with a little room.
    pub fn around(from: i64, to: i64, values: impl Iterator<Item = f64>) -> Self {
        let (low, high) = values
            .filter(|value| value.is_finite())
            .fold((0.0_f64, 0.0_f64), |(low, high), value| {
                (low.min(value), high.max(value))
            });
        let room = ((high - low) * 0.06).max(f64::MIN_POSITIVE);
        let high = if high > 0.0 { high + room } else { high };
        Frame {
            from,
            to: to.max(from + 1),
            low: if low < 0.0 { low - room } else { low },
            high: if high > low { high } else { low + 1.0 },
        }
    }

    /// Left edge of a time, in the drawing.
    pub fn x(&self, time: i64) -> f64 {
        let part = (time.saturating_sub(self.from)) as f64 / (self.to - self.from) as f64;
        part.clamp(0.0, 1.0) * SIZE.0
    }

    /// Upper edge of a value.
    pub fn y(&self, value: f64) -> f64 {
        let part = (value - self.low) / (self.high - self.low);
        (1.0 - part.clamp(0.0, 1.0)) * SIZE.1
    }

    /// The line as SVG path data; a gap where a value is missing, a dot where its neighbours are.
    pub fn line(&self, times: &[i64], values: &[Option<f64>]) -> String {
        let mut out = String::new();
        let mut open = false;
        for (at, (time, value)) in times.iter().zip(values).enumerate() {
            let Some(value) = value.filter(|value| value.is_finite()) else {
                open = false;
                continue;
            };
            let (x, y) = (self.x(*time), self.y(value));
            out.push_str(&format!("{}{x:.1} {y:.1}", if open { "L" } else { "M" }));
            let alone = !open && values.get(at + 1).is_none_or(Option::is_none);
            if alone {
                out.push_str("h1");
            }
            open = true;
        }
        out
    }

    /// The index whose time is nearest to a share of the width.
    pub fn nearest(&self, times: &[i64], ratio: f64) -> Option<usize> {
        let time = self.from + (ratio.clamp(0.0, 1.0) * (self.to - self.from) as f64) as i64;
        (0..times.len()).min_by_key(|at| times[*at].abs_diff(time))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_value_is_a_gap_and_not_a_zero() {
        let frame = Frame {
            from: 0,
            to: 100,
            low: 0.0,
            high: 1.0,
        };
        let check = |values: &[Option<f64>], expect: &str| {
            assert_eq!(frame.line(&[0, 50, 100], values), expect);
        };
        check(
            &[Some(0.0), Some(1.0), Some(0.5)],
            "M0.0 180.0L500.0 0.0L1000.0 90.0",
        );
        check(&[Some(0.0), None, Some(1.0)], "M0.0 180.0h1M1000.0 0.0h1");
        check(&[None, Some(f64::NAN), None], "");
    }

    #[test]
    fn a_frame_holds_everything_and_zero() {
        let frame = Frame::around(5, 5, [0.5, -0.5].into_iter());
        assert!(frame.low < -0.5 && frame.high > 0.5 && frame.to > frame.from);
        let empty = Frame::around(0, 10, std::iter::empty());
        assert_eq!((empty.low, empty.high), (0.0, 1.0));
        assert_eq!(empty.nearest(&[0, 4, 9], 0.5), Some(1));
        assert_eq!(empty.nearest(&[], 0.5), None);
    }
}
