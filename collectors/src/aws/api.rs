//! The calls that collectors make: their quotas, and the permission that each needs.

use super::bucket::Quota;

/// One API.
#[derive(Debug, PartialEq)]
pub struct Api {
    /// The IAM action.
    pub action: &'static str,
    /// What AWS grants, in its three largest Regions.
    pub large: Quota,
    /// What it grants elsewhere.
    pub elsewhere: Quota,
    /// What it is used for.
    pub purpose: &'static str,
    /// The resource that a policy names; `REGION` and `ACCOUNT` stand for the source's.
    pub resource: &'static str,
}

/// Regions with larger quotas.
const LARGE: [&str; 3] = ["us-east-1", "us-west-2", "eu-west-1"];

impl Api {
    /// The default quota of an account in a Region.
    pub fn quota(&self, region: &str) -> Quota {
        match LARGE.contains(&region) {
            true => self.large,
            false => self.elsewhere,
        }
    }

    /// The statement that allows it, as JSON.
    pub fn statement(&self, region: &str, account: &str) -> String {
        let resource = self
            .resource
            .replace("REGION", region)
            .replace("ACCOUNT", account);
        format!(
            r#"{{"Effect": "Allow", "Action": "{}", "Resource": "{resource}"}}"#,
            self.action
        )
    }
}

const fn quota(burst: u32, per_s: u32) -> Quota {
    Quota {
        burst: burst as f64,
        per_s: per_s as f64,
    }
}

macro_rules! apis {
    ($($name:ident = $action:literal, ($lb:literal / $lr:literal, $eb:literal / $er:literal), $purpose:literal, $resource:literal;)*) => {
        $(
            #[doc = concat!("`", $action, "`")]
            pub static $name: Api = Api {
                action: $action,
                large: quota($lb, $lr),
                elsewhere: quota($eb, $er),
                purpose: $purpose,
                resource: $resource,
            };
        )*
        /// All of them.
        pub static ALL: &[&Api] = &[$(&$name),*];
    };
}

// Sources of the numbers: AWS Step Functions Developer Guide, "Quotas related to API action throttling";
// CloudWatch Logs, Lambda, ECS, Batch and X-Ray "Endpoints and quotas". Where AWS gives no bucket, its
// size is that of one second. APIs of durable functions have no quota of their own there: that of Lambda's other
// control plane APIs is taken.
apis! {
    LIST_STATE_MACHINES = "states:ListStateMachines", (100 / 5, 100 / 5), "finding state machines", "*";
    LIST_TAGS = "states:ListTagsForResource", (100 / 5, 100 / 5), "choosing state machines by tags", "arn:aws:states:REGION:ACCOUNT:stateMachine:*";
    LIST_EXECUTIONS = "states:ListExecutions", (200 / 5, 100 / 2), "finding executions, and children of map runs", "*";
    DESCRIBE_EXECUTION = "states:DescribeExecution", (300 / 15, 250 / 10), "status, version, input and output of executions", "arn:aws:states:REGION:ACCOUNT:execution:*";
    GET_HISTORY = "states:GetExecutionHistory", (400 / 20, 400 / 20), "histories", "arn:aws:states:REGION:ACCOUNT:execution:*";
    DESCRIBE_MACHINE = "states:DescribeStateMachine", (200 / 20, 200 / 20), "revisions and log groups of state machines", "arn:aws:states:REGION:ACCOUNT:stateMachine:*";
    DESCRIBE_MACHINE_FOR_EXECUTION = "states:DescribeStateMachineForExecution", (200 / 1, 200 / 1), "definitions as they ran", "arn:aws:states:REGION:ACCOUNT:execution:*";
    DESCRIBE_MAP_RUN = "states:DescribeMapRun", (200 / 1, 200 / 1), "counts of map runs", "arn:aws:states:REGION:ACCOUNT:mapRun:*";
    DESCRIBE_LOG_GROUPS = "logs:DescribeLogGroups", (10 / 10, 10 / 10), "finding log groups by pattern", "*";
    FILTER_LOG_EVENTS = "logs:FilterLogEvents", (25 / 25, 10 / 10), "log lines", "arn:aws:logs:REGION:ACCOUNT:log-group:*";
    GET_FUNCTION = "lambda:GetFunctionConfiguration", (100 / 100, 100 / 100), "custom log groups of functions", "arn:aws:lambda:REGION:ACCOUNT:function:*";
    LIST_FUNCTIONS = "lambda:ListFunctions", (15 / 15, 15 / 15), "finding durable functions", "*";
    LIST_DURABLE = "lambda:ListDurableExecutionsByFunction", (15 / 15, 15 / 15), "finding executions of durable functions", "arn:aws:lambda:REGION:ACCOUNT:function:*";
    GET_DURABLE = "lambda:GetDurableExecution", (15 / 15, 15 / 15), "status, input and result of durable executions", "arn:aws:lambda:REGION:ACCOUNT:function:*";
    GET_DURABLE_HISTORY = "lambda:GetDurableExecutionHistory", (15 / 15, 15 / 15), "histories of durable executions", "arn:aws:lambda:REGION:ACCOUNT:function:*";
    DESCRIBE_TASKS = "ecs:DescribeTasks", (100 / 20, 100 / 20), "ECS tasks that executions waited for", "arn:aws:ecs:REGION:ACCOUNT:task/*";
    DESCRIBE_JOBS = "batch:DescribeJobs", (50 / 50, 50 / 50), "Batch jobs that executions waited for", "*";
    GET_TRACES = "xray:BatchGetTraces", (5 / 5, 5 / 5), "X-Ray segments of executions", "*";
    RECEIVE = "sqs:ReceiveMessage", (1000 / 300, 1000 / 300), "events that a rule has put into a queue", "arn:aws:sqs:REGION:ACCOUNT:*";
    DELETE_MESSAGE = "sqs:DeleteMessageBatch", (1000 / 300, 1000 / 300), "taking events off the queue, once they are stored", "arn:aws:sqs:REGION:ACCOUNT:*";
    WHO_AM_I = "sts:GetCallerIdentity", (50 / 50, 50 / 50), "the account that the credentials belong to", "*";
}
