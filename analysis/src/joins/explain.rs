//! Why one thing is shown inside another, in words.

use model::{Join, JoinMethod};

/// One or two sentences: what was joined, what speaks for it, and how sure it is.
pub fn explain(join: &Join) -> String {
    let what = match (join.child.kind.as_str(), join.parent.kind.as_str()) {
        ("invocation", "attempt") => "This Lambda invocation was made by this attempt",
        ("job", "attempt") => "This task or job was started by this attempt",
        ("execution", "attempt") => "This execution was started by this attempt",
        ("span", "invocation") => "This span ran inside this Lambda invocation",
        ("span", "attempt") => "This span happened inside this attempt",
        ("span", "execution") => "This span happened during this execution",
        ("span", "span") => "This span happened inside the other",
        _ => "These two belong together",
    };
    let why = match join.method {
        JoinMethod::RequestId => "the attempt's answer carries Lambda's request id",
        JoinMethod::RequestIdInCause => {
            "the text of the attempt's failure carries Lambda's request id"
        }
        JoinMethod::TraceContext => "both carry the same trace context",
        JoinMethod::InvocationId => "the span names the request id of the invocation",
        JoinMethod::MapRun => "the execution names the map run that the attempt or state started",
        JoinMethod::JobId => "the attempt's answer names the task or job",
        JoinMethod::ExecutionArn => "the parent names the ARN of the execution",
        JoinMethod::FunctionAndTime => {
            "it is the same function, and the invocation began while the attempt ran: a guess"
        }
    };
    let sure = match join.confidence {
        sure if sure >= 1.0 => "This is certain: the key identifies it".to_owned(),
        sure => format!("How sure: {:.0} of 100", sure * 100.0),
    };
    let others = match join.candidates {
        0 | 1 => String::new(),
        2 => "; one other would have fitted as well".to_owned(),
        count => format!("; {} others would have fitted as well", count - 1),
    };
    let evidence = match join.evidence.is_empty() {
        true => String::new(),
        false => format!(" ({})", join.evidence),
    };
    format!("{what}: {why}{evidence}. {sure}{others}.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::JoinEnd;

    #[test]
    fn joins_are_explained() {
        let end = |kind: &str| JoinEnd {
            kind: kind.to_owned(),
            trace_id: model::TraceId([1; 16]),
            span_id: model::SpanId([2; 8]),
        };
        let mut join = Join {
            execution_arn: "arn:x".into(),
            parent: end("attempt"),
            child: end("invocation"),
            method: JoinMethod::RequestId,
            confidence: 1.0,
            candidates: 1,
            evidence: "request id 7".into(),
        };
        assert_eq!(
            explain(&join),
            "This Lambda invocation was made by this attempt: the attempt's answer carries Lambda's request id \
             (request id 7). This is certain: the key identifies it."
        );
        join.method = JoinMethod::FunctionAndTime;
        (join.confidence, join.candidates) = (0.5, 2);
        assert!(
            explain(&join).ends_with("How sure: 50 of 100; one other would have fitted as well.")
        );
    }
}
