"""Loading the encoder of a store's space, with the adapter that the store itself keeps."""

from __future__ import annotations

from cmsearch import adapters
from cmsearch.encoders.adapted import on_top
from cmsearch.errors import StoreError
from cmsearch.registry import load_encoder, model_name
from cmsearch.store import Store
from cmsearch.types import Encoder, Space


def load_own(
    store: Store, space: Space, *, device: str | None = None, download: bool = False
) -> Encoder:
    """The encoder of one of a store's spaces. Raises `ModelError`, `StoreError`."""
    if space.adapter is None:
        return load_encoder(model_name(space), device=device, space=space, download=download)
    return on_top(own_adapter(store, space), device=device, download=download)


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
