//! Bills computed by hand.

#![allow(clippy::unwrap_used)]

use super::*;
use model::{
    Attempt, ColdStart, Engine, Invocation, InvocationStatus, Join, JoinEnd, JoinMethod, Span,
    SpanSource, State, Status, TraceId, UnixNanos, Value,
};

const ARN: &str = "arn:aws:states:us-east-1:1:execution:m:n";

#[derive(Default)]
struct World {
    execution: Execution,
    states: Vec<State>,
    attempts: Vec<Attempt>,
    invocations: Vec<Invocation>,
    joins: Vec<Join>,
    spans: Vec<Span>,
}

fn world() -> World {
    let execution = Execution {
        execution_arn: ARN.to_owned(),
        engine: Engine::STEP_FUNCTIONS.to_owned(),
        region: Some("us-east-1".to_owned()),
        state_machine: "m".to_owned(),
        span_id: SpanId::of_parts(&["execution"]),
        complete: true,
        ..Execution::default()
    };
    World {
        execution,
        ..World::default()
    }
}

impl World {
    fn state(mut self, name: &str) -> Self {
        self.states.push(State {
            state: name.to_owned(),
            path: name.to_owned(),
            span_id: SpanId::of_parts(&["state", name]),
            ..State::default()
        });
        self
    }

    /// A try of the last state, and the invocation that it made.
    fn tried(mut self, status: Status, invocation: Invocation) -> Self {
        let n = self.attempts.len() as u32;
        let id = SpanId::of_parts(&["attempt", &n.to_string()]);
        let state = self.states.last().unwrap();
        self.attempts.push(Attempt {
            state: state.state.clone(),
            path: state.path.clone(),
            span_id: id,
            parent_span_id: state.span_id,
            attempt: n + 1,
            retry: n > 0,
            function_name: Some("pay".to_owned()),
            status,
            end_time: Some(UnixNanos(1)),
            ..Attempt::default()
        });
        let invocation = Invocation {
            trace_id: TraceId::of_parts(&[&n.to_string()]),
            span_id: SpanId::of_parts(&["invocation", &n.to_string()]),
            function_name: "pay".to_owned(),
            ..invocation
        };
        let end = |kind: &str, trace_id, span_id| JoinEnd {
            kind: kind.to_owned(),
            trace_id,
            span_id,
        };
        self.joins.push(Join {
            execution_arn: ARN.to_owned(),
            parent: end("attempt", TraceId::default(), id),
            child: end("invocation", invocation.trace_id, invocation.span_id),
            method: JoinMethod::RequestId,
            confidence: 1.0,
            candidates: 1,
            evidence: String::new(),
        });
        self.invocations.push(invocation);
        self
    }

    fn report(&self, book: &PriceBook) -> CostReport {
        let facts = Facts {
            execution: &self.execution,
            states: &self.states,
            attempts: &self.attempts,
            invocations: &self.invocations,
            joins: &self.joins,
            spans: &self.spans,
            events: &[],
        };
        report(&self.execution, bill(&facts, book), book)
    }
}

/// A book in which the architecture is told.
fn told() -> PriceBook {
    let book = include_str!("prices.json").trim_end().trim_end_matches('}');
    let functions = r#", "functions": {"pay": {"architecture": "x86_64"}, "graviton": {"architecture": "arm64", "ephemeral_storage_mb": 1536}}}"#;
    PriceBook::read(&format!("{book}{functions}")).unwrap()
}

fn ran(mb: i64, billed_ms: f64) -> Invocation {
    Invocation {
        memory_size_mb: Some(mb),
        billed_duration_ms: Some(billed_ms),
        duration_ns: Some((billed_ms * 1e6) as i64),
        status: InvocationStatus::Success,
        ..Invocation::default()
    }
}

fn line<'a>(report: &'a CostReport, item: &str) -> &'a CostItem {
    let mut found = report.items.iter().filter(|it| it.item == item);
    let line = found
        .next()
        .unwrap_or_else(|| panic!("no {item} in {report:#?}"));
    assert!(found.next().is_none(), "{item} once");
    line
}

