//! What a log line says apart from the values in it.

/// Longest template, bytes: lines that only differ behind it are taken for one.
const LONGEST: usize = 200;

/// The line with numbers, ids, quoted text and addresses replaced by `<*>`: a word with a digit in it is a value,
/// so is what stands in quotes.
pub fn template(line: &str) -> String {
    let mut text = String::new();
    let mut word = String::new();
    let mut chars = line.chars().peekable();
    while let Some(letter) = chars.next() {
        if text.len() > LONGEST {
            break;
        }
        if letter == '"' || (letter == '\'' && word.is_empty()) {
            flush(&mut text, &mut word);
            skip_quoted(&mut chars, letter, &mut text);
        } else if letter.is_alphanumeric() || matches!(letter, '_' | '-' | '.' | '\'') {
            word.push(letter);
        } else {
            flush(&mut text, &mut word);
            let space = if letter.is_whitespace() { ' ' } else { letter };
            if !(space == ' ' && (text.ends_with(' ') || text.is_empty())) {
                text.push(space);
            }
        }
    }
    flush(&mut text, &mut word);
    let mut end = text.trim_end().len().min(LONGEST);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    text
}

/// Quoted text up to 200 letters is a value; an open quote is a letter.
fn skip_quoted(
    chars: &mut std::iter::Peekable<std::str::Chars<'_>>,
    quote: char,
    text: &mut String,
) {
    let ahead: Vec<char> = chars.clone().take(LONGEST).collect();
    match ahead.iter().position(|letter| *letter == quote) {
        Some(end) => {
            for _ in 0..=end {
                chars.next();
            }
            // A quoted member name keeps its name: {"level": …}
            if chars.peek() == Some(&':') && quote == '"' {
                text.push('"');
                text.extend(&ahead[..end]);
                text.push('"');
            } else {
                value(text);
            }
        }
        None => text.push(quote),
    }
}

fn flush(text: &mut String, word: &mut String) {
    if word.is_empty() {
        return;
    }
    let core = word.trim_end_matches('.');
    let stop = &word[core.len()..];
    let hex = core.len() >= 8 && core.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
    if core.chars().any(|c| c.is_ascii_digit()) || hex {
        value(text);
    } else {
        text.push_str(core);
    }
    text.push_str(stop);
    word.clear();
}

fn value(text: &mut String) {
    if !text.ends_with("<*>") {
        text.push_str("<*>");
    }
}
