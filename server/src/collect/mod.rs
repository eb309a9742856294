//! Collectors at work: the one loop around each, what they are given, and how they stand.
//!
//! | Module | What |
//! |---|---|
//! | [`runner`] | the loop: when to ask again, what to do after an error, facts before cursors |
//! | [`sources`] | how every source stands, for the Sources page and `inquest collect` |
//! | [`table`] | the same in SQL |
//! | [`wanted`] | what executions that are held still lack |

mod runner;
mod sources;
mod table;
mod wanted;

pub use runner::{Surroundings, run, size};
pub use sources::Sources;
pub use table::show;
pub use wanted::Asker;

use crate::config::Config;
use anyhow::{Result, anyhow};
use collectors::{
    aws::{self, config::AwsSource},
    collect::Collector,
};

/// The collectors of the sources, in all their Regions.
///
/// # Errors
/// When a source cannot be opened: no Region is known.
pub async fn collectors(sources: &[AwsSource]) -> Result<Vec<Box<dyn Collector>>> {
    let mut all = Vec::new();
    for source in sources {
        let opened = aws::collectors(source).await;
        all.extend(opened.map_err(|failure| anyhow!("{failure}"))?);
    }
    Ok(all)
}

/// The sources that are configured, checked.
///
/// # Errors
/// When two have one name, or a key of one makes no sense.
pub fn checked(config: &Config) -> Result<&[AwsSource]> {
    let mut names = std::collections::BTreeSet::new();
    for source in &config.collect {
        if let Some(problem) = source.problem() {
            anyhow::bail!(problem);
        }
        if !names.insert(&source.name) {
            anyhow::bail!(
                "two [[collect]] tables have the name '{}': give each a name of its own",
                source.name
            );
        }
    }
    Ok(&config.collect)
}