/// 512 MB × 250 ms = 0.125 GB-s × 0.0000166667 = 0.0000020833375; a request 0.0000002; two transitions 0.00005.
#[test]
fn a_simple_execution() {
    let report = world()
        .state("Start")
        .state("Pay")
        .tried(Status::Succeeded, ran(512, 250.0))
        .report(&told());
    assert_eq!(line(&report, "lambda_compute").picodollars, Some(2_083_338)); // …337.5 rounds up
    assert_eq!(line(&report, "lambda_compute").quantity, 0.125);
    assert_eq!(line(&report, "lambda_request").picodollars, Some(200_000));
    assert_eq!(report.picodollars, 2_083_338 + 200_000 + 2 * 25_000_000);
    assert_eq!(report.usd, "0.000052283338");
    assert_eq!(
        (report.wasted_picodollars, report.confidence),
        (0, CostConfidence::Exact)
    );
    assert_eq!(report.by_state[0], ("Pay".to_owned(), 27_283_338, 0));
    assert!(report.gaps.is_empty());
}

/// The failed try and the transition of the retry are waste: 2,083,338 + 200,000 + 25,000,000.
#[test]
fn failed_and_repeated_work_is_waste() {
    let failed = Invocation {
        status: InvocationStatus::Error,
        ..ran(512, 250.0)
    };
    let report = world()
        .state("Pay")
        .tried(Status::Failed, failed)
        .tried(Status::Succeeded, ran(512, 250.0))
        .report(&told());
    assert_eq!(report.wasted_picodollars, 27_283_338);
    assert_eq!(report.picodollars, 2 * 27_283_338);
    assert_eq!(report.wasted_ratio, Some(0.5));
    let again: Vec<Waste> = report
        .items
        .iter()
        .map(|it| it.waste)
        .filter(|it| *it != Waste::None)
        .collect();
    assert_eq!(
        again,
        [Waste::Repeated, Waste::FailedAttempt, Waste::FailedAttempt]
    );
}

#[test]
fn the_init_is_a_position_of_its_own() {
    let check = |billed: Option<f64>, start: i64, run: i64, init: i64, confidence| {
        let invocation = Invocation {
            billed_duration_ms: billed,
            duration_ns: Some(100_400_000),
            init_duration_ms: Some(299.7),
            cold_start: ColdStart::Init,
            start_time: UnixNanos(start),
            ..ran(1_024, 0.0)
        };
        let report = world()
            .state("Pay")
            .tried(Status::Succeeded, invocation)
            .report(&told());
        let pico = |item: &str| {
            let held = report.items.iter().find(|it| it.item == item);
            held.map_or(0, |it| it.picodollars.unwrap() / 16_666)
        };
        // 1 GB: a millisecond is 16,666.7 pico-dollars.
        assert_eq!((pico("lambda_compute"), pico("lambda_init")), (run, init));
        assert_eq!(report.confidence, confidence);
    };
    // Billed = ceil(299.7 + 100.4) since August 2025; only the duration before.
    check(Some(401.0), 0, 101, 300, CostConfidence::Exact);
    check(Some(101.0), 0, 101, 0, CostConfidence::Exact);
    check(
        None,
        1_760_000_000_000_000_000,
        101,
        300,
        CostConfidence::Estimated,
    );
    check(
        None,
        1_700_000_000_000_000_000,
        101,
        0,
        CostConfidence::Estimated,
    );
}

#[test]
fn a_throttled_call_costs_its_transition_only() {
    let mut world = world().state("Pay");
    world.attempts.push(Attempt {
        function_name: Some("pay".to_owned()),
        error: Some("Lambda.TooManyRequestsException".to_owned()),
        status: Status::Failed,
        end_time: Some(UnixNanos(1)),
        ..Attempt::default()
    });
    let report = world.report(&told());
    assert_eq!((report.items.len(), report.picodollars), (1, 25_000_000));
    assert_eq!(report.confidence, CostConfidence::Exact);
}

