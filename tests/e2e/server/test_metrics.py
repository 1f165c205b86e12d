"""What a true service counts of itself."""

from __future__ import annotations

from pathlib import Path

import httpx
from prometheus_client import REGISTRY
from prometheus_client.parser import text_string_to_metric_families as families

from cmsearch.common.version import __version__
from cmsearch.server.app import make_app
from cmsearch.server.metrics import OTHER, route_of
from cmsearch.server.settings import Settings
from cmsearch.server.stores import open_stores
from indexer import Indexer
from tests.builders import write_picture


def told(client: httpx.Client) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    answer = client.get("/metrics")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/plain; version=")
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in families(answer.text)
        for sample in family.samples
    }


def value(client: httpx.Client, name: str, **labels: str) -> float:
    return told(client).get((name, frozenset(labels.items())), 0.0)


def test_requests_are_counted_by_route_and_status(client: httpx.Client) -> None:
    before = told(client)

    def counted(name: str, **labels: str) -> float:
        return value(client, name, **labels) - before.get((name, frozenset(labels.items())), 0.0)

    for path in ("/v1/items/1", "/v1/items/2", "/v1/items/99999", "/v1/items/x"):
        client.get(path)
    for path in ("/nothing/secret", "/v1/items/1/secret", "/%00", "/v1/items/a/b/c"):
        client.get(path)
    client.get("/v1/stores", headers={"Host": "evil.example"})
    client.request("BREW", "/v1/stores")
    client.get("/openapi.json")
    for labels, least in (
        ({"method": "GET", "route": "/v1/items/{number}", "status": "200"}, 2),
        ({"method": "GET", "route": "/v1/items/{number}", "status": "404"}, 1),
        ({"method": "GET", "route": "/v1/items/{number}", "status": "422"}, 1),
        ({"method": "GET", "route": "other", "status": "404"}, 4),
        ({"method": "GET", "route": "other", "status": "421"}, 1),
        ({"method": "GET", "route": "/openapi.json", "status": "200"}, 1),
    ):
        assert counted("cmsearch_http_requests_total", **labels) == least, labels
    assert counted("cmsearch_http_request_seconds_count", route="/v1/items/{number}") == 4
    whole = client.get("/metrics").text
    for word in ("secret", "items/99999", "BREW", "evil"):
        assert word not in whole


def test_encodings_are_counted_with_the_queries_of_each(client: httpx.Client) -> None:
    def batches() -> tuple[float, float]:
        return (
            value(client, "cmsearch_encode_batch_size_count", store="sample_data"),
            value(client, "cmsearch_encode_batch_size_sum", store="sample_data"),
        )

    before = batches()
    for number in range(3):
        client.get("/v1/search", params={"q": f"a cat {number}", "k": 1})
    assert batches() == (before[0] + 3, before[1] + 3)
    assert value(client, "cmsearch_encode_seconds_total", store="sample_data") > 0


def test_it_says_what_it_is_and_has(client: httpx.Client) -> None:
    stores = client.get("/readyz").json()["items"]
    found = told(client)
    items = [value for (name, _), value in found.items() if name == "cmsearch_store_items"]
    assert sum(items) == stores["sample_data"]
    assert value(client, "cmsearch_store_readable", store="sample_data") == 1
    assert value(client, "cmsearch_info", version=__version__) == 1
    assert value(client, "cmsearch_work", state="running") == 0
    assert value(client, "cmsearch_work", state="waiting") == 0
    assert value(client, "cmsearch_work_room") > 64
    assert value(client, "process_resident_memory_bytes") > 10_000_000
    assert value(client, "process_cpu_seconds_total") > 0


def test_openmetrics_is_told_where_it_is_asked_for(client: httpx.Client) -> None:
    accept = "application/openmetrics-text; version=1.0.0"
    answer = client.get("/metrics", headers={"Accept": accept})
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert answer.text.endswith("# EOF\n")


def test_what_another_app_answers_is_counted_by_where_that_is() -> None:
    assert route_of({"root_path": "/mcp", "path": "/mcp/secret", "endpoint": "x"}) == "/mcp/*"
    assert route_of({"path": "/secret", "endpoint": "x", "path_params": {"a": "secret"}}) == OTHER


def test_a_store_that_cant_be_read_is_told_and_stops_no_look(
    tmp_path: Path, fake_model: str
) -> None:
    write_picture(tmp_path / "red.png", "red")
    Indexer(tmp_path, model=fake_model).run()
    with open_stores([tmp_path]) as stores:
        registry = make_app(stores, Settings())._metrics.registry
        store = {"store": tmp_path.name}
        assert registry.get_sample_value("cmsearch_store_readable", store) == 1
        assert registry.get_sample_value("cmsearch_store_items", {**store, "modality": "image"})
        (tmp_path / ".cmsearch" / "catalog.db").write_bytes(b"no catalog" * 10_000)
        assert registry.get_sample_value("cmsearch_store_readable", store) == 0
        assert registry.get_sample_value("process_resident_memory_bytes")


def test_two_services_of_a_process_count_apart(sample: Path) -> None:
    known = set(REGISTRY._names_to_collectors)
    with open_stores([sample]) as stores:
        first, second = (make_app(stores, Settings())._metrics for _ in range(2))
    first.count({"method": "GET", "path": "/x"}, "200", 0.1)
    labels = {"method": "GET", "route": "other", "status": "200"}
    name = "cmsearch_http_requests_total"
    assert first.registry.get_sample_value(name, labels) == 1
    assert second.registry.get_sample_value(name, labels) is None
    assert set(REGISTRY._names_to_collectors) == known
