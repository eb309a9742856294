//! What proxies did with requests: Envoy's spans and access logs, read in plain words.
//!
//! | Module | What it knows |
//! |---|---|
//! | [`flags`] | Envoy's response flags |
//! | [`facts`] | what spans and access logs call things |
//! | [`words`] | how a hop ended, in a sentence |
//! | [`span`], [`access_log`] | a span or a record as a hop |
//! | [`merge()`] | a span and the record of the same request are one hop |

mod access_log;
mod facts;
mod flags;
mod merge;
mod span;
mod words;

pub use access_log::{is_access_log, of_record, span_of, trace_of_request};
pub use merge::merge;
pub use span::of_span;

#[cfg(test)]
mod tests;
