"""The plug points of models: encoders, rerankers and transcribers by name."""

# Tested by tests/unit/cmsearch/test_registry.py

from __future__ import annotations

from cmsearch.registry import Registry

encoders = Registry(
    "cmsearch.encoders",
    {
        "dual": "cmsearch.models.encoders.dual:load",
        "lite": "cmsearch.models.encoders.lite:load",
        "open_clip": "cmsearch.models.encoders.open_clip:load",
        "sentence-transformers": "cmsearch.models.encoders.st:load",
        "transformers": "cmsearch.models.encoders.transformers:load",
    },
)
"""Functions `load(model, *, device, space, download) -> Encoder`, with `precision` if they like."""
rerankers = Registry(
    "cmsearch.rerankers",
    {
        "itm": "cmsearch.models.rerankers.itm:load",
        "learned": "cmsearch.models.rerankers.learned:load",
        "st": "cmsearch.models.rerankers.st:load",
    },
)
"""Functions `load(model, *, device, download) -> Reranker`; for an empty `model` their own."""
transcribers = Registry(
    "cmsearch.transcribers", {"faster-whisper": "cmsearch.models.transcribers.faster_whisper:load"}
)
"""Functions `load(model, *, device, download) -> Transcriber`; for an empty `model` their own."""
