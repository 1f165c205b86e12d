"""How many examples a test of properties looks at: few in each run, more where asked for."""

from __future__ import annotations

import os

from hypothesis import settings


def examples(usual: int) -> settings:
    """Settings with `usual` examples, or as many as `CMSEARCH_EXAMPLES` says."""
    return settings(max_examples=int(os.environ.get("CMSEARCH_EXAMPLES", usual)), deadline=None)
