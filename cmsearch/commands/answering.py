"""What a daemon answers to the commands that ask it."""

# Tested by tests/unit/cmsearch/server/test_daemon.py

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cmsearch.search.engine import Engine


def answered(engine: Engine, request: Mapping[str, Any]) -> dict[str, Any]:
    """The answer to the request of a command, both in JSON's types. Raises what it raises."""
    from cmsearch.commands import classify, explain, finding

    answers = {
        "search": finding.answered,
        "explain": explain.answered,
        "classify": classify.answered,
    }
    return answers[request["command"]](engine, request)
