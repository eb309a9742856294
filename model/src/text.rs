//! Names as people type and read them: which known one is meant, and what a terminal may be shown.

use std::borrow::Cow;
use std::fmt::Write;

/// Longest names that are compared, characters.
const LONGEST: usize = 64;

/// A number with its noun: `1 span`, `2 spans`.
pub fn counted(n: u64, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

/// The name that differs least from `wanted`, if it differs little; letter case does not count.
pub fn nearest<'a>(wanted: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = wanted.to_lowercase();
    let limit = (wanted.chars().count() / 3).clamp(1, LONGEST / 3);
    names
        .into_iter()
        .map(|name| (distance(&wanted, &name.to_lowercase()), name))
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, name)| name)
}

/// The least number of letters that are put in, left out, replaced or swapped with their neighbour; long words differ
/// completely.
fn distance(a: &str, b: &str) -> usize {
    let is_long = |text: &str| text.chars().nth(LONGEST).is_some();
    match is_long(a) || is_long(b) {
        true => LONGEST,
        false => strsim::osa_distance(a, b),
    }
}

/// Text for a terminal or a log: what would move the cursor, change colours, set the window's title or turn the
/// direction of writing is written out, such as `\u{1b}`. Line breaks and tabs stay.
pub fn visible(text: &str) -> Cow<'_, str> {
    escaped(text, |letter| !matches!(letter, '\n' | '\t'))
}

/// Text for one line, such as a name in a table: as [`visible`], and line breaks and tabs are written out, too.
pub fn visible_line(text: &str) -> Cow<'_, str> {
    escaped(text, |_| true)
}

fn escaped(text: &str, also: impl Fn(char) -> bool) -> Cow<'_, str> {
    let harms = |letter: char| is_command(letter) && also(letter);
    if !text.contains(harms) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for letter in text.chars() {
        match letter {
            '\n' | '\t' | '\r' if harms(letter) => shown.extend(letter.escape_default()),
            _ if harms(letter) => {
                let _ = write!(shown, "\\u{{{:x}}}", u32::from(letter));
            }
            _ => shown.push(letter),
        }
    }
    Cow::Owned(shown)
}

/// Whether a terminal obeys a character instead of showing it: C0, DEL, C1; marks that turn the direction of
/// writing; and line and paragraph separators.
fn is_command(letter: char) -> bool {
    letter.is_control()
        || matches!(
            letter,
            '\u{61c}'
                | '\u{200e}'
                | '\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2066}'..='\u{2069}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_a_near_one() {
        let names = ["state_machine", "status", "limit", "order"];
        let check = |wanted: &str, expect: Option<&str>| {
            assert_eq!(nearest(wanted, names), expect, "{wanted}");
        };
        check("statemachine", Some("state_machine"));
        check("Limit", Some("limit"));
        check("lmiit", Some("limit"));
        check("lmtii", None);
        check("limits", Some("limit"));
        check("", None);
        check(&"x".repeat(1_000_000), None);
    }

    #[test]
    fn what_a_terminal_obeys_is_written_out() {
        let check = |text: &str, expect: &str| assert_eq!(visible(text), expect, "{text:?}");
        check("Pay \u{1b}[2Jnow", "Pay \\u{1b}[2Jnow");
        check("\u{9b}31m", "\\u{9b}31m");
        check("\u{7f}\u{8}", "\\u{7f}\\u{8}");
        check("a\u{202e}b\u{2066}c", "a\\u{202e}b\\u{2066}c");
        check("one\r\ntwo\tthree", "one\\r\ntwo\tthree");
        check("Überweisung 💶", "Überweisung 💶");
        let line = |text: &str, expect: &str| assert_eq!(visible_line(text), expect, "{text:?}");
        line("one\r\ntwo\tthree", "one\\r\\ntwo\\tthree");
        line("plain", "plain");
    }
}
