"""An AWS on loopback: moto's server, whose Step Functions executes state machines, and what a team has in it.

Prints one line of JSON (the endpoint, and what AWS itself says of what was run), then waits until its input
ends. Everything is made and asked through the real AWS SDK for Python.
"""

import json
import os
import socket
import sys
import time
import urllib.request

with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    PORT = free.getsockname()[1]
# Where moto's own integrations (a Task that calls SQS) find its services.
os.environ["MOTO_PORT"] = str(PORT)
os.environ.update(AWS_ACCESS_KEY_ID="a", AWS_SECRET_ACCESS_KEY="b", AWS_DEFAULT_REGION="us-east-1")

import logging

import boto3
from moto.server import ThreadedMotoServer

logging.getLogger("werkzeug").setLevel(logging.ERROR)
URL = f"http://127.0.0.1:{PORT}"
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:"
RETRY = [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 1, "MaxAttempts": 2, "BackoffRate": 1.0}]


def client(name):
    return boto3.client(name, region_name="us-east-1", endpoint_url=URL)


def task(resource, parameters, **more):
    return {"Type": "Task", "Resource": "arn:aws:states:::" + resource, "Parameters": parameters, **more}


def one(state):
    """A branch of one state."""
    return {"StartAt": "Only", "States": {"Only": {**state, "End": True}}}


def machine(name, states, **more):
    for state in states.values():
        if state["Type"] not in ("Succeed", "Fail") and "Next" not in state:
            state["End"] = True
    definition = {"StartAt": next(iter(states)), "States": states}
    made = SFN.create_state_machine(name=name, definition=json.dumps(definition), roleArn=ROLE, **more)
    return made["stateMachineArn"]


def run(arn, name, value, wait=True):
    execution = SFN.start_execution(stateMachineArn=arn, name=name, input=json.dumps(value))["executionArn"]
    for _ in range(240):
        if not wait or SFN.describe_execution(executionArn=execution)["status"] != "RUNNING":
            return execution
        time.sleep(0.25)
    raise SystemExit(f"{execution} does not end")


def history(execution):
    pages = SFN.get_paginator("get_execution_history").paginate(executionArn=execution)
    return [event for page in pages for event in page["events"]]


def told(execution):
    """What AWS says of it."""
    said = SFN.describe_execution(executionArn=execution)
    events = history(execution)
    names = [e["stateEnteredEventDetails"]["name"] for e in events if e["type"].endswith("StateEntered")]
    tries = [e for e in events if e["type"] in ("TaskScheduled", "LambdaFunctionScheduled")]
    return {"arn": execution, "status": said["status"], "events": len(events), "states": len(names), "attempts": len(tries)}


def calls(execution):
    """When each call of a function was answered, seconds."""
    ended = ("TaskSucceeded", "LambdaFunctionSucceeded")
    mine = [e for e in history(execution) if e["type"] in ended]
    mine = [e for e in mine if e.get("taskSucceededEventDetails", {}).get("resourceType", "lambda") == "lambda"]
    return [event["timestamp"].timestamp() for event in mine]


def function(name, **more):
    code = {"ZipFile": b"PK\x05\x06" + bytes(18)}
    LAMBDA.create_function(FunctionName=name, Runtime="python3.13", Role=ROLE, Handler="a.b", Code=code, **more)


