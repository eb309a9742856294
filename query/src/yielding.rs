//! Queries that give way, so that they can be stopped.
//!
//! A task is stopped where it waits. DataFusion makes scans wait now and then; but a join makes many batches of one, and
//! an aggregate above it reads them without a pause: the query ran on for hours after its time limit, and kept a thread.

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::{ExecutionPlan, coop::CooperativeExec};
use std::sync::Arc;

/// Makes every operator wait now and then that makes more rows than it reads.
#[derive(Debug)]
pub(crate) struct Yielding;

impl PhysicalOptimizerRule for Yielding {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|node| {
            Ok(match multiplies(node.name()) {
                true => Transformed::yes(Arc::new(CooperativeExec::new(node)) as _),
                false => Transformed::no(node),
            })
        })
        .data()
    }

    fn name(&self) -> &str {
        "yielding"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

fn multiplies(operator: &str) -> bool {
    operator.ends_with("JoinExec") || matches!(operator, "UnnestExec" | "RecursiveQueryExec")
}
