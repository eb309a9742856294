//! Task states: which events a resource gives, and what happens behind it.

use super::{Execution, Step, execute};
use crate::chance;
use crate::world::invoke::{Answered, Invoke};
use demo::run::{ACCOUNT, Cursor, Failure, REGION, Run};
use serde_json::{Value, json};

/// What kind of resource a task names.
enum Form {
    /// A function's ARN.
    Function(String),
    /// An activity's ARN.
    Activity(String),
    /// (resource type, resource).
    Service(String, String),
}

/// What one attempt came to.
pub(crate) struct Tried {
    pub(crate) started_at: Option<i64>,
    pub(crate) submitted: Option<(i64, Value)>,
    pub(crate) ended_at: i64,
    pub(crate) result: Result<Value, Failure>,
    pub(crate) timed_out: bool,
}

impl Tried {
    pub(crate) fn simple(from: i64, ended_at: i64, result: Result<Value, Failure>) -> Self {
        Tried {
            started_at: Some(from + 14),
            submitted: None,
            ended_at: ended_at.max(from + 15),
            result,
            timed_out: false,
        }
    }
}

impl Execution<'_> {
    pub(super) fn task(
        &mut self,
        run: &mut Run,
        at: &mut Cursor,
        step: &Step<'_>,
        input: &Value,
        entered: usize,
        attempt: usize,
    ) -> Result<Value, Failure> {
        let resource = step.state["Resource"].as_str().unwrap_or_default();
        let form = form(resource);
        let key = format!("{}/{}#{attempt}", self.name, step.place());
        let mut context = step.scope.context.clone();
        context["Task"] = json!({"Token": token(&self.world.chance.of(&key).hex(64))});
        let scope = super::Scope {
            context,
            ..step.scope.clone()
        };
        let inner = Step {
            scope: &scope,
            ..*step
        };
        let parameters = match step.state.get("Parameters") {
            Some(template) => self.fill(&inner, template, input, entered)?,
            None => input.clone(),
        };
        run.push(
            at,
            &form.kind("Scheduled"),
            Some(form.scheduled(step.state, &parameters)),
        );
        let scheduled = at.at;
        let mut tried = self.reach(&form, step, &parameters, scheduled, &key);
        limit(step.state, &mut tried);
        record(run, at, &form, tried)
    }

    /// Does what the resource does.
    fn reach(
        &mut self,
        form: &Form,
        step: &Step<'_>,
        parameters: &Value,
        at: i64,
        key: &str,
    ) -> Tried {
        match form {
            Form::Function(name) => {
                let answered = self.call(name, at, parameters, key);
                Tried::simple(at, answered.at, answered.result)
            }
            Form::Activity(name) => self.activity(name, at, key),
            Form::Service(kind, verb) => match (kind.as_str(), verb.as_str()) {
                ("lambda", "invoke") => self.lambda_invoke(parameters, at, key),
                ("lambda", _) | ("sqs", _) if verb.ends_with("waitForTaskToken") => {
                    self.callback(kind, parameters, at, key)
                }
                ("states", _) => self.nested(parameters, at, key),
                ("batch", _) | ("ecs", _) => self.container(kind, parameters, at, key, step.name),
                _ => self.direct(kind, verb, parameters, at, key),
            },
        }
    }

    fn call(&mut self, function: &str, at: i64, payload: &Value, key: &str) -> Answered {
        if self.world.is_denied(&self.machine, function, at) {
            return self.refused(function, at, key);
        }
        let caller = self.name.clone();
        self.world.invoke(&Invoke {
            function,
            at: at + 12,
            payload,
            key: key.to_owned(),
            caller: &caller,
        })
    }

    fn refused(&self, function: &str, at: i64, key: &str) -> Answered {
        let mut dice = self.world.chance.of(key);
        let cause = format!(
            "User: arn:aws:sts::{ACCOUNT}:assumed-role/{machine}-role/{id} is not authorized to perform: lambda:InvokeFunction on resource: arn:aws:lambda:{REGION}:{ACCOUNT}:function:{function} because no identity-based policy allows the lambda:InvokeFunction action (Service: Lambda, Status Code: 403, Request ID: {request})",
            machine = self.machine,
            id = dice.hex(20),
            request = dice.uuid(),
        );
        Answered {
            at: at + 60,
            request_id: String::new(),
            version: 0,
            xray_root: String::new(),
            result: Err(Failure::new("Lambda.AWSLambdaException", cause)),
        }
    }

    fn lambda_invoke(&mut self, parameters: &Value, at: i64, key: &str) -> Tried {
        let name = function_name(&parameters["FunctionName"]);
        let answered = self.call(&name, at, &parameters["Payload"], key);
        let result = answered
            .result
            .clone()
            .map(|payload| wrapped(&answered, payload));
        Tried::simple(at, answered.at, result)
    }

    /// A message with a token, and whoever answers it.
    fn callback(&mut self, kind: &str, parameters: &Value, at: i64, key: &str) -> Tried {
        let mut dice = self.world.chance.of(&format!("{key}/callback"));
        let (sent, answer, queue, lost) = if kind == "lambda" {
            let name = function_name(&parameters["FunctionName"]);
            let answered = self.call(&name, at, &parameters["Payload"], key);
            if let Err(failure) = answered.result {
                return Tried::simple(at, answered.at, Err(failure));
            }
            let answer = wrapped(&answered, Value::Null);
            (answered.at, answer, name, false)
        } else {
            let url = parameters["QueueUrl"].as_str().unwrap_or_default();
            let queue = url.rsplit('/').next().unwrap_or_default().to_owned();
            let answer = json!({"MD5OfMessageBody": dice.hex(32), "MessageId": dice.uuid(), "SdkResponseMetadata": {"RequestId": dice.uuid()}});
            (at + dice.between(20, 60), answer, queue, false)
        };
        let held = self.world.queues.get(&queue).cloned();
        let (pickup, work, gone) = match &held {
            Some(queue) => (
                chance::millis(&mut dice, queue.pickup_ms, 0.4) + queue.backlog_ms(sent),
                chance::millis(&mut dice, queue.work_ms, 0.3),
                queue.loses(sent) || lost,
            ),
            None => (200.0, 900.0, lost),
        };
        let ended_at = if gone {
            i64::MAX / 4
        } else {
            sent + (pickup + work) as i64
        };
        let result =
            Ok(json!({"decision": "approved", "by": format!("agent-{}", dice.between(2, 30))}));
        Tried {
            started_at: Some(at + 14),
            submitted: Some((sent, answer)),
            ended_at,
            result,
            timed_out: false,
        }
    }

    fn activity(&mut self, name: &str, at: i64, key: &str) -> Tried {
        let mut dice = self.world.chance.of(&format!("{key}/activity"));
        let Some(queue) = self.world.queues.get(name).cloned() else {
            let failure = Failure::new("States.Runtime", format!("no activity {name}"));
            return Tried::simple(at, at + 20, Err(failure));
        };
        let started =
            at + (chance::millis(&mut dice, queue.pickup_ms, 0.4) + queue.backlog_ms(at)) as i64;
        let ended_at = if queue.loses(at) {
            i64::MAX / 4
        } else {
            started + chance::millis(&mut dice, queue.work_ms, 0.3) as i64
        };
        Tried {
            started_at: Some(started),
            submitted: None,
            ended_at,
            result: Ok(json!({"done": true})),
            timed_out: false,
        }
    }

    fn nested(&mut self, parameters: &Value, at: i64, key: &str) -> Tried {
        let arn = parameters["StateMachineArn"].as_str().unwrap_or_default();
        let machine = arn.rsplit(':').next().unwrap_or_default().to_owned();
        let mut dice = self.world.chance.of(&format!("{key}/child"));
        let name = dice.uuid();
        let started = at + dice.between(30, 80);
        let child = execute(
            self.world,
            &machine,
            &name,
            started,
            parameters["Input"].clone(),
        );
        let submitted = json!({"ExecutionArn": child.arn, "StartDate": started, "SdkResponseMetadata": {"RequestId": dice.uuid()}});
        let result = match child.result {
            Ok(output) => Ok(json!({
                "ExecutionArn": child.arn, "Name": name, "Output": output, "StartDate": started, "StopDate": child.at,
                "StateMachineArn": arn, "Status": "SUCCEEDED",
            })),
            Err(failure) => Err(Failure::new("States.TaskFailed", json!({
                "ExecutionArn": child.arn, "Name": name, "StartDate": started, "StopDate": child.at,
                "StateMachineArn": arn, "Status": "FAILED", "Error": failure.error, "Cause": failure.cause,
            }).to_string())),
        };
        Tried {
            started_at: Some(at + 14),
            submitted: Some((started + 20, submitted)),
            ended_at: child.at + dice.between(40, 150),
            result,
            timed_out: false,
        }
    }

    /// A service that Step Functions calls itself.
    fn direct(&mut self, kind: &str, verb: &str, parameters: &Value, at: i64, key: &str) -> Tried {
        let mut dice = self.world.chance.of(&format!("{key}/direct"));
        let took = chance::millis(&mut dice, 28.0, 0.3) as i64;
        let target = ["TableName", "Bucket", "TopicArn", "QueueUrl"]
            .iter()
            .find_map(|member| parameters[member].as_str());
        let target = target
            .unwrap_or_default()
            .rsplit([':', '/'])
            .next()
            .unwrap_or_default()
            .to_owned();
        let request = dice.uuid();
        if self.world.is_denied(&self.machine, &target, at) {
            let service = if kind == "dynamodb" { "DynamoDB" } else { kind };
            let cause = format!(
                "User: arn:aws:sts::{ACCOUNT}:assumed-role/{}-role/{} is not authorized to perform: {kind}:{} on resource: {target} because no identity-based policy allows the action (Service: {service}, Status Code: 400, Request ID: {request})",
                self.machine,
                dice.hex(20),
                capital(verb),
            );
            return Tried::simple(
                at,
                at + took,
                Err(Failure::new(
                    &format!("{service}.AccessDeniedException"),
                    cause,
                )),
            );
        }
        let output = json!({"SdkHttpMetadata": {"HttpStatusCode": 200}, "SdkResponseMetadata": {"RequestId": request}});
        Tried::simple(at, at + took, Ok(output))
    }
}