def say(group, stream, lines):
    """Lines as (seconds, text), put out of order, as agents do across calls."""
    LOGS.create_log_stream(logGroupName=group, logStreamName=stream)
    events = [{"timestamp": int(at * 1000), "message": text} for at, text in lines]
    for part in (events[len(events) // 2 :], events[: len(events) // 2]):
        if part:
            LOGS.put_log_events(logGroupName=group, logStreamName=stream, logEvents=sorted(part, key=lambda it: it["timestamp"]))


def invocation(request, at, more=""):
    return [
        (at - 0.02, f"START RequestId: {request} Version: $LATEST\n"),
        (at - 0.01, f"{request} charged\n"),
        (at, f"END RequestId: {request}\n"),
        (
            at,
            f"REPORT RequestId: {request}\tDuration: 12.00 ms\tBilled Duration: 12 ms\t"
            f"Memory Size: 128 MB\tMax Memory Used: 64 MB\t{more}\n",
        ),
    ]


def workflows():
    """State machines with all that ASL has, really executed; what AWS says of each execution."""
    missing = task("dynamodb:getItem", {"TableName": "none", "Key": {"id": {"S": "1"}}}, Retry=RETRY)
    charge = task("lambda:invoke", {"FunctionName": "charge", "Payload.$": "$"})
    caught = [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "Send"}]
    inline = {"ProcessorConfig": {"Mode": "INLINE"}, **one(charge)}
    send = task("sqs:sendMessage", {"QueueUrl.$": "$.queue", "MessageBody": "done"})
    orders = machine(
        "orders",
        {
            "Each": {"Type": "Map", "ItemsPath": "$.items", "MaxConcurrency": 1, "ResultPath": None, "ItemProcessor": inline, "Next": "Both"},
            "Both": {"Type": "Parallel", "ResultPath": None, "Branches": [one({"Type": "Pass"}), one(missing)], "Catch": caught, "Next": "Send"},
            "Send": send,
        },
    )
    legacy = machine("legacy", {"Note": {"Type": "Task", "Resource": FUNCTION + "note", "Retry": RETRY}})
    fails = machine("fails", {"Check": {"Type": "Pass", "Next": "Stop"}, "Stop": {"Type": "Fail", "Error": "Declined", "Cause": "no funds"}})
    slow = machine("slow", {"Wait": {"Type": "Wait", "Seconds": 600}})
    queue = SQS.create_queue(QueueName="done")["QueueUrl"]
    return {
        "orders": run(orders, "order-1", {"items": [1, 2, 3], "queue": queue}),
        "again": run(orders, "order-2", {"items": [], "queue": queue}),
        "legacy": run(legacy, "note-1", {"text": "x"}),
        "fails": run(fails, "bad-1", {}),
        "slow": run(slow, "slow-1", {}, wait=False),
    }


def logs(ran):
    """What the functions wrote: into the usual group, and into one that the function is configured for."""
    LOGS.create_log_group(logGroupName="/aws/lambda/charge")
    LOGS.create_log_group(logGroupName="/team/notes")
    lines = []
    for n, at in enumerate(calls(ran["orders"])):
        lines += invocation(f"0000000{n}-0000-4000-8000-000000000001", at)
    say("/aws/lambda/charge", "2026/01/01/[$LATEST]aa", lines)
    traced = f"\nXRAY TraceId: {TRACE}\tSegmentId: 53995c3f42cd8ad8\tSampled: true"
    lines = invocation("11111111-0000-4000-8000-000000000001", calls(ran["legacy"])[0], traced)
    say("/team/notes", "2026/01/01/note[$LATEST]bb", lines)


def express():
    """An Express state machine, and what it delivered to its log group."""
    group = "/aws/vendedlogs/states/quick"
    LOGS.create_log_group(logGroupName=group)
    where = {"cloudWatchLogsLogGroup": {"logGroupArn": f"arn:aws:logs:us-east-1:123456789012:log-group:{group}:*"}}
    logging = {"level": "ALL", "includeExecutionData": True, "destinations": [where]}
    machine("quick", {"Only": {"Type": "Pass"}}, type="EXPRESS", loggingConfiguration=logging)
    arn = "arn:aws:states:us-east-1:123456789012:express:quick:run-1:0f"
    steps = [
        ("ExecutionStarted", {"input": "{}", "roleArn": ROLE}),
        ("PassStateEntered", {"input": "{}", "name": "Only"}),
        ("PassStateExited", {"output": "{}", "name": "Only"}),
        ("ExecutionSucceeded", {"output": "{}"}),
    ]
    now = time.time() - 60
    event = lambda n, kind, details: {
        "id": str(n + 1), "type": kind, "details": details, "previous_event_id": str(max(n, 0)),
        "event_timestamp": str(int(now * 1000) + n * 10), "execution_arn": arn, "redrive_count": "0",
    }  # fmt: skip
    lines = [(now + n / 100, json.dumps(event(n, *step))) for n, step in enumerate(steps)]
    say(group, "states/quick/2026-01-01-00-00/0f", lines)
    return arn


def containers():
    """A task and a job. moto's own integrations for them read no parameters, so no execution starts them."""
    ECS.create_cluster(clusterName="main")
    container = {"name": "load", "image": "load", "memory": 128, "essential": True}
    ECS.register_task_definition(family="load", containerDefinitions=[container], requiresCompatibilities=["FARGATE"])
    subnet = EC2.describe_subnets()["Subnets"][0]["SubnetId"]
    guard = EC2.describe_security_groups()["SecurityGroups"][0]["GroupId"]
    network = {"awsvpcConfiguration": {"subnets": [subnet], "securityGroups": [guard]}}
    started = ECS.run_task(cluster="main", taskDefinition="load", launchType="FARGATE", networkConfiguration=network)
    kinds = {"type": "FARGATE", "maxvCpus": 4, "subnets": [subnet], "securityGroupIds": [guard]}
    made = BATCH.create_compute_environment(computeEnvironmentName="all", type="MANAGED", state="ENABLED", computeResources=kinds, serviceRole=ROLE)
    order = [{"order": 1, "computeEnvironment": made["computeEnvironmentArn"]}]
    BATCH.create_job_queue(jobQueueName="all", state="ENABLED", priority=1, computeEnvironmentOrder=order)
    properties = {"image": "sum", "vcpus": 1, "memory": 128, "command": ["sum"]}
    BATCH.register_job_definition(jobDefinitionName="sum", type="container", containerProperties=properties)
    job = BATCH.submit_job(jobName="sum-1", jobQueue="all", jobDefinition="sum")["jobId"]
    return {"task": started["tasks"][0]["taskArn"], "job": job}


def events(ran):
    """What an EventBridge rule puts into a queue: a status that is told, and words that are not for us."""
    queue = SQS.create_queue(QueueName="inquest")["QueueUrl"]
    arn = "arn:aws:states:us-east-1:123456789012:execution:elsewhere:told-1"
    now = int(time.time() * 1000)
    detail = {
        "executionArn": arn, "stateMachineArn": arn.replace(":execution:", ":stateMachine:").rsplit(":", 1)[0],
        "name": "told-1", "status": "FAILED", "startDate": now - 5000, "stopDate": now, "input": "{}",
        "error": "Declined", "cause": "told by an event", "redriveCount": 0,
    }  # fmt: skip
    event = {
        "version": "0", "id": "0f", "detail-type": "Step Functions Execution Status Change", "source": "aws.states",
        "account": "123456789012", "time": "2026-01-01T00:00:00Z", "region": "us-east-1", "resources": [arn], "detail": detail,
    }  # fmt: skip
    wrapped = {"Type": "Notification", "Message": json.dumps(event)}
    for body in (json.dumps(event), json.dumps(wrapped), "nothing that is known"):
        SQS.send_message(QueueUrl=queue, MessageBody=body)
    return queue, arn


def main():
    global SFN, SQS, LOGS, LAMBDA, ECS, EC2, BATCH, ROLE, TRACE
    ThreadedMotoServer(ip_address="127.0.0.1", port=PORT, verbose=False).start()
    settings = {"stepfunctions": {"execute_state_machine": True}, "lambda": {"use_docker": False}, "batch": {"use_docker": False}}
    request = urllib.request.Request(URL + "/moto-api/config", json.dumps(settings).encode(), {"Content-Type": "application/json"})
    urllib.request.urlopen(request).read()
    SFN, SQS, LOGS, LAMBDA = (client(name) for name in ("stepfunctions", "sqs", "logs", "lambda"))
    ECS, EC2, BATCH = (client(name) for name in ("ecs", "ec2", "batch"))
    ROLE = client("iam").create_role(RoleName="all", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    TRACE = f"1-{int(time.time()):08x}-a006649127e371903a2de979"
    function("charge")
    function("note", LoggingConfig={"LogFormat": "Text", "LogGroup": "/team/notes"})
    ran = workflows()
    logs(ran)
    segment = {"trace_id": TRACE, "id": "53995c3f42cd8ad8", "name": "note", "start_time": time.time() - 2, "end_time": time.time() - 1}
    client("xray").put_trace_segments(TraceSegmentDocuments=[json.dumps(segment)])
    queue, event = events(ran)
    client("s3").create_bucket(Bucket="blocks")
    answer = {"url": URL, "ran": {name: told(arn) for name, arn in ran.items()}, "queue": queue, "told": event, "express": express(), **containers()}
    print(json.dumps(answer), flush=True)
    sys.stdin.read()


main()
