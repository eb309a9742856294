//! `image-thumbnails`: one upload, four sizes. A burst of uploads starts many sandboxes at once;
//! a huge picture does not fit into memory.

use super::functions::MAKE_THUMBNAIL;
use crate::lambda::Fate;
use crate::run::{Cursor, Failure, Run};
use crate::task::{Attempt, Task};
use crate::world::{Call, World, invoke_task};
use serde_json::{Value, json};

/// Runs the uploads: `huge` does not fit, `broken` is no picture at all.
pub fn run(world: &mut World, number: usize, at: i64) {
    let (huge, broken) = (number % 14 == 6, number % 14 == 12);
    let key = format!(
        "uploads/{:05}.{}",
        71_300 + number,
        if broken { "txt" } else { "jpg" }
    );
    let input = json!({"bucket": "shop-pictures", "key": key});
    let name = format!("upload-{:05}", 71_300 + number);
    let (mut run, mut at) = Run::start(world.seed, "image-thumbnails", &name, at, input.clone());
    let ended = head(&mut run, &mut at, &input, huge)
        .and_then(|meta| resize(world, &mut run, &mut at, &meta, huge, broken));
    match ended {
        Ok(output) => run.succeed(at, &output),
        Err(failure) => run.fail(at, &failure),
    }
    world.runs.push(run);
}

fn head(run: &mut Run, at: &mut Cursor, input: &Value, huge: bool) -> Result<Value, Failure> {
    let task = Task::service("ReadMetadata", "aws-sdk:s3", "headObject", input.clone());
    let bytes = if huge {
        212_000_000
    } else {
        run.dice.between(400_000, 9_000_000)
    };
    let meta = json!({"key": input["key"], "ContentLength": bytes, "sizes": [64, 160, 480, 1200]});
    run.task(at, input, &task, |run, from, _| {
        Attempt::ended(from, from + run.dice.millis(28.0), Ok(meta.clone()))
    })
}

fn resize(
    world: &mut World,
    run: &mut Run,
    at: &mut Cursor,
    meta: &Value,
    huge: bool,
    broken: bool,
) -> Result<Value, Failure> {
    run.enter(at, "Map", "EachSize", meta);
    let sizes = meta["sizes"].as_array().cloned().unwrap_or_default();
    let made = run.iterations(at, "EachSize", &sizes, 4, &mut |run, at, index, size| {
        let fate = match (huge && index == 3, broken) {
            (true, _) => Fate::OutOfMemory,
            (_, true) => Fate::Raise(
                "UnidentifiedImageError",
                format!("cannot identify image file {}", meta["key"]),
            ),
            _ => Fate::Answer,
        };
        thumbnail(world, run, at, meta, size, fate)
    });
    let made = made.inspect_err(|_| run.push(at, "MapStateFailed", None))?;
    let output = json!({"key": meta["key"], "thumbnails": made});
    run.exit(at, "Map", "EachSize", &output);
    Ok(output)
}

fn thumbnail(
    world: &mut World,
    run: &mut Run,
    at: &mut Cursor,
    meta: &Value,
    size: &Value,
    fate: Fate,
) -> Result<Value, Failure> {
    let input = json!({"key": meta["key"], "width": size});
    let task = invoke_task("MakeThumbnail", MAKE_THUMBNAIL, &input).retried(1, 1_000, 1.0);
    let lines = vec![
        (0.05, "INFO", format!("decoding {}", meta["key"])),
        (
            0.3,
            "DEBUG",
            format!("{} bytes decoded", meta["ContentLength"]),
        ),
    ];
    let answer = json!({"width": size, "key": format!("thumbnails/{size}")});
    let call = Call::answers(MAKE_THUMBNAIL, answer, lines).but(fate);
    let output = run.task(at, &input, &task, |run, from, _| {
        world.attempt(run, from, call.clone())
    })?;
    Ok(output["Payload"].clone())
}

/// The definition.
pub fn definition() -> Value {
    json!({
        "Comment": "Four thumbnails of every upload",
        "StartAt": "ReadMetadata",
        "States": {
            "ReadMetadata": {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:s3:headObject", "Next": "EachSize"},
            "EachSize": {
                "Type": "Map", "ItemsPath": "$.sizes", "MaxConcurrency": 4,
                "ItemProcessor": {"StartAt": "MakeThumbnail", "States": {"MakeThumbnail": {
                    "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke",
                    "Parameters": {"FunctionName": crate::world::function_arn(&MAKE_THUMBNAIL), "Payload.$": "$"},
                    "Retry": [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 1, "MaxAttempts": 1, "BackoffRate": 1}],
                    "OutputPath": "$.Payload", "End": true,
                }}},
                "End": true,
            },
        },
    })
}
