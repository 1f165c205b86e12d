"""Loading the encoder of a store's space, with the adapter that the store itself keeps."""

from __future__ import annotations

from dataclasses import replace

from cmsearch.errors import ModelError, QueryError, StoreError
from cmsearch.models import adapters
from cmsearch.models.fusion_network import Tensors
from cmsearch.models.loading import load_encoder, on_top
from cmsearch.models.rerankers.learned import LearnedReranker, unpack
from cmsearch.models.spaces import model_name
from cmsearch.protocols import Encoder, Reranker, Tokened
from cmsearch.store.store import Store, View
from cmsearch.types import Space


def load_own(
    store: Store, space: Space, *, device: str | None = None, download: bool = False
) -> Encoder:
    """The encoder of one of a store's spaces. Raises `ModelError`, `StoreError`."""
    if space.adapter is None:
        return load_encoder(model_name(space), device=device, space=space, download=download)
    return on_top(own_adapter(store, space), device=device, download=download)


def own_fusion(store: Store, space: Space) -> Tensors:
    """The network of one of a store's spaces that fuses a picture and a text; empty if it has none.

    Raises `StoreError`.
    """
    return {} if space.adapter is None else own_adapter(store, space).fusion


def own_adapter(store: Store, space: Space) -> adapters.Adapter:
    """The adapter of one of a store's spaces; raises `StoreError` where it isn't there whole."""
    name = f"The adapter of {model_name(space)} in {store.path}"
    content = store.catalog.adapter(space.adapter or "")
    if content is None:
        raise StoreError(f"{name} is missing. Go back with `cmsearch rollback`, or fit again.")
    found = adapters.unpack(content, name)
    if found.space != space:
        raise StoreError(f"{name} is not the one it was. Go back with `cmsearch rollback`.")
    return found


def own_reranker(store: Store, view: View) -> LearnedReranker | None:
    """The reranker that was learned in the space of a view; None where there is none.

    Raises `StoreError` where it isn't there whole, or is one of another space.
    """
    kept = store.catalog.reranker(view.space_id)
    if kept is None:
        return None
    digest, content = kept
    advice = (
        "Search with --rerank none, learn anew with `cmsearch fit --reranker`, or remove it with "
        "`cmsearch fit --reranker --forget`."
    )
    try:
        found = unpack(content or b"", "It")
    except ModelError as error:
        raise StoreError(f"The reranker of {store.path} is damaged: {error}. {advice}") from error
    if found.space != view.space or found.digest != digest:
        raise StoreError(f"The reranker of {store.path} is not the one it was. {advice}")
    return LearnedReranker(found)


def check_tokens(reranker: Reranker, space: Space, name: str) -> None:
    """Raise `QueryError` for a reranker that reads the tokens of another model than a space has."""
    if not isinstance(reranker, Tokened):
        return
    own, other = (replace(one, adapter=None) for one in (space, reranker.space))
    if own != other:
        raise QueryError(
            f"{name} reads what {model_name(other)} gives, and the index has {model_name(own)}"
            f"{' with other weights' if model_name(own) == model_name(other) else ''}. Search "
            "without it."
        )
