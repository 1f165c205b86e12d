"""Models worth choosing, with what is published of them, and the choice where none is named."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cmsearch.errors import UnknownModelError
from cmsearch.models import hub
from cmsearch.models.loading import resolved
from cmsearch.models.names import SHORT_NAMES, canonical_name
from cmsearch.models.plugins import encoders
from cmsearch.models.spaces import model_name
from cmsearch.types import Space

RECOMMENDED = SHORT_NAMES["clip"]
HUB_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Model:
    """A model as its publishers describe it."""

    name: str
    """The canonical name."""
    dim: int
    """The dimension of its vectors."""
    image_size: int
    """Pixels of the square that a picture is brought to."""
    megabytes: int
    """The size of its weights."""
    licence: str
    """The licence of its weights."""
    languages: str
    """The languages that it understands."""
    recall: float | None
    """Text→image recall@1 on the 5,000 test images of COCO captions, in per cent; None if nobody
    published it.
    """
    source: str
    """The letter of the source of that figure in `SOURCES`."""
    hub: str
    """The name of its repository on the hub."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A model that was chosen."""

    name: str
    """Its canonical name."""
    reason: str
    """Why it was taken."""


SOURCES = {
    "a": "open_clip, docs/openclip_retrieval_results.csv",
    "b": "apple/ml-mobileclip, results/*.jsonl",
    "c": "google-research/big_vision, README_siglip2.md: its own evaluation, not to be compared "
    "with the others to the point",
    "d": "docs/encoders.md: on another, smaller set; there is no figure for COCO's test images",
}

MODELS = (
    Model("lite", 384, 260, 116, "Apache-2.0", "en", None, "d", ""),
    Model("open_clip:MobileCLIP2-S0/dfndr2b", 512, 256, 300, "Apple AMLR: research only", "en",
          43.7, "b", "timm/MobileCLIP2-S0-OpenCLIP"),
    Model("open_clip:MobileCLIP2-S2/dfndr2b", 512, 256, 398, "Apple AMLR: research only", "en",
          48.8, "b", "timm/MobileCLIP2-S2-OpenCLIP"),
    Model("open_clip:ViT-B-32-quickgelu/openai", 512, 224, 605, "MIT (OpenAI's repository)", "en",
          30.4, "a", "timm/vit_base_patch32_clip_224.openai"),
    Model("open_clip:ViT-B-32/laion2b_s34b_b79k", 512, 224, 605, "MIT", "en",
          39.3, "a", "laion/CLIP-ViT-B-32-laion2B-s34B-b79K"),
    Model("open_clip:ViT-B-32-256/datacomp_s34b_b86k", 512, 256, 605, "MIT", "en",
          39.9, "a", "laion/CLIP-ViT-B-32-256x256-DataComp-s34B-b86K"),
    Model("open_clip:xlm-roberta-base-ViT-B-32/laion5b_s13b_b90k", 512, 224, 1460, "MIT",
          "multilingual", 37.8, "a", "laion/CLIP-ViT-B-32-xlm-roberta-base-laion5B-s13B-b90k"),
    Model("open_clip:ViT-B-16/datacomp_xl_s13b_b90k", 512, 224, 599, "MIT", "en",
          40.2, "a", "laion/CLIP-ViT-B-16-DataComp.XL-s13B-b90K"),
    Model("open_clip:ViT-B-16-SigLIP/webli", 768, 224, 813, "Apache-2.0", "en",
          47.8, "a", "timm/ViT-B-16-SigLIP"),
    Model("open_clip:ViT-B-16-SigLIP2/webli", 768, 224, 1501, "Apache-2.0", "multilingual",
          52.1, "c", "timm/ViT-B-16-SigLIP2"),
    Model("open_clip:ViT-L-14/datacomp_xl_s13b_b90k", 768, 224, 1710, "MIT", "en",
          45.7, "a", "laion/CLIP-ViT-L-14-DataComp.XL-s13B-b90K"),
    Model("open_clip:ViT-SO400M-14-SigLIP-384/webli", 1152, 384, 3510, "Apache-2.0", "en",
          54.2, "a", "timm/ViT-SO400M-14-SigLIP-384"),
    Model("open_clip:ViT-H-14/laion2b_s32b_b79k", 1024, 224, 3944, "MIT", "en",
          49.5, "a", "laion/CLIP-ViT-H-14-laion2B-s32B-b79K"),
    Model("open_clip:ViT-SO400M-16-SigLIP2-384/webli", 1152, 384, 4544, "Apache-2.0",
          "multilingual", 56.0, "c", "timm/ViT-SO400M-16-SigLIP2-384"),
)  # fmt: skip
"""Sorted by nothing but taste: from small to large. docs/encoders.md says where each figure is."""


def short_name(name: str) -> str:
    """The short name of a canonical one, or the name itself."""
    return next((short for short, long in SHORT_NAMES.items() if long == name), name)


def find(name: str) -> Model | None:
    """What is known of a model by its canonical name."""
    return next((model for model in MODELS if model.name == name), None)


def card(name: str) -> dict[str, Any]:
    """What a trained `dual:` model says of its data, recall and licence.

    Raises `UnknownModelError` for a model of another kind, and `ModelUnavailableError`.
    """
    from cmsearch.models.encoders import dual_file
    from cmsearch.models.encoders.dual_file import place

    encoder, _, model = canonical_name(name).partition(":")
    if encoder != "dual":
        raise UnknownModelError(f"{name} has no card: only models that `cmsearch train` wrote do.")
    return dict(dual_file.read_recipe(place(model)).card)


def is_here(model: Model) -> bool:
    """Whether the weights are on this machine."""
    return not model.hub or hub.is_cached(model.hub)


def all_names() -> list[str]:
    """`lite`, every pair of architecture and weights that open_clip knows, and the encoders that
    packages add; only these know what models they have, which are named after a colon.
    """
    from open_clip import list_pretrained

    known = (f"open_clip:{model}/{weights}" for model, weights in list_pretrained())
    return ["lite", *known, *encoders.added()]


def choose(name: str | None, space: Space | None, *, ask: bool = True) -> Choice:
    """The model to index with: the one named, the store's own, or the best that can be had.

    Unless it may `ask`, the hub isn't contacted to see what can be had. Raises `UnknownModelError`.
    """
    if name not in (None, "auto"):
        return Choice(resolved(str(name)), "as asked")
    if space is not None:
        return Choice(model_name(space), "the index was made with it")
    recommended = find(RECOMMENDED)
    assert recommended is not None
    if is_here(recommended):
        return Choice(RECOMMENDED, "the recommended one, and its weights are here")
    if not ask and not hub.is_offline():
        return Choice(RECOMMENDED, "the recommended one; lite if the model hub can't be reached")
    if size := hub.megabytes(recommended.hub, HUB_SECONDS):
        reason = f"the recommended one, {size} MB to fetch once; --model lite fetches nothing"
        return Choice(RECOMMENDED, reason)
    return Choice(
        "lite",
        "it comes with cmsearch, and the model hub can't be reached. Better results: index with "
        f"--model clip ({recommended.megabytes} MB) when it can",
    )
