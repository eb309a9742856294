//! The one door: what arrives is decoded, admitted, handed to the store and acknowledged when durable.
//!
//! | Module | What it does |
//! |---|---|
//! | [`door`] | admits, makes durable, applies; also what is read again from the log |
//! | [`decode`] | OTLP protobuf → rows, the hot path |
//! | [`json`] | OTLP JSON → OTLP protobuf |
//! | [`promotion`] | which attributes have a column of their own |
//! | [`grpc`], [`http`] | the two servers |
//! | [`foreign`] | formats beside OTLP, which `collectors` reads |
//!
//! Protobuf libraries exist only here.

mod attributes;
mod budget;
mod columns;
pub mod decode;
pub mod door;
pub mod foreign;
pub mod grpc;
pub mod http;
pub mod json;
mod judged;
pub mod promotion;
pub mod redact;
mod resource;
mod rpc;
mod value;
mod wire;

pub use door::{Door, Limits, Outcome, Refusal, Submitted};
pub use foreign::{Format, Stream, serve_datagrams, serve_formats};
pub use grpc::serve_grpc;
pub use http::{Origins, serve_http};
pub use judged::Watched;
pub use promotion::Promotion;
pub use redact::{Redactor, Rule, RuleError};
pub use wire::WireError;
