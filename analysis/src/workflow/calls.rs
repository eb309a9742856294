//! What a try called: the Lambda function, its request id, the child execution, the job it started.

use super::documents::Described;
use serde_json::Value;

/// Keys to what a try called, as far as its events and the definition say them.
#[derive(Debug, Default, Clone, PartialEq)]
pub(super) struct Called {
    pub function_name: Option<String>,
    pub function_qualifier: Option<String>,
    pub request_id: Option<String>,
    pub request_id_in_cause: bool,
    pub xray_trace_id: Option<String>,
    pub child_execution_arn: Option<String>,
    pub job_id: Option<String>,
}

/// What the events of a try say.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Said<'a> {
    pub state: &'a str,
    pub resource_type: &'a str,
    pub resource: &'a str,
    /// `parameters` of TaskScheduled.
    pub parameters: Option<&'a str>,
    /// Answer of the call itself (TaskSubmitted).
    pub submitted: Option<&'a str>,
    /// Last answer: of the call, of the job, or of the callback (TaskSucceeded).
    pub succeeded: Option<&'a str>,
    /// Cause text of the failure.
    pub cause: Option<&'a str>,
}

/// Where services put the id of what they started: (resource type, pointers into the answer).
const JOB_IDS: [(&str, &[&str]); 12] = [
    ("batch", &["/JobId", "/jobId"]),
    ("ecs", &["/Tasks/0/TaskArn", "/tasks/0/taskArn", "/TaskArn"]),
    ("eks", &["/ResponseBody/metadata/name", "/metadata/name"]),
    ("glue", &["/JobRunId", "/Id", "/RunId"]),
    ("codebuild", &["/Build/Id", "/build/id", "/Build/Arn"]),
    (
        "athena",
        &["/QueryExecution/QueryExecutionId", "/QueryExecutionId"],
    ),
    (
        "elasticmapreduce",
        &["/StepId", "/Step/Id", "/ClusterId", "/Cluster/Id"],
    ),
    (
        "emr-serverless",
        &["/JobRunId", "/JobRun/JobRunId", "/ApplicationId"],
    ),
    ("emr-containers", &["/Id", "/JobRun/Id"]),
    (
        "sagemaker",
        &[
            "/TrainingJobArn",
            "/TransformJobArn",
            "/ProcessingJobArn",
            "/LabelingJobArn",
            "/HyperParameterTuningJobArn",
        ],
    ),
    ("databrew", &["/RunId"]),
    ("bedrock", &["/JobArn"]),
];

impl Called {
    /// Reads everything that can be told.
    pub fn read(said: Said, described: &Described) -> Called {
        let mut called = Called::default();
        let service = said
            .resource_type
            .strip_prefix("aws-sdk:")
            .unwrap_or(said.resource_type);
        let answers = [said.submitted, said.succeeded].map(|text| text.and_then(object));
        let cause = said.cause.and_then(object);
        if service == "lambda" || said.resource.contains(":lambda:") {
            called.function(said, described);
            called.lambda_keys(&answers, said.cause, cause.as_ref());
        }
        if service == "states" || service == "sfn" {
            let pointers = &["/ExecutionArn", "/executionArn"];
            let mut all = answers.iter().flatten().chain(cause.as_ref());
            called.child_execution_arn = all.find_map(|answer| text_at(answer, pointers));
        }
        if let Some((_, pointers)) = JOB_IDS.iter().find(|(name, _)| *name == service) {
            let mut all = answers.iter().flatten().chain(cause.as_ref());
            called.job_id = all.find_map(|answer| text_at(answer, pointers));
        }
        called
    }

    fn function(&mut self, said: Said, described: &Described) {
        if let Some((name, qualifier)) = function_of_arn(said.resource) {
            (self.function_name, self.function_qualifier) = (Some(name), qualifier);
            return;
        }
        let parameters = said.parameters.and_then(object);
        let state = described.state(said.state);
        let written =
            state.and_then(|state| state.get("Parameters").or_else(|| state.get("Arguments")));
        let both = [parameters.as_ref(), written];
        let text = |name: &str| {
            both.iter()
                .flatten()
                .find_map(|value| value.get(name)?.as_str().map(str::to_owned))
        };
        let is_literal = |text: &String| !text.starts_with("{%") && !text.starts_with('$');
        let resource = || state?.get("Resource")?.as_str().and_then(function_of_arn);
        let found = match text("FunctionName").filter(is_literal) {
            Some(reference) => Some(function_reference(&reference)),
            None => resource(),
        };
        if let Some((name, qualifier)) = found {
            self.function_name = Some(name);
            self.function_qualifier = qualifier.or_else(|| text("Qualifier")).filter(is_literal);
        }
    }

    /// The request id of the call itself comes first: after a callback, the last answer is somebody else's.
    fn lambda_keys(
        &mut self,
        answers: &[Option<Value>; 2],
        text: Option<&str>,
        cause: Option<&Value>,
    ) {
        for answer in answers.iter().flatten() {
            let id = text_at(answer, &["/SdkResponseMetadata/RequestId"])
                .or_else(|| header(answer, "x-amzn-requestid"));
            if let Some(id) = id {
                self.request_id = Some(id);
                self.xray_trace_id =
                    header(answer, "x-amzn-trace-id").and_then(|text| xray_root(&text));
                return;
            }
        }
        let in_json =
            cause.and_then(|cause| text_at(cause, &["/requestId", "/RequestId", "/request_id"]));
        if let Some(id) = in_json.or_else(|| text.and_then(request_id_in)) {
            self.request_id = Some(id);
            self.request_id_in_cause = true;
        }
    }
}

