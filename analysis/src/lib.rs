//! Judgement: pure functions from facts to what they mean. No I/O, no clock, no randomness.
//!
//! | Module | From | To |
//! |---|---|---|
//! | [`workflow`] | events of a history, documents | execution, states, attempts, spans |
//! | [`joins`] | attempts, invocations, application spans | what happened inside what, and how sure |
//! | [`clocks`] | spans on both sides of calls | how much the clocks of hosts differ |
//! | [`context`] | a header or member | the trace it names |
//! | [`hops`] | spans and access logs of proxies | what each did with a request, in words |
//! | [`lambda`] | the lines of one log stream | invocations, spans |
//! | [`baseline`] | healthy runs | what is usual |
//! | [`containers`] | descriptions of ECS tasks and Batch jobs | jobs, spans |
//! | [`coverage`] | everything held about one execution | what must exist and is not here |
//! | [`changes`] | versions seen | what changed |
//! | [`cold_starts`] | the invocations of functions | causes, rates, advice |
//! | [`compare`] | executions | twins, groups, what tells them apart |
//! | [`cost`] | the same, and a price book | what it cost |
//! | [`ledger`] | everything held about one execution | where its time went |
//! | [`case`] | everything held about one execution | the case file |
//! | [`graph`] | an execution, its states and attempts | the drawing of its state machine |
//! | [`services`] | traces and logs of a faulty and of a healthy period | the service that did it |
//! | [`summary`] | an execution | what happened, in one sentence |

pub mod baseline;
pub mod case;
pub mod changes;
pub mod clocks;
pub mod cold_starts;
pub mod compare;
pub mod containers;
pub mod context;
pub mod cost;
pub mod coverage;
pub mod exceptions;
pub mod graph;
pub mod hops;
pub mod joins;
pub mod lambda;
pub mod ledger;
pub mod services;
pub mod summary;
pub mod workflow;
