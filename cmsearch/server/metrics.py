"""What a service counts of itself, in the form of Prometheus."""

# Tested by tests/e2e/server/test_metrics.py

from __future__ import annotations

from collections.abc import Iterator, Mapping
from time import perf_counter
from typing import Any

import psutil
from fastapi import APIRouter, Request, Response
from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from cmsearch.common.version import __version__
from cmsearch.errors import CmsearchError
from cmsearch.server.batching import MOST, Batching
from cmsearch.server.guard import App, Message, Receive, Send
from cmsearch.server.stores import Stores
from cmsearch.server.working import Work

router = APIRouter(tags=["health"])
OTHER = "other"
"""The route of a request that none answers, or that was refused before."""
LEFT = "499"
"""The status of a request whose client left before it had an answer."""
METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})
TIMES = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Seconds up to which requests are counted apart."""
SIZES = (1, 2, 4, 8, 16, MOST)
"""Queries of a batch, likewise."""


class Metrics:
    """Counts requests, and tells at each look how busy a service is and what it has.

    Labels are routes as they are written here, never paths of requests: there are few.
    """

    def __init__(self, stores: Stores, work: Work) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "cmsearch_http_requests",
            "Requests that were answered.",
            ("method", "route", "status"),
            registry=self.registry,
        )
        self._seconds = Histogram(
            "cmsearch_http_request_seconds",
            "Seconds from a request to the end of its answer.",
            ("route",),
            buckets=TIMES,
            registry=self.registry,
        )
        self.registry.register(_State(stores, work))

    def count(self, scope: Mapping[str, Any], status: str, seconds: float) -> None:
        """Count a request that was answered."""
        method, route = scope["method"], route_of(scope)
        self._requests.labels(method if method in METHODS else OTHER, route, status).inc()
        self._seconds.labels(route).observe(seconds)


class Measuring:
    """An ASGI app that counts the requests which it hands on to another."""

    def __init__(self, app: App, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """Hand one request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status, begun = LEFT, perf_counter()

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = str(message["status"])
            await send(message)

        try:
            await self._app(scope, receive, noting)
        finally:
            self._metrics.count(scope, status, perf_counter() - begun)


def route_of(scope: Mapping[str, Any]) -> str:
    """The route that answered a request, as it is written: `/v1/items/{number}`."""
    if path := getattr(scope.get("route"), "path", ""):
        return str(path)
    if mounted := scope.get("root_path"):  # what is within is another app's
        return f"{mounted}/*"
    is_fixed = "endpoint" in scope and not scope.get("path_params")
    return str(scope["path"]) if is_fixed else OTHER


class _State(Collector):
    """What is so at the moment of a look."""

    def __init__(self, stores: Stores, work: Work) -> None:
        self._stores = stores
        self._work = work
        self._process = psutil.Process()

    def describe(self) -> Iterator[Metric]:
        """Nothing: stores aren't looked at to begin with."""
        yield from ()

    def collect(self) -> Iterator[Metric]:
        """The version, the queue, the process and the stores."""
        yield InfoMetricFamily("cmsearch", "What answers.", {"version": __version__})
        queue = GaugeMetricFamily(
            "cmsearch_work", "Requests that are worked on or wait.", labels=("state",)
        )
        queue.add_metric(("running",), self._work.running)
        queue.add_metric(("waiting",), self._work.waiting)
        yield queue
        yield GaugeMetricFamily(
            "cmsearch_work_room", "Requests of both kinds at most.", self._work.room
        )
        yield from self._process_now()
        yield from self._stores_now()

    def _process_now(self) -> Iterator[Metric]:
        with self._process.oneshot():
            memory, times = self._process.memory_info(), self._process.cpu_times()
            begun = self._process.create_time()
        yield GaugeMetricFamily("process_resident_memory_bytes", "Memory in bytes.", memory.rss)
        yield CounterMetricFamily(
            "process_cpu_seconds", "Seconds of processor time.", times.user + times.system
        )
        yield GaugeMetricFamily(
            "process_start_time_seconds", "When it was started, in seconds since 1970.", begun
        )

    def _stores_now(self) -> Iterator[Metric]:
        readable = GaugeMetricFamily(
            "cmsearch_store_readable", "Whether a store can be read: 1 or 0.", labels=("store",)
        )
        items = GaugeMetricFamily(
            "cmsearch_store_items", "Items of a store.", labels=("store", "modality")
        )
        batches = HistogramMetricFamily(
            "cmsearch_encode_batch_size",
            "Queries that were encoded at once; the count is that of encodings.",
            labels=("store",),
        )
        seconds = CounterMetricFamily(
            "cmsearch_encode_seconds", "Seconds that queries were encoded.", labels=("store",)
        )
        for one in self._stores.all:
            try:
                sizes = one.engine.sizes
            except CmsearchError:
                sizes = None
            readable.add_metric((one.name,), float(sizes is not None))
            for modality, size in (sizes or {}).items():
                items.add_metric((one.name, modality.value), size)
            batches.add_metric((one.name,), *_histogram(one.batching))
            seconds.add_metric((one.name,), one.batching.seconds)
        yield from (readable, items, batches, seconds)


def _histogram(batching: Batching) -> tuple[list[tuple[str, float]], float]:
    """Batches of up to so many queries, for each of `SIZES`, and the queries of all."""
    sizes = dict(batching.sizes)
    rows = [
        (str(float(most)), float(sum(times for size, times in sizes.items() if size <= most)))
        for most in SIZES
    ]
    total = float(sum(size * times for size, times in sizes.items()))
    return [*rows, ("+Inf", float(sum(sizes.values())))], total


_EXAMPLE = """\
# HELP cmsearch_http_requests_total Requests that were answered.
# TYPE cmsearch_http_requests_total counter
cmsearch_http_requests_total{method="GET",route="/v1/search",status="200"} 12.0
"""


@router.get(
    "/metrics",
    summary="What the service counts of itself, for Prometheus",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"example": _EXAMPLE}}}},
)
def metrics(request: Request) -> Response:
    """Requests by route and status, their times, the queue, what was encoded, items and memory."""
    own = request.app.state.metrics
    assert isinstance(own, Metrics)
    encode, kind = choose_encoder(request.headers.get("accept", ""))
    return Response(encode(own.registry), headers={"Content-Type": kind})
