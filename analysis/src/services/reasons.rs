//! What the words of a failure make of it.

use super::errors;
use crate::case::text::{self, Topic};
use model::Category;

/// The category of a failure whose words leave no doubt what is behind it.
pub(super) fn reason(line: &str) -> Option<Category> {
    let category = said_category(line);
    let told = matches!(
        category,
        Category::Memory
            | Category::Capacity
            | Category::Permission
            | Category::DataSize
            | Category::BadDeploy
            | Category::NetworkConfig
    );
    told.then_some(category)
}

/// What the words of a failure make of it. A service that does not take connections is down, whatever else is a matter of
/// the network's settings; and not everything that was looked up in vain is a host's name.
pub(super) fn said_category(said: &str) -> Category {
    let lower = text::shortened(said).to_lowercase();
    let speaks = |words: &[&str]| words.iter().any(|it| lower.contains(it));
    const DOWN: [&str; 16] = [
        "read-only transaction",
        "read only replica",
        "read-only option",
        "notwritableprimary",
        "not primary",
        "no primary",
        "not the leader",
        "refused",
        "reset",
        "no healthy upstream",
        "upstream connection",
        "server has failed",
        "marked as dead",
        "marked dead",
        "is down",
        "not responding",
    ];
    const NAMES: [&str; 10] = [
        "host",
        "dns",
        "dial",
        "addrinfo",
        "resolver",
        "resolution",
        "service not known",
        "eai_",
        "no route",
        "unresolved",
    ];
    match text::topic(said) {
        None | Some(Topic::Connection | Topic::Timeout | Topic::Unavailable) if speaks(&DOWN) => {
            Category::Infrastructure
        }
        None if errors::full(said) => Category::Capacity,
        None if errors::unentitled(said) => Category::Permission,
        // Of its own pool.
        None | Some(Topic::Timeout) if pool(&lower) => Category::Capacity,
        Some(Topic::Name) if !speaks(&NAMES) => Category::Error,
        topic => text::category(topic),
    }
}

/// True where words say that a pool gave nothing.
pub(super) fn pool(lower: &str) -> bool {
    const WORDS: [&str; 11] = [
        "pop",
        "acquire",
        "borrow",
        "exhaust",
        "wait",
        "check out",
        "checkout",
        "get a",
        "full",
        "idle",
        "available",
    ];
    let pool = lower
        .match_indices("pool")
        .any(|(at, _)| !lower[at..].starts_with("poole"));
    pool && WORDS.iter().any(|it| lower.contains(it))
}