impl Form {
    fn kind(&self, word: &str) -> String {
        match self {
            Form::Function(_) => format!("LambdaFunction{word}"),
            Form::Activity(_) => format!("Activity{word}"),
            Form::Service(..) => format!("Task{word}"),
        }
    }

    /// `resourceType` and `resource`, which only integrations repeat in every event.
    fn frame(&self) -> Value {
        match self {
            Form::Service(kind, verb) => json!({"resourceType": kind, "resource": verb}),
            _ => json!({}),
        }
    }

    fn scheduled(&self, state: &Value, parameters: &Value) -> Value {
        let mut details = self.frame();
        match self {
            Form::Service(..) => {
                details["region"] = json!(REGION);
                details["parameters"] = json!(parameters.to_string());
            }
            _ => {
                details["resource"] = state["Resource"].clone();
                details["input"] = json!(parameters.to_string());
                details["inputDetails"] = json!({"truncated": false});
            }
        }
        for (member, name) in [
            ("TimeoutSeconds", "timeoutInSeconds"),
            ("HeartbeatSeconds", "heartbeatInSeconds"),
        ] {
            if state[member].is_i64() {
                details[name] = state[member].clone();
            }
        }
        details
    }
}

fn form(resource: &str) -> Form {
    let last = resource.rsplit(':').next().unwrap_or_default();
    if let Some(rest) = resource.split(":function:").nth(1) {
        return Form::Function(rest.split(':').next().unwrap_or(rest).to_owned());
    }
    if resource.contains(":activity:") {
        return Form::Activity(last.to_owned());
    }
    let rest = resource.split(":states:::").nth(1).unwrap_or(last);
    let (kind, verb) = rest.rsplit_once(':').unwrap_or((rest, ""));
    match rest
        .strip_suffix(".sync:2")
        .and_then(|rest| rest.split_once(':'))
    {
        Some((kind, verb)) => Form::Service(kind.to_owned(), format!("{verb}.sync:2")),
        None => Form::Service(kind.to_owned(), verb.to_owned()),
    }
}

