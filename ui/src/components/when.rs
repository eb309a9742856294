//! A moment, in the zone that was chosen.

use crate::browser::{self, Preferences};
use crate::format;
use leptos::prelude::*;

/// `22 Nov 09:03`; reactive to the zone.
pub fn moment(at: i64, preferences: Preferences) -> String {
    let offset = preferences.offset(at);
    format!(
        "{} {}",
        format::day(at, browser::now(), offset),
        format::hour_minute(at, offset)
    )
}

/// The moment for people; the exact one is its title.
#[component]
pub fn When(
    /// Nanoseconds since the epoch.
    at: i64,
) -> impl IntoView {
    let preferences = Preferences::get();
    view! { <time title=format::exact(at)>{move || moment(at, preferences)}</time> }
}