#[test]
fn what_is_not_known_is_named() {
    let check = |world: World, expect: &str, confidence| {
        let report = world.report(&PriceBook::built_in());
        assert!(
            report.gaps.iter().any(|gap| gap.contains(expect)),
            "{:?}",
            report.gaps
        );
        assert_eq!(report.confidence, confidence);
    };
    let plain = || world().state("Pay").tried(Status::Succeeded, ran(128, 1.0));
    check(
        plain(),
        "architecture of function pay is unknown",
        CostConfidence::Estimated,
    );
    let mut elsewhere = plain();
    elsewhere.execution.region = Some("mars-1".to_owned());
    check(
        elsewhere,
        "no lambda_request for mars-1",
        CostConfidence::Partial,
    );
    let mut nowhere = plain();
    nowhere.execution.region = None;
    check(nowhere, "no region is known", CostConfidence::Partial);
    let mut unseen = plain();
    unseen.joins.clear();
    check(
        unseen,
        "log of function pay is not held",
        CostConfidence::Partial,
    );
    let mut holes = plain();
    holes.execution.complete = false;
    check(
        holes,
        "transitions may be missing",
        CostConfidence::Estimated,
    );
    let nothing = Invocation::default();
    check(
        world().state("Pay").tried(Status::Succeeded, nothing),
        "memory size",
        CostConfidence::Partial,
    );
}

#[test]
fn an_unknown_region_is_unpriced() {
    let mut world = world().state("Pay").tried(Status::Succeeded, ran(128, 1.0));
    world.execution.region = Some("mars-1".to_owned());
    let report = world.report(&told());
    assert_eq!((report.picodollars, report.wasted_ratio), (0, None));
    assert!(report.items.iter().all(|it| it.picodollars.is_none()));
}

#[test]
fn a_history_without_an_arn_is_billed_where_its_functions_are() {
    let check = |resources: &[&str], expect: &str| {
        let mut world = world().state("Pay");
        world.execution.region = None;
        let attempt = |resource: &&str| Attempt {
            resource: (*resource).to_owned(),
            ..Attempt::default()
        };
        world.attempts = resources.iter().map(attempt).collect();
        assert_eq!(world.report(&told()).region, expect);
    };
    check(
        &[
            "arn:aws:lambda:eu-west-1:1:function:a",
            "arn:aws:lambda:eu-west-1:1:function:b",
        ],
        "eu-west-1",
    );
    check(
        &[
            "arn:aws:lambda:eu-west-1:1:function:a",
            "arn:aws:lambda:us-east-1:1:function:b",
        ],
        "",
    );
    check(&["invoke", "arn:x"], "");
}

/// Told: 150 ms → 200 ms, 70 MB → 128 MB: 0.025 GB-s × 0.00001667 = 0.00000041675, a request 0.000001.
#[test]
fn express_is_billed_by_request_and_memory() {
    let mut world = world().state("Pay");
    world.execution.execution_arn = "arn:aws:states:us-east-1:1:express:m:n:u".to_owned();
    world.execution.duration_ns = Some(150_000_000);
    let estimated = world.report(&told());
    assert_eq!(estimated.confidence, CostConfidence::Estimated);
    // 50 MB → 64 MB.
    assert_eq!(line(&estimated, "states_express_compute").quantity, 0.0125);
    world.spans.push(Span {
        span_id: world.execution.span_id,
        source: SpanSource::Workflow,
        attributes: [
            ("aws.sfn.billed_duration_ms".to_owned(), Value::Int(150)),
            ("aws.sfn.billed_memory_mb".to_owned(), Value::Int(70)),
        ]
        .into(),
        ..Span::default()
    });
    let report = world.report(&told());
    assert_eq!(
        line(&report, "states_express_compute").picodollars,
        Some(416_750)
    );
    assert_eq!(report.picodollars, 1_416_750);
    assert_eq!(report.confidence, CostConfidence::Exact);
}

/// arm64: 1024 MB × 1 s × 0.0000133334; (1536 − 512) MB of /tmp × 1 s × 0.0000000309.
#[test]
fn what_the_book_tells_of_functions_counts() {
    let mut world = world()
        .state("Pay")
        .tried(Status::Succeeded, ran(1_024, 1_000.0));
    world.invocations[0].function_name = "graviton".to_owned();
    let report = world.report(&told());
    assert_eq!(
        line(&report, "lambda_compute").picodollars,
        Some(13_333_400)
    );
    assert_eq!(
        line(&report, "lambda_ephemeral_storage").picodollars,
        Some(30_900)
    );
}

