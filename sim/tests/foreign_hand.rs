//! Mysteries in the words and shapes of another hand: no proxy, other runtimes, other clients. What is asked is
//! whether mechanisms are recognised, not our own simulator's text.

mod court;
mod foreign;

use foreign::{
    Files, Run, Step, Try,
    usual::{fail_call, lambda, last, raises, usual},
};
use model::{Category, Outcome, Verdict};
use serde_json::{Value, json};

const HEALTHY: usize = 14;

fn judged(change: impl Fn(&mut Run), after: usize, changes: Value) -> Verdict {
    let mut files = Files::default();
    let mut arn = String::new();
    for n in 0..HEALTHY + after {
        let mut run = usual(n);
        if n >= HEALTHY {
            change(&mut run);
        }
        let told = files.run(n, &run);
        if n == HEALTHY {
            arn = told;
        }
    }
    let verdicts = court::Held::read(&files.mystery(&changes)).judge(&[&arn]);
    verdicts.get(&arn).cloned().expect("it was judged")
}

/// Judges what a change of the usual execution gives, once with spans and once without where both must do.
fn check(what: &str, change: impl Fn(&mut Run), names: &[&str], category: Category) {
    told(what, change, json!([]), names, category);
}

fn told(what: &str, change: impl Fn(&mut Run), changes: Value, names: &[&str], category: Category) {
    let verdict = judged(change, 2, changes);
    let culprit = verdict.culprit.clone().unwrap_or_default();
    let right = verdict.outcome == Outcome::Verdict
        && names.contains(&culprit.name.as_str())
        && verdict.category == Some(category)
        && !verdict.exhibits.is_empty();
    if !right {
        FAILED.lock().expect("one thread").push(format!(
            "{what}: {:?} {} {} {:?} {:.2}: {}\n     {:?}",
            verdict.outcome,
            culprit.kind,
            culprit.name,
            verdict.category,
            verdict.confidence,
            verdict.mechanism,
            verdict
                .suspects
                .iter()
                .map(|it| format!("{} {:?} {:.2}", it.name, it.category, it.score))
                .collect::<Vec<_>>()
        ));
    }
}

static FAILED: std::sync::Mutex<Vec<String>> = std::sync::Mutex::new(Vec::new());

/// Words of clients for a call that took too long.
fn slow_services() {
    for (kind, message) in [
        (
            "TaskCanceledException",
            "The request was canceled due to the configured HttpClient.Timeout of 3 seconds elapsing.",
        ),
        (
            "requests.exceptions.ReadTimeout",
            "HTTPSConnectionPool(host='policy-svc', port=8443): Read timed out. (read timeout=3)",
        ),
        ("java.net.SocketTimeoutException", "Read timed out"),
        (
            "Error",
            "Get \"https://policy-svc:8443/v2\": context deadline exceeded",
        ),
        ("AxiosError", "timeout of 3000ms exceeded"),
        (
            "StatusRuntimeException",
            "DEADLINE_EXCEEDED: deadline exceeded after 2.999s",
        ),
    ] {
        check(
            &format!("slow: {kind}"),
            |run| {
                raises(run, 1, kind, message, 2);
                fail_call(run, 1, 0, |call| {
                    call.ms = 3_000;
                    call.server_ms = Some(7_400);
                    call.status = None;
                    call.error = Some((kind, message));
                });
                run.steps[1].tries.iter_mut().for_each(|it| it.ms = 3_100);
            },
            &["policy-svc"],
            Category::Latency,
        );
        check(
            &format!("slow, no server span: {kind}"),
            |run| {
                raises(run, 1, kind, message, 2);
                fail_call(run, 1, 0, |call| {
                    call.ms = 3_000;
                    call.server_ms = None;
                    call.status = None;
                    call.error = Some((kind, message));
                });
                run.steps[1].tries.iter_mut().for_each(|it| it.ms = 3_100);
            },
            &["policy-svc"],
            Category::Latency,
        );
    }
}

