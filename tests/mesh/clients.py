"""The official Zipkin and X-Ray clients send to an Inquest.

    python clients.py zipkin-json|zipkin-proto HTTP_PORT
    python clients.py xray PORT
"""

import sys
import time
import urllib.request

what, port = sys.argv[1], int(sys.argv[2])


def zipkin(encoding, media_type):
    from py_zipkin import Encoding, Kind
    from py_zipkin.transport import BaseTransportHandler
    from py_zipkin.util import ZipkinAttrs
    from py_zipkin.zipkin import zipkin_span

    class Post(BaseTransportHandler):
        def get_max_payload_bytes(self):
            return None

        def send(self, payload):
            data = payload if isinstance(payload, bytes) else payload.encode()
            url = f"http://127.0.0.1:{port}/api/v2/spans"
            request = urllib.request.Request(url, data=data, headers={"content-type": media_type})
            with urllib.request.urlopen(request, timeout=30) as answer:
                assert answer.status == 202, answer.status

    trace = {"json": "a" * 32, "protobuf": "b" * 32}[media_type.split("/x-")[-1].split("/")[-1]]
    attributes = ZipkinAttrs(trace, "1" * 16, None, "0", True)
    with zipkin_span(
        service_name="shop",
        span_name="checkout",
        zipkin_attrs=attributes,
        transport_handler=Post(),
        encoding=getattr(Encoding, encoding),
        kind=Kind.SERVER,
        port=8080,
    ) as root:
        root.update_binary_annotations({"customer": "zoe"})
        with zipkin_span(service_name="shop", span_name="charge", kind=Kind.CLIENT) as child:
            child.add_sa_binary_annotation(9000, "payments", "10.0.0.7")
            child.update_binary_annotations({"error": "declined"})


def xray():
    from aws_xray_sdk.core import xray_recorder

    xray_recorder.configure(service="shop", daemon_address=f"127.0.0.1:{port}", sampling=False)
    segment = xray_recorder.begin_segment("shop", traceid="1-581cf771-a006649127e371903a2de979")
    segment.put_annotation("customer", "zoe")
    subsegment = xray_recorder.begin_subsegment("payments", namespace="remote")
    subsegment.put_http_meta("status", 503)
    try:
        raise ValueError("declined")
    except ValueError as error:
        subsegment.add_exception(error, [])
    xray_recorder.end_subsegment()
    xray_recorder.end_segment()
    # Datagrams are not answered.
    time.sleep(0.5)


if what == "zipkin-json":
    zipkin("V2_JSON", "application/json")
elif what == "zipkin-proto":
    zipkin("V2_PROTO3", "application/x-protobuf")
else:
    xray()
