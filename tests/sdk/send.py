"""Sends one trace of two spans and one log record with the official Python SDK.

Usage: send.py TRANSPORT COMPRESSION ENDPOINT NUMBER

TRANSPORT is grpc or http, COMPRESSION none or gzip, NUMBER the first byte of the trace id. All senders
in this folder send the same data, so that their rows can be compared.
"""

import sys

from opentelemetry import trace
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags

START = 1_700_000_000_000_000_000
MS = 1_000_000


class Ids(IdGenerator):
    """The trace of that number; spans 0a0a… and 0b0b…"""

    def __init__(self, number):
        self.trace = int(f"{number:02x}" + "11" * 15, 16)
        self.spans = iter([int("0a" * 8, 16), int("0b" * 8, 16)])

    def generate_trace_id(self):
        return self.trace

    def generate_span_id(self):
        return next(self.spans)


def exporters(transport, compression, endpoint):
    if transport == "grpc":
        import grpc
        from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

        kinds = {"none": grpc.Compression.NoCompression, "gzip": grpc.Compression.Gzip}
        options = {"endpoint": endpoint, "insecure": True, "compression": kinds[compression]}
        return OTLPSpanExporter(**options), OTLPLogExporter(**options)
    from opentelemetry.exporter.otlp.proto.http import Compression
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    kinds = {"none": Compression.NoCompression, "gzip": Compression.Gzip}
    return (
        OTLPSpanExporter(endpoint=f"{endpoint}/v1/traces", compression=kinds[compression]),
        OTLPLogExporter(endpoint=f"{endpoint}/v1/logs", compression=kinds[compression]),
    )


class Checked:
    """An exporter whose failures are not swallowed."""

    def __init__(self, exporter):
        self.exporter = exporter
        self.results = []

    def export(self, batch):
        result = self.exporter.export(batch)
        self.results.append(result.name)
        return result

    def __getattr__(self, name):
        return getattr(self.exporter, name)


def main():
    transport, compression, endpoint, number = sys.argv[1:]
    spans, logs = map(Checked, exporters(transport, compression, endpoint))
    resource = Resource({"service.name": "sdk-test", "host.name": "h1"})

    tracers = TracerProvider(resource=resource, id_generator=Ids(int(number)))
    tracers.add_span_processor(SimpleSpanProcessor(spans))
    tracer = tracers.get_tracer("sdk-scope", "1.2.3")
    root = tracer.start_span(
        "GET /orders",
        kind=SpanKind.SERVER,
        start_time=START,
        attributes={
            "http.route": "/orders/{id}",
            "http.response.status_code": 200,
            "ratio": 0.5,
            "cached": True,
            "tags": ["a", "b"],
        },
    )
    around = trace.set_span_in_context(root)
    other = SpanContext(int("ee" * 16, 16), int("dd" * 8, 16), True, TraceFlags(1))
    child = tracer.start_span(
        "SELECT orders",
        context=around,
        kind=SpanKind.CLIENT,
        start_time=START + 10 * MS,
        attributes={"db.system": "postgresql"},
        links=[Link(other, {"why": "retry"})],
    )
    child.add_event("exception", {"exception.type": "DbError"}, timestamp=START + 50 * MS)
    child.set_status(Status(StatusCode.ERROR, "no such table"))
    child.end(end_time=START + 60 * MS)
    root.end(end_time=START + 250 * MS)

    loggers = LoggerProvider(resource=resource)
    loggers.add_log_record_processor(SimpleLogRecordProcessor(logs))
    loggers.get_logger("sdk-scope").emit(
        LogRecord(
            timestamp=START + 20 * MS,
            observed_timestamp=START + 21 * MS,
            context=around,
            severity_number=SeverityNumber.INFO,
            severity_text="INFO",
            body="order placed",
            attributes={"order.id": "o-1", "items": 3},
        )
    )
    loggers.shutdown()
    tracers.shutdown()
    results = spans.results + logs.results
    assert results == ["SUCCESS"] * 3, results


main()
