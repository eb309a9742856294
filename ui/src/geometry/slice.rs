//! Which rows of a long list are in view, and where the pool that shows them has to be.

/// Browsers cap the height of an element (Chromium at 33.5 M px, Firefox lower); beyond this the
/// scroll bar is mapped to rows in proportion.
const MAX_HEIGHT: f64 = 8_000_000.0;
/// Rows kept above and below the view, so that fast scrolling shows no gap.
const OVERSCAN: usize = 6;

/// A window into a list.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Slice {
    /// First row of the pool.
    pub first: usize,
    /// Number of rows of the pool.
    pub slots: usize,
    /// Where the pool is, pixels from the top of the content.
    pub offset: f64,
    /// Height of the content, pixels.
    pub height: f64,
}

/// The rows to show for a scroll position.
pub fn slice(scroll_top: f64, viewport: f64, count: usize, row_height: f64) -> Slice {
    let full = count as f64 * row_height;
    let height = full.min(MAX_HEIGHT);
    let scroll_top = scroll_top.clamp(0.0, (height - viewport).max(0.0));
    let virtual_top = scroll_top * ratio(viewport, full, height);
    let top_row = (virtual_top / row_height) as usize;
    let first = top_row.saturating_sub(OVERSCAN);
    Slice {
        first,
        slots: (viewport / row_height).ceil() as usize + 2 * OVERSCAN + 1,
        offset: scroll_top - (virtual_top - first as f64 * row_height),
        height,
    }
}

/// The scroll position that puts a row in view: unchanged if it is, else in the middle.
pub fn reveal(row: usize, scroll_top: f64, viewport: f64, count: usize, row_height: f64) -> f64 {
    let full = count as f64 * row_height;
    let height = full.min(MAX_HEIGHT);
    let ratio = ratio(viewport, full, height);
    let virtual_top = scroll_top * ratio;
    let at = row as f64 * row_height;
    if at >= virtual_top && at + row_height <= virtual_top + viewport {
        return scroll_top;
    }
    let near = at >= virtual_top - 2.0 * row_height
        && at + row_height <= virtual_top + viewport + 2.0 * row_height;
    let target = match near {
        true if at < virtual_top => at,
        true => at + row_height - viewport,
        false => at + row_height / 2.0 - viewport / 2.0,
    };
    (target / ratio).clamp(0.0, (height - viewport).max(0.0))
}

fn ratio(viewport: f64, full: f64, height: f64) -> f64 {
    if full > height && height > viewport {
        (full - viewport) / (height - viewport)
    } else {
        1.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_lists_are_exact() {
        let s = slice(280.0, 560.0, 1_000, 28.0);
        assert_eq!(
            (s.first, s.offset, s.height),
            (10 - OVERSCAN, 4.0 * 28.0, 28_000.0)
        );
        assert_eq!(slice(1e9, 560.0, 3, 28.0).first, 0);
        assert_eq!(slice(0.0, 560.0, 0, 28.0).height, 0.0);
    }

    #[test]
    fn the_last_row_of_a_million_is_reached() {
        let (count, viewport, row) = (1_000_000, 500.0, 28.0);
        let bottom = slice(f64::MAX, viewport, count, row);
        assert!(bottom.first + bottom.slots >= count);
        let in_view = bottom.offset + (count - bottom.first) as f64 * row;
        assert!((in_view - bottom.height).abs() < 1.0);
    }

    #[test]
    fn revealing_moves_only_when_needed() {
        let check = |row, from, expect| assert_eq!(reveal(row, from, 280.0, 1_000, 28.0), expect);
        check(3, 0.0, 0.0);
        check(10, 0.0, 28.0);
        check(500, 0.0, 13_874.0);
        check(999, 0.0, 27_720.0);
        let far = reveal(700_000, 0.0, 280.0, 1_000_000, 28.0);
        let s = slice(far, 280.0, 1_000_000, 28.0);
        assert!(s.first <= 700_000 && 700_000 < s.first + s.slots);
    }
}