fn broken_networks() {
    for (kind, message) in [
        (
            "HttpRequestException",
            "No such host is known. (docstore.prod.svc.cluster.local:443)",
        ),
        (
            "ConnectionError",
            "Failed to resolve 'docstore.prod.svc.cluster.local' ([Errno -3] Temporary failure in name resolution)",
        ),
        (
            "java.net.UnknownHostException",
            "docstore.prod.svc.cluster.local",
        ),
        (
            "Error",
            "getaddrinfo EAI_AGAIN docstore.prod.svc.cluster.local",
        ),
        (
            "*url.Error",
            "Post \"https://docstore.prod.svc.cluster.local/v2\": dial tcp: lookup docstore.prod.svc.cluster.local on 10.0.0.2:53: server misbehaving",
        ),
        (
            "HttpRequestException",
            "Connection refused (docstore.prod.svc.cluster.local:443)",
        ),
        (
            "HttpRequestException",
            "No connection could be made because the target machine actively refused it. (docstore.prod.svc.cluster.local:443)",
        ),
        (
            "ConnectException",
            "Connection refused: docstore.prod.svc.cluster.local/10.3.2.1:443",
        ),
        ("Error", "connect ECONNREFUSED 10.3.2.1:443"),
        (
            "ssl.SSLCertVerificationError",
            "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: certificate has expired",
        ),
        (
            "botocore.exceptions.EndpointConnectionError",
            "Could not connect to the endpoint URL: \"https://docstore.prod.svc.cluster.local/\"",
        ),
    ] {
        for untraced in [false, true] {
            let told = message.contains("docstore");
            if untraced && !told {
                continue;
            }
            check(
                &format!("network untraced={untraced}: {message}"),
                |run| {
                    run.untraced = untraced;
                    raises(run, 0, kind, message, 3);
                    fail_call(run, 0, 0, |call| {
                        call.ms = 9;
                        call.server_ms = None;
                        call.status = None;
                        call.error = Some((kind, message));
                    });
                },
                &["docstore"],
                Category::NetworkConfig,
            );
        }
    }
}

fn refusals() {
    for (kind, message) in [
        (
            "AccessDeniedException",
            "User: arn:aws:sts::2:assumed-role/payout/payout is not authorized to perform: kms:Decrypt on resource: arn:aws:kms:us-east-1:2:key/1 because no identity-based policy allows the kms:Decrypt action",
        ),
        (
            "ClientError",
            "An error occurred (AccessDenied) when calling the PutObject operation: Access Denied",
        ),
        (
            "S3Exception",
            "Access Denied (Service: S3, Status Code: 403, Request ID: Q)",
        ),
        (
            "AmazonDynamoDBException",
            "User: arn:aws:sts::2:assumed-role/x is not authorized to perform: dynamodb:PutItem with an explicit deny in a resource-based policy",
        ),
        (
            "OperationError",
            "operation error SQS: SendMessage, https response error StatusCode: 403, api error AccessDenied: Access to the resource is denied",
        ),
    ] {
        check(
            &format!("permission: {message}"),
            |run| {
                raises(run, 2, kind, message, 2);
                run.steps[2].tries.iter_mut().for_each(|it| it.ms = 40);
                fail_call(run, 2, 0, |_| {});
            },
            &["payout"],
            Category::Permission,
        );
    }
    check(
        "throttled by Lambda",
        |run| {
            let attempt = last(run, 1);
            attempt.refused = true;
            attempt.failed = Some((
                "Lambda.TooManyRequestsException".into(),
                "Rate Exceeded. (Service: Lambda, Status Code: 429, Request ID: 1)".into(),
            ));
            let attempt = attempt.clone();
            run.steps[1].tries = vec![attempt; 4];
        },
        &["claim-assessor"],
        Category::Capacity,
    );
    for (kind, message) in [
        (
            "HttpRequestException",
            "Response status code does not indicate success: 429 (Too Many Requests).",
        ),
        (
            "HTTPError",
            "429 Client Error: Too Many Requests for url: https://fraud.partner.example/v2",
        ),
        (
            "FeignException$TooManyRequests",
            "[429] during [POST] to [https://fraud.partner.example/v2]: rate limit exceeded",
        ),
    ] {
        check(
            &format!("third party: {message}"),
            |run| {
                raises(run, 1, kind, message, 3);
                fail_call(run, 1, 1, |call| {
                    call.ms = 20;
                    call.server_ms = None;
                    call.status = Some(429);
                });
            },
            &["fraud", "fraud.partner.example"],
            Category::Capacity,
        );
    }
    for (kind, message) in [
        (
            "SQLTransientConnectionException",
            "HikariPool-1 - Connection is not available, request timed out after 30000ms.",
        ),
        (
            "InvalidOperationException",
            "Timeout expired. The timeout period elapsed prior to obtaining a connection from the pool. This may have occurred because all pooled connections were in use and max pool size was reached.",
        ),
        (
            "TimeoutError",
            "QueuePool limit of size 5 overflow 10 reached, connection timed out, timeout 30.00",
        ),
    ] {
        check(
            &format!("pool: {message}"),
            |run| {
                raises(run, 2, kind, message, 2);
                fail_call(run, 2, 0, |call| {
                    call.ms = 30_000;
                    call.server_ms = None;
                    call.status = None;
                    call.error = Some((kind, message));
                });
            },
            &["bank", "payout"],
            Category::Capacity,
        );
    }
}