fn object(text: &str) -> Option<Value> {
    if !text.trim_start().starts_with('{') {
        return None;
    }
    serde_json::from_str(text).ok()
}

fn text_at(value: &Value, pointers: &[&str]) -> Option<String> {
    let mut found = pointers
        .iter()
        .filter_map(|pointer| value.pointer(pointer)?.as_str());
    found.find(|text| !text.is_empty()).map(str::to_owned)
}

/// A header of the SDK's answer, whatever its case, as text or as a list.
fn header(answer: &Value, name: &str) -> Option<String> {
    let metadata = answer.get("SdkHttpMetadata")?;
    let lists = [metadata.get("HttpHeaders"), metadata.get("AllHttpHeaders")];
    lists.into_iter().flatten().find_map(|headers| {
        let (_, value) = headers
            .as_object()?
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))?;
        let value = value.get(0).unwrap_or(value);
        value.as_str().map(str::to_owned)
    })
}

/// `Root=1-8hex-24hex;Sampled=0;…` → `1-8hex-24hex`.
fn xray_root(header: &str) -> Option<String> {
    let root = header
        .split(';')
        .find_map(|part| part.trim().strip_prefix("Root="))?;
    Some(root.to_owned()).filter(|root| root.starts_with("1-"))
}

/// `RequestId: <uuid> Error: Runtime exited…`: the message of a killed runtime.
fn request_id_in(text: &str) -> Option<String> {
    let (_, rest) = text.split_once("RequestId: ")?;
    let id: String = rest
        .chars()
        .take_while(|c| c.is_ascii_hexdigit() || *c == '-')
        .collect();
    (id.len() == 36).then_some(id)
}

/// `arn:aws:lambda:region:account:function:name[:qualifier]`.
pub(super) fn function_of_arn(arn: &str) -> Option<(String, Option<String>)> {
    let parts: Vec<&str> = arn.splitn(9, ':').collect();
    match parts[..] {
        ["arn", _, "lambda", _, _, "function", name, ref rest @ ..] if !name.is_empty() => {
            let qualifier = rest
                .first()
                .filter(|text| !text.is_empty())
                .map(|text| (*text).to_owned());
            Some((name.to_owned(), qualifier))
        }
        _ => None,
    }
}

/// A function as people name it: `name`, `name:qualifier`, `account:function:name`, or an ARN.
pub(super) fn function_reference(text: &str) -> (String, Option<String>) {
    if let Some(found) = function_of_arn(text) {
        return found;
    }
    let rest = text.split_once(":function:").map_or(text, |(_, rest)| rest);
    let rest = rest.strip_prefix("function:").unwrap_or(rest);
    match rest.split_once(':') {
        Some((name, qualifier)) => (name.to_owned(), Some(qualifier.to_owned())),
        None => (rest.to_owned(), None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_named_in_many_ways() {
        let check = |text: &str, name: &str, qualifier: Option<&str>| {
            assert_eq!(
                function_reference(text),
                (name.to_owned(), qualifier.map(str::to_owned)),
                "{text}"
            );
        };
        check("charge", "charge", None);
        check("charge:live", "charge", Some("live"));
        check("111111111111:function:charge", "charge", None);
        check("111111111111:function:charge:3", "charge", Some("3"));
        check("function:charge", "charge", None);
        check(
            "arn:aws:lambda:eu-west-1:111111111111:function:charge",
            "charge",
            None,
        );
        check(
            "arn:aws-cn:lambda:cn-north-1:111111111111:function:charge:$LATEST",
            "charge",
            Some("$LATEST"),
        );
    }

    #[test]
    fn keys_of_a_lambda_call() {
        let uuid = "6d8336ed-b0bc-514a-8233-e2eb87b33849";
        let read = |submitted: Option<&str>, succeeded: Option<&str>, cause: Option<&str>| {
            let said = Said {
                resource_type: "lambda",
                resource: "invoke",
                submitted,
                succeeded,
                cause,
                ..Said::default()
            };
            Called::read(said, &Described::default())
        };
        let answer = format!(
            r#"{{"SdkHttpMetadata":{{"HttpHeaders":{{"x-amzn-RequestId":"{uuid}","X-Amzn-Trace-Id":"Root=1-67b5d6d2-1b2c3d4e5f60718293a4b5c6;Sampled=0"}}}}}}"#
        );
        let called = read(None, Some(&answer), None);
        assert_eq!(called.request_id.as_deref(), Some(uuid));
        assert_eq!(
            called.xray_trace_id.as_deref(),
            Some("1-67b5d6d2-1b2c3d4e5f60718293a4b5c6")
        );
        let callback = format!(r#"{{"SdkResponseMetadata":{{"RequestId":"{uuid}"}}}}"#);
        let called = read(
            Some(&callback),
            Some(r#"{"SdkResponseMetadata":{"RequestId":"other"}}"#),
            None,
        );
        assert_eq!(
            (called.request_id.as_deref(), called.request_id_in_cause),
            (Some(uuid), false)
        );
        let cause = format!(r#"{{"errorType":"E","requestId":"{uuid}"}}"#);
        let called = read(None, None, Some(&cause));
        assert_eq!(
            (called.request_id.as_deref(), called.request_id_in_cause),
            (Some(uuid), true)
        );
        let cause = format!("RequestId: {uuid} Error: Runtime exited with error: signal: killed");
        assert_eq!(
            read(None, None, Some(&cause)).request_id.as_deref(),
            Some(uuid)
        );
    }
}
