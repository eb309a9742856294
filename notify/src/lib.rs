//! Telling people and programs that an error budget burns: what is said, in which format, signed how,
//! and how it gets there although the receiver fails, hangs or is restarted, and although we are killed.
//!
//! | Module | What it does |
//! |---|---|
//! | [`notification`] | what there is to say: incident, burn, budget, culprits, examples, verdict |
//! | [`receiver`], [`secret`] | who is told: `receivers.toml`, secrets by file or environment |
//! | [`payload`] | the formats: CloudEvents, Alertmanager, PagerDuty, Slack, Teams, Opsgenie |
//! | [`sign`] | Standard Webhooks signatures |
//! | [`address`] | which addresses are never connected to |
//! | [`outbox`], [`silence`], [`schedule`] | what is still to be delivered, in order, across restarts |
//! | [`send`] | one attempt over HTTP |
//!
//! Whoever decides that something is to be said calls [`outbox::enqueue`] in the same
//! [`state`] transaction that writes the decision. Time is always an argument.

pub mod address;
pub mod error;
pub mod notification;
pub mod outbox;
pub mod payload;
pub mod receiver;
pub mod schedule;
pub mod secret;
pub mod send;
pub mod sign;
pub mod silence;

pub use error::{Error, Result};
pub use notification::{Kind, Notification};
pub use receiver::{Format, Receiver, Receivers};
pub use secret::Secret;
