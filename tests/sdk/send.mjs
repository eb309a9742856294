// Sends one trace of two spans and one log record with the official JavaScript SDK.
//
// Usage: node send.mjs TRANSPORT COMPRESSION ENDPOINT NUMBER
//
// TRANSPORT is grpc, json or proto, COMPRESSION none or gzip, NUMBER the first byte of the trace id. All
// senders in this folder send the same data, so that their rows can be compared. (Log records go as JSON
// whatever the transport of the spans.) INQUEST_NODE_MODULES names the folder of the packages.

import { createRequire } from "node:module";
import { join } from "node:path";

const require = createRequire(join(process.env.INQUEST_NODE_MODULES, "anything.js"));
const { ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } = require("@opentelemetry/api");
const { SeverityNumber } = require("@opentelemetry/api-logs");
const { resourceFromAttributes } = require("@opentelemetry/resources");
const { BasicTracerProvider, SimpleSpanProcessor } = require("@opentelemetry/sdk-trace-base");
const { LoggerProvider, SimpleLogRecordProcessor } = require("@opentelemetry/sdk-logs");
const { OTLPLogExporter } = require("@opentelemetry/exporter-logs-otlp-http");

const [transport, compression, endpoint, number] = process.argv.slice(2);
const packages = { grpc: "grpc", json: "http", proto: "proto" };
const { OTLPTraceExporter } = require(`@opentelemetry/exporter-trace-otlp-${packages[transport]}`);

/** A time of the SDK: seconds and nanoseconds. */
const at = (ms) => [1_700_000_000, ms * 1_000_000];

const results = [];
/** An exporter whose failures are not swallowed. */
function checked(exporter) {
  const send = exporter.export.bind(exporter);
  exporter.export = (batch, done) =>
    send(batch, (result) => {
      results.push(result);
      done(result);
    });
  return exporter;
}

const spans = ["0a".repeat(8), "0b".repeat(8)];
const ids = {
  generateTraceId: () => Number(number).toString(16).padStart(2, "0") + "11".repeat(15),
  generateSpanId: () => spans.shift(),
};
const resource = resourceFromAttributes({ "service.name": "sdk-test", "host.name": "h1" });

const url = transport === "grpc" ? endpoint : `${endpoint}/v1/traces`;
const tracers = new BasicTracerProvider({
  resource,
  idGenerator: ids,
  spanProcessors: [new SimpleSpanProcessor(checked(new OTLPTraceExporter({ url, compression })))],
});
const tracer = tracers.getTracer("sdk-scope", "1.2.3");
const root = tracer.startSpan(
  "GET /orders",
  {
    kind: SpanKind.SERVER,
    startTime: at(0),
    attributes: {
      "http.route": "/orders/{id}",
      "http.response.status_code": 200,
      ratio: 0.5,
      cached: true,
      tags: ["a", "b"],
    },
  },
  ROOT_CONTEXT,
);
const around = trace.setSpan(ROOT_CONTEXT, root);
const other = { traceId: "ee".repeat(16), spanId: "dd".repeat(8), traceFlags: 1, isRemote: true };
const child = tracer.startSpan(
  "SELECT orders",
  {
    kind: SpanKind.CLIENT,
    startTime: at(10),
    attributes: { "db.system": "postgresql" },
    links: [{ context: other, attributes: { why: "retry" } }],
  },
  around,
);
child.addEvent("exception", { "exception.type": "DbError" }, at(50));
child.setStatus({ code: SpanStatusCode.ERROR, message: "no such table" });
child.end(at(60));
root.end(at(250));
await tracers.forceFlush();

const logEndpoint = process.env.INQUEST_OTLP_HTTP ?? endpoint;
const exporter = new OTLPLogExporter({ url: `${logEndpoint}/v1/logs`, compression });
const loggers = new LoggerProvider({
  resource,
  processors: [new SimpleLogRecordProcessor(checked(exporter))],
});
loggers.getLogger("sdk-scope").emit({
  timestamp: at(20),
  observedTimestamp: at(21),
  context: around,
  severityNumber: SeverityNumber.INFO,
  severityText: "INFO",
  body: "order placed",
  attributes: { "order.id": "o-1", items: 3 },
});
await loggers.forceFlush();
await Promise.all([loggers.shutdown(), tracers.shutdown()]);
if (results.length !== 3 || results.some((result) => result.code !== 0)) {
  console.error(results);
  process.exit(1);
}