#[test]
fn provisioned_concurrency_and_restores_have_their_own_prices() {
    let provisioned = Invocation {
        cold_start: ColdStart::Provisioned,
        ..ran(1_024, 1_000.0)
    };
    let report = world()
        .state("Pay")
        .tried(Status::Succeeded, provisioned)
        .report(&told());
    assert_eq!(
        line(&report, "lambda_provisioned").picodollars,
        Some(9_722_200)
    );
    let restored = |runtime: &str| Invocation {
        cold_start: ColdStart::SnapstartRestore,
        runtime_version: Some(runtime.to_owned()),
        ..ran(512, 1_000.0)
    };
    let report = world()
        .state("Pay")
        .tried(Status::Succeeded, restored("python:3.13.v1"))
        .report(&told());
    assert_eq!(
        line(&report, "lambda_restore").picodollars,
        Some(69_899_900)
    );
    let report = world()
        .state("Pay")
        .tried(Status::Succeeded, restored("java:21.v1"))
        .report(&told());
    assert!(report.items.iter().all(|it| it.item != "lambda_restore"));
}

/// 0.25 vCPU and 0.5 GB for 90 s: 0.25 × 0.04048 × 90/3600, 0.5 × 0.004445 × 90/3600.
#[test]
fn fargate_is_billed_by_the_second_from_a_minute_on() {
    let mut world = world().state("Run");
    let span = |from: i64, to: i64| Span {
        span_id: SpanId::of_parts(&["task"]),
        start_time: UnixNanos(from * 1_000_000_000),
        end_time: UnixNanos(to * 1_000_000_000),
        attributes: [
            ("aws.ecs.launchtype".to_owned(), Value::from("FARGATE")),
            ("host.arch".to_owned(), Value::from("amd64")),
            ("inquest.container.vcpus".to_owned(), Value::Double(0.25)),
            ("inquest.container.memory_mb".to_owned(), Value::Int(512)),
            (
                "inquest.container.billed_ns".to_owned(),
                Value::Int((to - from) * 1_000_000_000),
            ),
        ]
        .into(),
        ..Span::default()
    };
    world.spans = vec![span(0, 90)];
    let report = world.report(&told());
    assert_eq!(line(&report, "fargate_vcpu").picodollars, Some(253_000_000));
    assert_eq!(
        line(&report, "fargate_memory").picodollars,
        Some(55_562_500)
    );
    world.spans = vec![span(0, 5)];
    let report = world.report(&told());
    assert_eq!(line(&report, "fargate_vcpu").quantity, 0.25 / 60.0);
}

/// A try of a job of which no event is held.
fn job(service: &str, resource: &str, answer: Option<&str>) -> CostReport {
    let mut world = world().state("Run");
    world.attempts.push(Attempt {
        state: "Run".to_owned(),
        span_id: SpanId::of_parts(&["attempt"]),
        resource_type: service.to_owned(),
        resource: resource.to_owned(),
        status: Status::Succeeded,
        input: Some(r#"{"JobName": "nightly"}"#.to_owned()),
        output: answer.map(str::to_owned),
        ..Attempt::default()
    });
    world.report(&told())
}

#[test]
fn jobs_are_billed_by_what_their_answers_tell() {
    let task = r#"{"TaskArn": "arn:aws:ecs:us-east-1:1:task/jobs/d1", "LaunchType": "FARGATE", "Cpu": "1024", "Memory": "2048",
        "CreatedAt": 1793791680829, "PullStartedAt": 1793791691209, "StoppedAt": 1793791748326,
        "TaskDefinitionArn": "arn:aws:ecs:us-east-1:1:task-definition/printer:31"}"#;
    let report = job("ecs", "runTask.sync", Some(task));
    // 57.117 s are a minute: 0.04048 / 60 and 2 × 0.004445 / 60.
    assert_eq!(line(&report, "fargate_vcpu").picodollars, Some(674_666_667));
    assert_eq!(
        line(&report, "fargate_memory").picodollars,
        Some(148_166_667)
    );
    assert_eq!(line(&report, "fargate_vcpu").resource, "printer");
    assert_eq!(report.confidence, CostConfidence::Estimated);
    let batch = r#"{"JobId": "j", "JobName": "nightly", "PlatformCapabilities": ["FARGATE"], "CreatedAt": 1793791680829,
        "StartedAt": 1793791700000, "StoppedAt": 1793791820000, "Container": {"ResourceRequirements":
        [{"Type": "VCPU", "Value": "0.25"}, {"Type": "MEMORY", "Value": "512"}]}, "Attempts":
        [{"StartedAt": 1793791690000, "StoppedAt": 1793791700000}, {"StartedAt": 1793791700000, "StoppedAt": 1793791820000}]}"#;
    let report = job("batch", "submitJob.sync", Some(batch));
    // Ten seconds count as a minute, and two minutes.
    assert_eq!(
        line(&report, "fargate_vcpu").quantity,
        0.25 * 180.0 / 3_600.0
    );
}

