//! Collectors for AWS, over its SDK.
//!
//! | Module | What |
//! |---|---|
//! | [`config`] | what can be said about an account |
//! | [`session`] | credentials and clients of an account in a Region |
//! | [`api`], [`bucket`] | the calls that are made, and how often they may be |
//! | [`call`] | one call, made again when that may help |
//! | [`containers`] | ECS tasks and Batch jobs |
//! | [`durable`] | executions of Lambda durable functions |
//! | [`traces`] | X-Ray |
//! | [`logs`] | log groups of functions and of Express workflows |
//! | [`queue`] | queues with EventBridge events |
//! | [`step_functions`] | discovery and histories of Standard workflows |

pub mod api;
pub mod bucket;
pub mod call;
pub mod config;
pub mod containers;
pub mod durable;
pub mod logs;
pub mod queue;
pub mod session;
pub mod step_functions;
pub mod traces;

mod check;

use crate::collect::{Collector, Failure};
use config::{AwsSource, Part};
use logs::{Logs, Whose};
use session::Session;

/// The collectors of a source: one for each part, in each Region.
///
/// # Errors
/// When no Region is known.
pub async fn collectors(source: &AwsSource) -> Result<Vec<Box<dyn Collector>>, Failure> {
    let mut all: Vec<Box<dyn Collector>> = Vec::new();
    for session in Session::open(source).await? {
        for part in &source.parts {
            match part {
                Part::StepFunctions => {
                    all.push(Box::new(step_functions::StepFunctions::new(
                        session.clone(),
                    )));
                }
                Part::StepFunctionsLogs => {
                    all.push(Box::new(Logs::new(session.clone(), Whose::StateMachines)));
                }
                Part::LambdaLogs => {
                    all.push(Box::new(Logs::new(session.clone(), Whose::Functions)));
                }
                Part::Sqs if !source.queues.is_empty() => {
                    all.push(Box::new(queue::Queues::new(session.clone())));
                }
                Part::Containers => {
                    all.push(Box::new(containers::Containers::new(session.clone())));
                }
                Part::DurableFunctions => {
                    all.push(Box::new(durable::Durable::new(session.clone())))
                }
                Part::Xray => all.push(Box::new(traces::Traces::new(session.clone()))),
                Part::Sqs => {}
            }
        }
    }
    Ok(all)
}
