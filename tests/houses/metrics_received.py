"""Who receives what Airflow sends: a StatsD server, and a collector of OpenTelemetry's over HTTP."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Gauges = dict[tuple[str, tuple[tuple[str, str], ...]], float]
"""The last value by name and tags."""


class StatsdReceived:
    """What came by UDP, a line a value, as StatsD writes it; InfluxDB's tags stand behind the name."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(30)

    @property
    def port(self) -> int:
        return int(self.socket.getsockname()[1])

    def read(self, count: int) -> Gauges:
        """Wait for so many values."""
        found: Gauges = {}
        for _ in range(count):
            name, _, rest = self.socket.recv(65535).decode().rpartition(":")
            value, kind = rest.split("|", 1)
            assert kind == "g", "gauges alone"
            plain, *tags = name.split(",")
            found[plain, tuple(sorted((tag.partition("=")[0], tag.partition("=")[2]) for tag in tags))] = float(value)
        return found


class OtlpCollector:
    """Keeps the gauges of OTLP's requests."""

    def __init__(self) -> None:
        self.gauges: Gauges = {}
        self.port = 0

    def keep(self, body: bytes) -> None:
        from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

        request = ExportMetricsServiceRequest.FromString(body)
        for metric in (m for r in request.resource_metrics for scope in r.scope_metrics for m in scope.metrics):
            for point in metric.gauge.data_points:
                tags = tuple(sorted((tag.key, tag.value.string_value) for tag in point.attributes))
                value = point.as_double if point.HasField("as_double") else float(point.as_int)
                self.gauges[metric.name, tags] = value

    def of(self, name: str, **tags: str) -> float | None:
        """Read the last value of a gauge."""
        return self.gauges.get((name, tuple(sorted(tags.items()))))


@contextmanager
def running_statsd() -> Iterator[StatsdReceived]:
    """Listen as a StatsD server does."""
    received = StatsdReceived()
    try:
        yield received
    finally:
        received.socket.close()


@contextmanager
def running_collector() -> Iterator[OtlpCollector]:
    """Listen as a collector does."""
    collector = OtlpCollector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                import gzip

                body = gzip.decompress(body)
            if self.path.endswith("/metrics"):
                collector.keep(body)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_words: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    collector.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield collector
    finally:
        server.shutdown()
        server.server_close()


def collector_settings(port: int) -> dict[str, str]:
    """Tell Airflow of a collector."""
    return {
        "AIRFLOW__METRICS__OTEL_ON": "True",
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_SERVICE_NAME": "airflow",
    }
