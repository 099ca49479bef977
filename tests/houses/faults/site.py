"""What faults are injected into: Airflow, its way to the cluster's API, the pods' way to the store, and the cluster."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler

from cluster.real_cluster import RealCluster
from pods.tier import PodTier
from worker.http_faults import Answer


class Line:
    """A way to a server that is good until it is broken for a while.

    Attributes:
        good: What answers while it is good.
    """

    def __init__(self, good: Answer) -> None:
        self.good = good
        self._broken: Answer | None = None

    def __call__(self, handler: BaseHTTPRequestHandler, number: int) -> None:
        """Answer one request."""
        (self._broken or self.good)(handler, number)

    def break_for(self, seconds: float, fault: Answer, every: int = 1) -> int:
        """Answer each `every`-th request with a fault until the time is over; return how many were."""
        hits: list[int] = []

        def answer(handler: BaseHTTPRequestHandler, number: int) -> None:
            if number % every:
                self.good(handler, number)
            else:
                hits.append(number)
                fault(handler, number)

        with self.broken(answer):
            time.sleep(seconds)
        return len(hits)

    @contextmanager
    def broken(self, answer: Answer) -> Iterator[None]:
        """Let `answer` answer everything until the end of the block."""
        self._broken = answer
        try:
            yield
        finally:
            self._broken = None


@dataclass(frozen=True)
class Site:
    """A running installation, as its faults see it.

    Attributes:
        tier: Airflow and its datasets.
        cluster: Kubernetes and MinIO.
        store: The way from Airflow and the pods to MinIO.
        store_url: MinIO itself.
        api: The way from Airflow to the API server.
        everybody: Held by a fault that hits everybody: one at a time.
    """

    tier: PodTier
    cluster: RealCluster
    store: Line
    store_url: str
    api: Line
    everybody: threading.Lock = field(default_factory=threading.Lock, repr=False)
