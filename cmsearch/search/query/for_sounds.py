"""Queries among sounds: their texts as vectors of the space that sounds are in."""

# Tested by tests/unit/indexer/test_sounds.py

from __future__ import annotations

from collections.abc import Sequence

from cmsearch.protocols import Encoder
from cmsearch.search.query.encode import encode_queries
from cmsearch.types import ComposedQuery, EncodedQuery, Modality, Query, QueryPart


def is_text(asked: ComposedQuery) -> bool:
    """Whether a query has no part but texts, said or written: others can't be asked of sounds."""
    return all(part.modality is Modality.TEXT for part in asked.parts)


def as_sounds(queries: Sequence[ComposedQuery], encoder: Encoder) -> list[ComposedQuery | None]:
    """Queries of texts as an encoder of text and sound has them; None for each of the others.

    Of what they are to be without only the texts count.
    """
    texts = [
        Query(
            tuple(
                QueryPart(part.content, weight=weight)
                for part, weight in zip(query.parts, query.weights, strict=True)
            ),
            _texts(query.without),
            query.left_out,
            query.given,
        )
        for query in queries
        if is_text(query)
    ]
    encoded = iter(encode_queries(encoder, texts, None)[0]) if texts else iter(())
    return [next(encoded) if is_text(query) else None for query in queries]


def _texts(parts: Sequence[EncodedQuery]) -> tuple[QueryPart, ...]:
    return tuple(QueryPart(part.content) for part in parts if part.modality is Modality.TEXT)
