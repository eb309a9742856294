//! Collectors for AWS, over its SDK.
//!
//! | Module | What |
//! |---|---|
//! | [`config`] | what can be said about an account |
//! | [`session`] | credentials and clients of an account in a Region |
//! | [`api`], [`bucket`] | the calls that are made, and how often they may be |
//! | [`call`] | one call, made again when that may help |
//! | [`step_functions`] | discovery and histories of Standard workflows |

pub mod api;
pub mod bucket;
pub mod call;
pub mod config;
pub mod session;
pub mod step_functions;

mod check;

use crate::collect::{Collector, Failure};
use config::{AwsSource, Part};
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
                _ => {}
            }
        }
    }
    Ok(all)
}
