//! Inquest: what must be fetched or parsed before it can go through the one door.
//!
//! | Module | Reads |
//! |---|---|
//! | [`step_functions`] | histories, descriptions, definitions and log events of Step Functions |
//! | [`import`] | files and folders: recognises each by its content |
//! | [`cloudwatch`] | lines of CloudWatch Logs, from whatever export |
//! | [`collect`], [`aws`] | what is fetched from running systems, again and again |
//! | [`durable`] | executions of Lambda durable functions |
//! | [`containers`] | ECS tasks and Batch jobs |
//! | [`lambda`] | lines of Lambda logs, in all their forms |
//! | [`envoy`] | Envoy's access logs: gRPC service, JSON lines, text |
//! | [`zipkin`] | spans of Zipkin tracers |
//! | [`xray`] | X-Ray's segment documents |

pub mod aws;
pub mod changes;
pub mod chaos;
pub mod cloudwatch;
pub mod collect;
pub mod containers;
pub mod durable;
pub mod envoy;
pub mod import;
pub mod lambda;
pub mod step_functions;
pub mod timestamp;
mod wire;
pub mod xray;
pub mod zipkin;
