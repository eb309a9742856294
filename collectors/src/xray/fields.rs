//! What the blocks of a segment document say, in the words of OpenTelemetry's semantic conventions where they
//! have one.

use model::{Attributes, Value as Plain};
use serde_json::{Map, Value};

/// Members of `http` and their names.
const REQUEST: [(&str, &str); 5] = [
    ("method", "http.request.method"),
    ("url", "url.full"),
    ("user_agent", "user_agent.original"),
    ("client_ip", "client.address"),
    ("x_forwarded_for", "http.request.header.x-forwarded-for"),
];
const RESPONSE: [(&str, &str); 2] = [
    ("status", "http.response.status_code"),
    ("content_length", "http.response.body.size"),
];
const SQL: [(&str, &str); 7] = [
    ("database_type", "db.system.name"),
    ("sanitized_query", "db.query.text"),
    ("url", "db.url"),
    ("connection_string", "db.connection_string"),
    ("database_version", "db.version"),
    ("driver_version", "db.driver_version"),
    ("user", "db.user"),
];

/// Name of the span: that of the segment, with what was asked of another service.
pub(super) fn name(members: &Map<String, Value>, name: &str) -> String {
    let operation = members.get("aws").and_then(|aws| aws.get("operation"));
    match operation.and_then(Value::as_str) {
        Some(operation) if !operation.is_empty() => format!("{name} {operation}"),
        _ => name.to_owned(),
    }
}

/// What is true of the whole segment.
pub(super) fn resource(members: &Map<String, Value>) -> Attributes {
    let mut resource = Attributes::from([("cloud.provider".to_owned(), "aws".into())]);
    let mut put = |name: &str, value: Option<&Value>| {
        if let Some(value) = value.and_then(plain) {
            resource.insert(name.to_owned(), value);
        }
    };
    let aws = members.get("aws");
    put("aws.xray.origin", members.get("origin"));
    put(
        "cloud.account.id",
        aws.and_then(|aws| aws.get("account_id")),
    );
    put("aws.xray.resource_arn", members.get("resource_arn"));
    put(
        "service.version",
        members
            .get("service")
            .and_then(|service| service.get("version")),
    );
    for (block, names) in [
        (
            "ecs",
            [
                ("container", "container.name"),
                ("container_id", "container.id"),
            ],
        ),
        (
            "ec2",
            [
                ("instance_id", "host.id"),
                ("availability_zone", "cloud.availability_zone"),
            ],
        ),
    ] {
        let block = aws.and_then(|aws| aws.get(block));
        for (key, name) in names {
            put(name, block.and_then(|block| block.get(key)));
        }
    }
    resource
}

/// What is true of this segment or subsegment.
pub(super) fn attributes(members: &Map<String, Value>) -> Attributes {
    let mut all = Attributes::new();
    let http = members.get("http");
    named(
        &mut all,
        http.and_then(|http| http.get("request")),
        &REQUEST,
    );
    named(
        &mut all,
        http.and_then(|http| http.get("response")),
        &RESPONSE,
    );
    named(&mut all, members.get("sql"), &SQL);
    for (key, name) in [
        ("user", "enduser.id"),
        ("namespace", "aws.xray.namespace"),
        ("inferred", "aws.xray.inferred"),
        ("traced", "aws.xray.traced"),
        ("precursor_ids", "aws.xray.precursor_ids"),
    ] {
        if let Some(value) = members.get(key).and_then(plain) {
            all.insert(name.to_owned(), value);
        }
    }
    if let Some(aws) = members.get("aws") {
        all.append(&mut flat("aws", aws));
        invocation(members, aws, &mut all);
    }
    if let Some(metadata) = members.get("metadata") {
        all.append(&mut flat("aws.xray.metadata", metadata));
    }
    // What the author of a program chose to be found by keeps its name, where nothing else has it.
    for (key, value) in object(members.get("annotations")) {
        if let Some(value) = plain(value) {
            all.entry(key.clone()).or_insert(value);
        }
    }
    all
}

/// The two segments of a Lambda invocation name its request id.
fn invocation(members: &Map<String, Value>, aws: &Value, all: &mut Attributes) {
    let origin = members.get("origin").and_then(Value::as_str).unwrap_or("");
    let id = aws.get("request_id").and_then(Value::as_str);
    if let (true, Some(id)) = (origin.starts_with("AWS::Lambda"), id) {
        all.insert("faas.invocation_id".to_owned(), id.into());
    }
    if let Some(arn) = aws.get("function_arn").and_then(Value::as_str) {
        all.insert("faas.id".to_owned(), arn.into());
    }
}

fn named(all: &mut Attributes, block: Option<&Value>, names: &[(&str, &str)]) {
    for (key, name) in names {
        if let Some(value) = block.and_then(|block| block.get(*key)).and_then(plain) {
            all.insert((*name).to_owned(), value);
        }
    }
}

/// The members of a block as `prefix.member`; what is no plain value as JSON text.
pub(super) fn flat(prefix: &str, block: &Value) -> Attributes {
    let pair = |(key, value): (&String, &Value)| Some((format!("{prefix}.{key}"), plain(value)?));
    object(Some(block)).filter_map(pair).collect()
}

fn object(value: Option<&Value>) -> impl Iterator<Item = (&String, &Value)> {
    value.and_then(Value::as_object).into_iter().flatten()
}

fn plain(value: &Value) -> Option<Plain> {
    Some(match value {
        Value::Null => return None,
        Value::Bool(truth) => (*truth).into(),
        Value::Number(number) => match number.as_i64() {
            Some(number) => number.into(),
            None => number.as_f64()?.into(),
        },
        Value::String(text) => text.as_str().into(),
        Value::Array(_) | Value::Object(_) => value.to_string().into(),
    })
}