fn functions() {
    for cause in [
        r#"{"errorType":"Runtime.OutOfMemory","errorMessage":"RequestId: 1 Error: Runtime exited with error: signal: killed"}"#,
        r#"{"errorType":"Runtime.ExitError","errorMessage":"RequestId: 1 Error: Runtime exited with error: signal: killed"}"#,
        r#"{"errorType":"java.lang.OutOfMemoryError","errorMessage":"Java heap space"}"#,
        r#"{"errorType":"System.OutOfMemoryException","errorMessage":"Exception of type 'System.OutOfMemoryException' was thrown."}"#,
        r#"{"errorType":"Runtime.ExitError","errorMessage":"RequestId: 1 Error: Runtime exited with error: exit status 137"}"#,
    ] {
        check(
            &format!("memory: {cause}"),
            |run| {
                let attempt = last(run, 1);
                attempt.memory = (512, 512);
                *attempt = attempt.clone().fails("Runtime.ExitError", cause);
                let attempt = attempt.clone();
                run.steps[1].tries = vec![attempt; 2];
            },
            &["claim-assessor"],
            Category::Memory,
        );
    }
    for (kind, message) in [
        (
            "Runtime.ImportModuleError",
            "Unable to import module 'handler': cannot import name 'v2' from 'lib'",
        ),
        (
            "Runtime.HandlerNotFound",
            "index.handler is undefined or not exported",
        ),
        (
            "System.IO.FileNotFoundException",
            "Could not load file or assembly 'Claims.Core, Version=2.0.0.0'. The system cannot find the file specified.",
        ),
        (
            "Runtime.InvalidEntrypoint",
            "RequestId: 1 Error: fork/exec /var/task/bootstrap: exec format error",
        ),
        (
            "Runtime.UserCodeSyntaxError",
            "Syntax error in module 'handler': invalid syntax (handler.py, line 12)",
        ),
    ] {
        check(
            &format!("init: {message}"),
            |run| {
                let attempt = last(run, 0);
                attempt.version = "8";
                attempt.failed = Some(lambda(kind, kind, message));
                attempt.ms = 2;
                attempt.calls.clear();
                let attempt = attempt.clone();
                run.steps[0].tries = vec![attempt; 3];
            },
            &["claim-reader"],
            Category::BadDeploy,
        );
    }
    told(
        "limit lowered",
        |run| {
            let attempt = last(run, 1);
            attempt.cut = true;
            attempt.ms = 300;
            attempt.failed = Some(("Sandbox.Timedout".into(), r#"{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: 1 Error: Task timed out after 0.30 seconds"}"#.into()));
        },
        json!([{"time": "2026-03-02T10:54:00Z", "kind": "config", "resource": "claim-assessor", "change": "Timeout: 30 -> 0.3"}]),
        &["claim-assessor"],
        Category::TimeoutConfig,
    );
    check(
        "limit hit because a service hangs",
        |run| {
            let attempt = last(run, 1);
            attempt.cut = true;
            attempt.ms = 15_000;
            attempt.calls[0].ms = 14_950;
            attempt.calls[0].server_ms = Some(14_900);
            attempt.calls.truncate(1);
            attempt.failed = Some(("Sandbox.Timedout".into(), r#"{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: 1 Error: Task timed out after 15.00 seconds"}"#.into()));
        },
        &["policy-svc"],
        Category::Latency,
    );
    told(
        "a release breaks",
        |run| {
            raises(
                run,
                2,
                "System.NullReferenceException",
                "Object reference not set to an instance of an object.",
                2,
            );
            run.steps[2]
                .tries
                .iter_mut()
                .for_each(|it| it.version = "8");
        },
        json!([{"time": "2026-03-02T10:55:00Z", "kind": "lambda", "resource": "payout", "change": "version 7 -> 8"}]),
        &["payout", "payout:8"],
        Category::BadDeploy,
    );
    check(
        "code fails without a release",
        |run| raises(run, 2, "LicenseExpired", "the licence has run out", 2),
        &["payout"],
        Category::Error,
    );
    check(
        "cold starts everywhere",
        |run| {
            for step in &mut run.steps {
                step.tries[0].init_ms = Some(2_100);
            }
        },
        &["claim-reader", "claim-assessor", "payout"],
        Category::ColdStart,
    );
    check(
        "cold start of one",
        |run| last(run, 1).init_ms = Some(6_300),
        &["claim-assessor"],
        Category::ColdStart,
    );
}

fn services() {
    for (status, category) in [(500, Category::Error), (503, Category::Error)] {
        check(
            &format!("service answers {status}"),
            |run| {
                raises(
                    run,
                    1,
                    "UpstreamError",
                    &format!("policy-svc answered {status}"),
                    3,
                );
                fail_call(run, 1, 0, |call| call.status = Some(status));
            },
            &["policy-svc"],
            category,
        );
    }
    check(
        "slow below all limits",
        |run| {
            let attempt = last(run, 1);
            attempt.ms += 4_000;
            attempt.calls[0].ms += 4_000;
            attempt.calls[0].server_ms = Some(attempt.calls[0].ms - 4);
        },
        &["policy-svc"],
        Category::Latency,
    );
    check(
        "slow without a span of its own",
        |run| {
            let attempt = last(run, 1);
            attempt.ms += 4_000;
            attempt.calls[0].ms += 4_000;
            attempt.calls[0].server_ms = None;
        },
        &["policy-svc"],
        Category::Latency,
    );
    check(
        "slow function",
        |run| {
            run.untraced = true;
            last(run, 0).ms += 5_000;
        },
        &["claim-reader"],
        Category::Latency,
    );
    check(
        "an ignored error beside a refusal",
        |run| {
            raises(
                run,
                1,
                "AccessDeniedException",
                "User is not authorized to perform: ssm:GetParameter",
                2,
            );
            for attempt in &mut run.steps[1].tries {
                attempt.calls[0].status = Some(500);
            }
        },
        &["claim-assessor"],
        Category::Permission,
    );
    check(
        "swallowed",
        |run| {
            raises(run, 1, "PolicyUnavailable", "no policy", 2);
            run.steps[1].caught = true;
            run.steps[1].output = json!({"claim": "C", "risk": null, "Error": "PolicyUnavailable"});
            run.steps.push(Step {
                state: "By hand",
                ..usual(1).steps.remove(2)
            });
            run.steps.remove(2);
        },
        &["claim-assessor"],
        Category::Error,
    );
}

#[test]
fn mechanisms_are_recognised_in_other_words() {
    slow_services();
    broken_networks();
    refusals();
    functions();
    services();
    let failed = FAILED.lock().expect("one thread");
    assert!(
        failed.is_empty(),
        "{} wrong:\n{}",
        failed.len(),
        failed.join("\n")
    );
}

/// As many events as a history may have.
#[test]
fn a_history_of_25_000_events_is_judged() {
    let mut files = Files::default();
    let mut arn = String::new();
    for n in 0..4 {
        let mut run = usual(n);
        let step = Step {
            tries: vec![Try::well(20, Vec::new())],
            ..run.steps[0].clone()
        };
        run.steps
            .splice(0..0, vec![step; if n == 3 { 4_980 } else { 20 }]);
        if n == 3 {
            let end = run.steps.len() - 1;
            raises(
                &mut run,
                end,
                "LicenseExpired",
                "the licence has run out",
                1,
            );
        }
        arn = files.run(n, &run);
    }
    let held = court::Held::read(&files.mystery(&json!([])));
    let (verdict, took) = held.timed(&arn);
    println!("judged {} in {took:?}", verdict.mechanism);
    assert_eq!(verdict.culprit.unwrap_or_default().name, "payout");
}

/// What is no crime accuses nobody.
#[test]
fn nobody_is_accused_without_a_crime() {
    let check = |what: &str, change: fn(&mut Run), changes: Value| {
        let verdict = judged(change, 2, changes);
        assert_eq!(
            verdict.outcome,
            Outcome::NoCrime,
            "{what}: {} {:?}",
            verdict.mechanism,
            verdict.culprit
        );
    };
    let deploys = json!([{"time": "2026-03-02T10:55:00Z", "kind": "lambda", "resource": "claim-reader", "change": "7 -> 8"}]);
    check("nothing", |_| {}, json!([]));
    check(
        "a release",
        |run| run.steps[0].tries[0].version = "8",
        deploys.clone(),
    );
    check(
        "a release with one cold start",
        |run| {
            run.steps[0].tries[0].version = "8";
            run.steps[0].tries[0].init_ms = Some(640);
        },
        deploys,
    );
    check(
        "warnings",
        |run| {
            run.steps[1].tries[0].lines =
                (0..30).map(|n| format!("WARN pool is at {n} %")).collect()
        },
        json!([]),
    );
    check(
        "a retry",
        |run| {
            let mut first = run.steps[2].tries[0].clone();
            first.ms = 30;
            first.calls.clear();
            first.failed = Some(lambda("ServiceException", "ServiceException", "try again"));
            run.steps[2].tries.insert(0, first);
        },
        json!([]),
    );
}