#[test]
fn jobs_without_a_price_or_a_size_are_named() {
    let check = |service: &str, resource: &str, answer: Option<&str>, item: &str, part: &str| {
        let report = job(service, resource, answer);
        assert_eq!(report.confidence, CostConfidence::Partial);
        let note = &line(&report, item).note;
        assert!(note.contains(part), "{note}");
    };
    check("ecs", "runTask.sync", None, "job", "the ecs job nightly");
    check("batch", "submitJob", None, "job", "the batch job nightly");
    check("codebuild", "startBuild.sync", None, "job", "nightly");
    let ec2 = r#"{"JobId": "j", "JobName": "nightly", "Container": {"Vcpus": 2, "Memory": 4096},
        "StartedAt": 1793791700000, "StoppedAt": 1793791820000}"#;
    let batch = "submitJob.sync";
    check("batch", batch, Some(ec2), "batch_ec2", "under nightly");
    let glue = r#"{"JobName": "features", "ExecutionTime": 585, "MaxCapacity": 10.0}"#;
    let start = "startJobRun.sync";
    check("glue", start, Some(glue), "glue_dpu", "Glue job features");
    let report = job("states", "startExecution.sync", None);
    assert_eq!(report.confidence, CostConfidence::Exact);
}

#[test]
fn waste_without_a_price_is_not_told_as_none() {
    let item = |picodollars, waste| CostItem {
        picodollars,
        waste,
        ..CostItem::default()
    };
    let check = |items: Vec<CostItem>, unpriced: u64, ratio: Option<f64>| {
        let report = super::report(&Execution::default(), items, &told());
        let told = report
            .gaps
            .iter()
            .any(|it| it.starts_with("more was wasted"));
        assert_eq!(report.wasted_unpriced, unpriced);
        assert_eq!(report.wasted_ratio, ratio);
        assert_eq!(told, unpriced > 0, "{:?}", report.gaps);
    };
    let well = || item(Some(30), Waste::None);
    check(vec![well(), item(None, Waste::FailedAttempt)], 1, None);
    check(vec![well(), item(None, Waste::None)], 0, Some(0.0));
    let both = vec![
        well(),
        item(Some(10), Waste::Aborted),
        item(None, Waste::Aborted),
    ];
    check(both, 1, Some(0.25));
}

/// 1 GiB of lines.
#[test]
fn log_lines_are_billed_by_the_byte() {
    let invocation = Invocation {
        log_bytes: Some(1 << 30),
        ..ran(128, 1.0)
    };
    let report = world()
        .state("Pay")
        .tried(Status::Succeeded, invocation)
        .report(&told());
    assert_eq!(
        line(&report, "log_ingestion").picodollars,
        Some(500_000_000_000)
    );
}

#[test]
fn absurd_quantities_do_not_overflow() {
    let invocation = Invocation {
        log_bytes: Some(i64::MAX),
        duration_ns: Some(i64::MAX),
        init_duration_ms: Some(f64::MAX),
        cold_start: ColdStart::Init,
        ..ran(i64::MAX, f64::MAX)
    };
    let report = world()
        .state("Pay")
        .tried(Status::Succeeded, invocation)
        .report(&told());
    assert!(report.picodollars > 0);
}
