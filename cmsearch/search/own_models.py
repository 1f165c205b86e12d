"""The models that searches of a store use: those that it keeps itself, and those it names."""

# Tested by tests/unit/cmsearch/search/test_engine.py

from __future__ import annotations

import logging
import threading
from dataclasses import replace

from cmsearch.errors import CmsearchError, ModelError, QueryError, StoreError
from cmsearch.models import adapters
from cmsearch.models.encoders.adapted import Adapted
from cmsearch.models.fusion_network import Tensors
from cmsearch.models.loading import load_encoder, load_reranker, on_top
from cmsearch.models.rerankers.learned import LearnedReranker, unpack
from cmsearch.models.spaces import model_name
from cmsearch.protocols import Encoder, Reranker, Tokened
from cmsearch.search.query.fuse_image_text import ImageTextFuser
from cmsearch.store.store import Store
from cmsearch.store.view import View
from cmsearch.types import Space

log = logging.getLogger("cmsearch")


class Models:
    """The models of one store's searches, each loaded at its first use. Safe from threads."""

    def __init__(self, store: Store, device: str | None = None) -> None:
        self._store = store
        self._device = device
        self._lock = threading.Lock()
        self._encoder: Encoder | None = None
        self._sound_encoder: tuple[Space, Encoder] | None = None
        self._without_sound: Space | None = None
        self._rerankers: dict[str, Reranker] = {}
        self._learned: tuple[str, Reranker] | None = None
        self._fusers: dict[Space, ImageTextFuser] = {}

    def encoder(self, space: Space) -> Encoder:
        """The encoder of a space of the store. Raises `ModelError`, `StoreError`."""
        with self._lock:
            if self._encoder is None or self._encoder.space != space:
                self._encoder = load_own(self._store, space, device=self._device)
            return self._encoder

    def sound_encoder(self, space: Space, *, is_needed: bool) -> Encoder | None:
        """The encoder of the space of sounds, without which they are left out unless it is needed.

        Why it can't be had is logged once.
        """
        with self._lock:
            if self._sound_encoder is not None and self._sound_encoder[0] == space:
                return self._sound_encoder[1]
            if self._without_sound == space and not is_needed:
                return None
            try:
                base = self._encoder.base if isinstance(self._encoder, Adapted) else self._encoder
                if base is not None and base.space == space:
                    loaded = base
                else:
                    loaded = load_encoder(model_name(space), device=self._device, space=space)
            except CmsearchError as error:
                if is_needed:
                    raise
                log.warning("%s Until then sounds are left out of answers.", error)
                self._without_sound = space
                return None
            self._sound_encoder = space, loaded
            return loaded

    def fuser(self, space: Space) -> ImageTextFuser:
        """What joins a picture and a text of a space: a learned network, or their sum."""
        with self._lock:
            if space not in self._fusers:
                tensors = own_fusion(self._store, space)
                self._fusers = {space: ImageTextFuser(tensors, lambda: self.encoder(space))}
            return self._fusers[space]

    def reranker(self, name: str, space: Space) -> Reranker:
        """A reranker by its name. Raises `ModelError`, and `QueryError` for another model's."""
        with self._lock:
            if name not in self._rerankers:
                loaded = load_reranker(name, device=self._device, download=True)
                self._rerankers = {name: loaded}
            check_tokens(self._rerankers[name], space, name)
            return self._rerankers[name]

    def learned_reranker(self, view: View) -> Reranker | None:
        """The reranker that was learned in the space of a view; None where there is none.

        Raises `StoreError` where it is damaged.
        """
        digest = self._store.catalog.reranker_digest(view.space_id)
        if digest is None:
            return None
        key = f"{view.space_id} {digest}"
        with self._lock:
            if self._learned is None or self._learned[0] != key:
                reranker = own_reranker(self._store, view)
                self._learned = None if reranker is None else (key, reranker)
            return self._learned and self._learned[1]


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
    name = f"The adapter of {model_name(space)} in {store.name}"
    content = store.catalog.adapter(space.adapter or "")
    if content is None:
        raise StoreError(f"{name} is missing. Go back with `cmsearch rollback`, or fit again.")
    adapter = adapters.unpack(content, name)
    if adapter.space != space:
        raise StoreError(f"{name} is not the one it was. Go back with `cmsearch rollback`.")
    return adapter


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
        learned = unpack(content or b"", "It")
    except ModelError as error:
        raise StoreError(f"The reranker of {store.name} is damaged: {error}. {advice}") from error
    if learned.space != view.space or learned.digest != digest:
        raise StoreError(f"The reranker of {store.name} is not the one it was. {advice}")
    return LearnedReranker(learned)


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
