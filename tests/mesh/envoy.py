"""A real Envoy between a client and upstreams that fail, sending everything to an Inquest.

    python envoy.py OTLP_GRPC_PORT OTLP_HTTP_PORT

Prints one JSON object: for every listener and request the trace id, and what the client got. Everything it starts
it stops, and every port is a free one of the loopback.
"""

import http.client
import http.server
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

GRPC, HTTP = int(sys.argv[1]), int(sys.argv[2])
REQUESTS = ["ok", "fail", "dead", "slow", "overflow", "nowhere"]


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Upstream(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path == "/slow":
            time.sleep(1.5)
        body = b"hello"
        try:
            self.send_response(503 if self.path == "/fail" else 200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except OSError:
            pass

    def log_message(self, *_):
        pass


def cluster(name, port, http2=False, **more):
    address = {"socket_address": {"address": "127.0.0.1", "port_value": port}}
    endpoints = [{"lb_endpoints": [{"endpoint": {"address": address}}]}]
    made = {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "1s",
        "load_assignment": {"cluster_name": name, "endpoints": endpoints},
    }
    if http2:
        options = "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
        made["typed_extension_protocol_options"] = {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": options,
                "explicit_http_config": {"http2_protocol_options": {}},
            }
        }
    return made | more


def tracer(kind):
    grpc = {"envoy_grpc": {"cluster_name": "inquest_grpc"}, "timeout": "5s"}
    otel = "type.googleapis.com/envoy.config.trace.v3.OpenTelemetryConfig"
    if kind == "otlp_grpc":
        config = {"@type": otel, "grpc_service": grpc, "service_name": kind}
    elif kind == "otlp_http":
        uri = {"uri": f"http://127.0.0.1:{HTTP}/v1/traces", "cluster": "inquest_http", "timeout": "5s"}
        config = {"@type": otel, "http_service": {"http_uri": uri}, "service_name": kind}
    else:
        config = {
            "@type": "type.googleapis.com/envoy.config.trace.v3.ZipkinConfig",
            "collector_cluster": "inquest_http",
            "collector_endpoint": "/api/v2/spans",
            "collector_endpoint_version": "HTTP_PROTO" if kind == "zipkin_proto" else "HTTP_JSON",
            "trace_id_128bit": True,
            "shared_span_context": False,
        }
    name = "envoy.tracers.zipkin" if "zipkin" in kind else "envoy.tracers.opentelemetry"
    return {
        "provider": {"name": name, "typed_config": config},
        "random_sampling": {"value": 100},
        "spawn_upstream_span": True,
    }


def access_log(kind):
    config = {
        "@type": "type.googleapis.com/envoy.extensions.access_loggers.grpc.v3.HttpGrpcAccessLogConfig",
        "common_config": {
            "log_name": kind,
            "grpc_service": {"envoy_grpc": {"cluster_name": "inquest_grpc"}},
            "transport_api_version": "V3",
            "buffer_flush_interval": "0.2s",
        },
    }
    if kind == "untraced":
        config["additional_request_headers_to_log"] = ["traceparent"]
    return {"name": "envoy.access_loggers.http_grpc", "typed_config": config}


def listener(kind, port):
    def route(name, cluster, **more):
        return {"match": {"path": f"/{name}"}, "route": {"cluster": cluster} | more}

    routes = [
        route("ok", "good"),
        route("fail", "good"),
        route("slow", "good", timeout="0.3s"),
        route("dead", "dead"),
        route("overflow", "overflow"),
    ]
    manager = {
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": kind,
        "generate_request_id": True,
        "access_log": [access_log(kind)],
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": routes}]},
        "http_filters": [
            {
                "name": "envoy.filters.http.router",
                "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"},
            }
        ],
    }
    if kind != "untraced":
        manager["tracing"] = tracer(kind)
    return {
        "name": kind,
        "traffic_direction": "INBOUND",
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}},
        "filter_chains": [
            {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
        ],
    }


def configuration(ports, upstream):
    threshold = {"max_connections": 0, "max_pending_requests": 0, "max_requests": 0}
    return {
        "node": {"id": "envoy-1", "cluster": "test-mesh"},
        "layered_runtime": {
            "layers": [
                {
                    "name": "static",
                    "static_layer": {
                        "tracing.opentelemetry.flush_interval_ms": 200,
                        "tracing.zipkin.flush_interval_ms": 200,
                    },
                }
            ]
        },
        "static_resources": {
            "listeners": [listener(kind, port) for kind, port in ports.items()],
            "clusters": [
                cluster("inquest_grpc", GRPC, http2=True),
                cluster("inquest_http", HTTP),
                cluster("good", upstream),
                cluster("dead", free_port()),
                cluster("overflow", upstream, circuit_breakers={"thresholds": [threshold]}),
            ],
        },
    }


def wait_for(port):
    for _ in range(300):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise SystemExit(f"nothing listens on {port}")


def main():
    upstream = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
    threading.Thread(target=upstream.serve_forever, daemon=True).start()
    kinds = ["otlp_grpc", "otlp_http", "zipkin_json", "zipkin_proto", "untraced"]
    ports = {kind: free_port() for kind in kinds}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "envoy.json"
        file.write_text(json.dumps(configuration(ports, upstream.server_port)))
        command = [Path(sys.executable).parent / "envoy", "-c", file, "--concurrency", "1", "-l", "error"]
        command += ["--use-dynamic-base-id", "--disable-hot-restart"]
        envoy = subprocess.Popen(command, stdout=sys.stderr, env=os.environ | {"HOME": folder})
        try:
            told = []
            for number, (kind, port) in enumerate(ports.items()):
                wait_for(port)
                for step, path in enumerate(REQUESTS):
                    trace = f"{number + 1:016x}{step + 1:016x}"
                    headers = {"traceparent": f"00-{trace}-{number + 1:08x}{step + 1:08x}-01"}
                    # Zipkin's tracer goes by B3.
                    headers |= {
                        "x-b3-traceid": trace,
                        "x-b3-spanid": f"{number + 1:08x}{step + 1:08x}",
                        "x-b3-sampled": "1",
                    } if "zipkin" in kind else {}
                    client = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
                    client.request("GET", f"/{path}", headers=headers)
                    answer = client.getresponse()
                    status = answer.status
                    answer.read()
                    client.close()
                    told.append({"listener": kind, "path": path, "trace_id": trace, "status": status})
            # Flushed every 0.2 s; a slow machine gets more.
            time.sleep(2)
            print(json.dumps(told))
        finally:
            envoy.terminate()
            envoy.wait(timeout=20)


main()
