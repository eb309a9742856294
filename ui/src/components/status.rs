//! Status as icon and word, never by colour alone.

use super::icon;
use leptos::prelude::*;

/// The class that carries the colour of a status.
pub fn status_class(status: &str) -> &'static str {
    match status.to_ascii_uppercase().as_str() {
        "SUCCEEDED" | "SUCCESS" | "OK" => "ok",
        "FAILED" | "ERROR" => "failed",
        "TIMED_OUT" | "TIMEOUT" => "timed-out",
        "ABORTED" => "aborted",
        "RUNNING" | "PENDING_REDRIVE" => "running",
        _ => "unknown",
    }
}

fn icon_name(class: &str) -> &'static str {
    match class {
        "ok" => "ok",
        "failed" => "failed",
        "timed-out" => "clock",
        "aborted" => "aborted",
        "running" => "running",
        _ => "unknown",
    }
}

/// `TIMED_OUT` → `Timed out`.
pub fn status_word(status: &str) -> String {
    let lower = status.replace('_', " ").to_lowercase();
    let mut letters = lower.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => "Unknown".to_owned(),
    }
}

/// A status.
#[component]
pub fn Status(
    /// The word, in any case.
    #[prop(into)]
    status: Signal<String>,
) -> impl IntoView {
    let class = Memo::new(move |_| status.with(|status| status_class(status)));
    view! {
        <span class=move || format!("status {}", class.get())>
            {move || icon(icon_name(class.get()))} <span>{move || status.with(|s| status_word(s))}</span>
        </span>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_has_a_word_and_a_class() {
        let check = |status: &str, word: &str, class: &str| {
            assert_eq!(
                (status_word(status).as_str(), status_class(status)),
                (word, class)
            );
        };
        check("TIMED_OUT", "Timed out", "timed-out");
        check("succeeded", "Succeeded", "ok");
        check("", "Unknown", "unknown");
        check("Error", "Error", "failed");
    }
}
