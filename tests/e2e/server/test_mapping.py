"""The map of a collection, over HTTP."""

from __future__ import annotations

import json
import re
from importlib.util import find_spec

import httpx
import pytest

from cmsearch.show.html_pages import policy_of

pytestmark = pytest.mark.skipif(not find_spec("openTSNE"), reason="the extra map isn't installed")


def test_a_map_runs_its_own_script_alone_and_leads_to_pictures(client: httpx.Client) -> None:
    answer = client.get("/v1/map", params={"limit": 8})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/html")
    policy = answer.headers["content-security-policy"]
    assert policy.startswith(f"{policy_of('map')}; sandbox allow-scripts ")
    assert "allow-same-origin" not in policy
    assert policy_of("map") in answer.text.replace("&#39;", "'")
    links = re.search(r'"links": ?({[^}]*})', answer.text)
    assert links is not None
    addresses = json.loads(links[1]).values()
    assert len(addresses) == 8
    shown = client.get(f"/v1/{next(iter(addresses))}")
    assert shown.headers["content-type"] == "image/webp"
    for wrong in (0, 10**6):
        assert client.get("/v1/map", params={"limit": wrong}).status_code == 422