/// Ends an attempt that takes longer than the state allows.
fn limit(state: &Value, tried: &mut Tried) {
    let from = tried.started_at.unwrap_or(tried.ended_at);
    let limits = ["TimeoutSeconds", "HeartbeatSeconds"]
        .iter()
        .filter_map(|member| state[member].as_i64());
    let waits = tried.submitted.is_some() || state["TimeoutSeconds"].is_i64();
    let Some(limit) = limits.min().filter(|_| waits) else {
        return;
    };
    let end = from + limit * 1000;
    if tried.ended_at > end {
        tried.ended_at = end;
        tried.timed_out = true;
        tried.submitted = tried.submitted.take().filter(|(at, _)| *at < end);
        tried.result = Err(Failure {
            error: "States.Timeout".into(),
            cause: None,
        });
    }
}

fn record(run: &mut Run, cursor: &mut Cursor, form: &Form, tried: Tried) -> Result<Value, Failure> {
    let with = |more: Value| {
        let mut details = form.frame();
        if let (Value::Object(details), Value::Object(more)) = (&mut details, more) {
            details.extend(more);
        }
        Some(details)
    };
    let output =
        |value: &Value| json!({"output": value.to_string(), "outputDetails": {"truncated": false}});
    if let Some(at) = tried.started_at.filter(|at| *at <= tried.ended_at) {
        cursor.at = at;
        let details = match form {
            Form::Function(_) => None,
            Form::Activity(_) => Some(json!({"workerName": "worker-1"})),
            Form::Service(..) => with(json!({})),
        };
        run.push(cursor, &form.kind("Started"), details);
    }
    if let Some((at, answer)) = &tried.submitted {
        cursor.at = *at;
        run.push(cursor, "TaskSubmitted", with(output(answer)));
    }
    cursor.at = tried.ended_at;
    match tried.result {
        Ok(value) => {
            run.push(cursor, &form.kind("Succeeded"), with(output(&value)));
            Ok(value)
        }
        Err(failure) => {
            let word = if tried.timed_out {
                "TimedOut"
            } else {
                "Failed"
            };
            run.push(cursor, &form.kind(word), with(failure.details()));
            Err(failure)
        }
    }
}

fn wrapped(answered: &Answered, payload: Value) -> Value {
    let version = answered.version.to_string();
    json!({
        "ExecutedVersion": version,
        "Payload": payload,
        "SdkHttpMetadata": {
            "HttpHeaders": {
                "Content-Type": "application/json",
                "X-Amz-Executed-Version": version,
                "x-amzn-RequestId": answered.request_id,
                "X-Amzn-Trace-Id": format!("Root={};Sampled=1", answered.xray_root),
            },
            "HttpStatusCode": 200,
        },
        "SdkResponseMetadata": {"RequestId": answered.request_id},
        "StatusCode": 200,
    })
}

/// The bare name in `FunctionName`, which may be an ARN or carry a qualifier.
fn function_name(value: &Value) -> String {
    let text = value.as_str().unwrap_or_default();
    let name = text.split(":function:").nth(1).unwrap_or(text);
    name.split(':').next().unwrap_or(name).to_owned()
}

fn token(hex: &str) -> String {
    format!("AQCEAAAAKgAAAAMAAAAAAAAAA{hex}=")
}

fn capital(verb: &str) -> String {
    let (head, tail) = verb.split_at(verb.len().min(1));
    head.to_uppercase() + tail
}
