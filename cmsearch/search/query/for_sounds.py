"""Queries among sounds: their texts as vectors of the space that sounds are in."""

from __future__ import annotations

from collections.abc import Sequence

from cmsearch.protocols import Encoder
from cmsearch.search.query.encode import encode_queries
from cmsearch.types import ComposedQuery, EncodedQuery, Modality, Query, QueryPart


def is_text(asked: ComposedQuery) -> bool:
    """Whether a query has no part but texts, said or written: others can't be asked of sounds."""
    return all(part.modality is Modality.TEXT for part in asked.parts)


def heard(asked: Sequence[ComposedQuery], encoder: Encoder) -> list[ComposedQuery | None]:
    """Queries of texts as an encoder of text and sound has them; None for each of the others.

    Of what they are to be without only the texts count.
    """
    texts = [
        Query(
            tuple(
                QueryPart(part.content, weight=weight)
                for part, weight in zip(one.parts, one.weights, strict=True)
            ),
            _texts(one.without),
        )
        for one in asked
        if is_text(one)
    ]
    found = iter(encode_queries(encoder, texts, None)[0]) if texts else iter(())
    return [next(found) if is_text(one) else None for one in asked]


def _texts(parts: Sequence[EncodedQuery]) -> tuple[QueryPart, ...]:
    return tuple(QueryPart(part.content) for part in parts if part.modality is Modality.TEXT)
