"""Models worth choosing, with what is published of them, and the choice where none is named."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cmsearch.errors import UnknownModelError
from cmsearch.models import hub
from cmsearch.models.loading import resolved
from cmsearch.models.names import FORMER_NAMES, SHORT_NAMES, canonical_name
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
    parameters: float
    """Millions of them, in both towers."""
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
    "e": "facebookresearch/perception_models, README.md: its own evaluation, likewise",
    "f": "arXiv 2507.22062: other measures than this one",
    "g": "docs/encoders.md: texts, pictures, sound and film in one space; no figure was seen",
}

_APPLE = "Apple AMLR: research only"
_CC = "CC-BY-NC-4.0: no commerce"
MODELS = (
    Model("lite", 384, 260, 116, 28.8, "Apache-2.0", "en", None, "d", ""),
    Model("open_clip:PE-Core-T-16-384/meta", 512, 384, 278, 69.6, "Apache-2.0", "en",
          33.0, "e", "timm/PE-Core-T-16-384"),
    Model("open_clip:MobileCLIP2-S0/dfndr2b", 512, 256, 300, 74.8, _APPLE, "en",
          43.7, "b", "timm/MobileCLIP2-S0-OpenCLIP"),
    Model("open_clip:PE-Core-S-16-384/meta", 512, 384, 349, 87.2, "Apache-2.0", "en",
          42.6, "e", "timm/PE-Core-S-16-384"),
    Model("open_clip:MobileCLIP2-S2/dfndr2b", 512, 256, 398, 99.2, _APPLE, "en",
          48.8, "b", "timm/MobileCLIP2-S2-OpenCLIP"),
    Model("open_clip:ViT-B-16/datacomp_xl_s13b_b90k", 512, 224, 599, 149.6, "MIT", "en",
          40.2, "a", "laion/CLIP-ViT-B-16-DataComp.XL-s13B-b90K"),
    Model("open_clip:MobileCLIP2-B/dfndr2b", 512, 224, 599, 149.8, _APPLE, "en",
          49.9, "b", "timm/MobileCLIP2-B-OpenCLIP"),
    Model("open_clip:ViT-B-32-quickgelu/openai", 512, 224, 605, 151.3, "MIT (OpenAI's repository)",
          "en", 30.4, "a", "timm/vit_base_patch32_clip_224.openai"),
    Model("open_clip:ViT-B-32/laion2b_s34b_b79k", 512, 224, 605, 151.3, "MIT", "en",
          39.3, "a", "laion/CLIP-ViT-B-32-laion2B-s34B-b79K"),
    Model("open_clip:ViT-B-32-256/datacomp_s34b_b86k", 512, 256, 605, 151.3, "MIT", "en",
          39.9, "a", "laion/CLIP-ViT-B-32-256x256-DataComp-s34B-b86K"),
    Model("open_clip:ViT-B-16-SigLIP/webli", 768, 224, 813, 203.2, "Apache-2.0", "en",
          47.8, "a", "timm/ViT-B-16-SigLIP"),
    Model("open_clip:xlm-roberta-base-ViT-B-32/laion5b_s13b_b90k", 512, 224, 1464, 366.1, "MIT",
          "multilingual", 37.8, "a", "laion/CLIP-ViT-B-32-xlm-roberta-base-laion5B-s13B-b90k"),
    Model("open_clip:ViT-B-16-SigLIP2/webli", 768, 224, 1501, 375.2, "Apache-2.0", "multilingual",
          52.1, "c", "timm/ViT-B-16-SigLIP2"),
    Model("open_clip:ViT-B-16-SigLIP2-384/webli", 768, 384, 1502, 375.5, "Apache-2.0",
          "multilingual", 54.6, "c", "timm/ViT-B-16-SigLIP2-384"),
    Model("open_clip:ViT-B-32-SigLIP2-256/webli", 768, 256, 1507, 376.9, "Apache-2.0",
          "multilingual", 47.2, "c", "timm/ViT-B-32-SigLIP2-256"),
    Model("open_clip:ViT-L-14/datacomp_xl_s13b_b90k", 768, 224, 1710, 427.6, "MIT", "en",
          45.7, "a", "laion/CLIP-ViT-L-14-DataComp.XL-s13B-b90K"),
    Model("open_clip:MobileCLIP2-S4/dfndr2b", 768, 256, 1783, 445.4, _APPLE, "en",
          51.5, "b", "timm/MobileCLIP2-S4-OpenCLIP"),
    Model("open_clip:PE-Core-B-16/meta", 1024, 224, 1791, 447.7, "Apache-2.0", "en",
          50.9, "e", "timm/PE-Core-B-16"),
    Model("open_clip:PE-Core-L-14-336/meta", 1024, 336, 2685, 671.1, "Apache-2.0", "en",
          57.1, "e", "timm/PE-Core-L-14-336"),
    Model("sentence-transformers:google/embeddinggemma-2", 768, 803, 2977, 744.4, "Apache-2.0",
          "multilingual", None, "g", "google/embeddinggemma-2"),
    Model("open_clip:ViT-SO400M-14-SigLIP-384/webli", 1152, 384, 3510, 878.0, "Apache-2.0", "en",
          54.2, "a", "timm/ViT-SO400M-14-SigLIP-384"),
    Model("open_clip:ViT-L-16-SigLIP2-256/webli", 1024, 256, 3526, 881.5, "Apache-2.0",
          "multilingual", 54.7, "c", "timm/ViT-L-16-SigLIP2-256"),
    Model("open_clip:ViT-H-14/laion2b_s32b_b79k", 1024, 224, 3944, 986.1, "MIT", "en",
          49.5, "a", "laion/CLIP-ViT-H-14-laion2B-s32B-b79K"),
    Model("open_clip:ViT-SO400M-16-SigLIP2-384/webli", 1152, 384, 4544, 1136.0, "Apache-2.0",
          "multilingual", 56.0, "c", "timm/ViT-SO400M-16-SigLIP2-384"),
    Model("open_clip:ViT-H-14-worldwide-quickgelu/metaclip2_worldwide", 1024, 224, 7435, 1858.8,
          _CC, "multilingual", None, "f", "timm/vit_huge_patch14_clip_224.metaclip2_worldwide"),
    Model("open_clip:ViT-H-14-worldwide-378/metaclip2_worldwide", 1024, 378, 7438, 1859.4,
          _CC, "multilingual", None, "f", "timm/vit_huge_patch14_clip_378.metaclip2_worldwide"),
    Model("open_clip:ViT-gopt-16-SigLIP2-384/webli", 1536, 384, 7488, 1871.9, "Apache-2.0",
          "multilingual", 56.1, "c", "timm/ViT-gopt-16-SigLIP2-384"),
)  # fmt: skip
"""By size. docs/encoders.md says where each figure is; a test builds each model and counts."""


def short_name(name: str) -> str:
    """The short name of a canonical one, or the name itself."""
    return next((short for short, long in SHORT_NAMES.items() if long == name), name)


def find(name: str) -> Model | None:
    """What is known of a model by its canonical name."""
    return next((model for model in MODELS if model.name == name), None)


def for_many_languages() -> Model:
    """The smallest model for many languages, of those with a short name if there is one."""
    found = [model for model in MODELS if model.languages == "multilingual"]
    return min(found, key=lambda one: (one.name not in SHORT_NAMES.values(), one.megabytes))


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
    file = None if model.name.startswith("open_clip:") else "model.safetensors"
    return not model.hub or hub.is_cached(model.hub, file)


def all_names() -> list[str]:
    """`lite`, every pair of architecture and weights that open_clip knows, and the encoders that
    packages add; only these know what models they have, which are named after a colon.
    """
    from open_clip import list_pretrained

    known = (f"open_clip:{model}/{weights}" for model, weights in list_pretrained())
    return ["lite", *known, *encoders.added()]


def was_meant(name: str | None, model: str) -> bool:
    """Whether a short name once stood for a model, by its canonical name, and no longer does."""
    return name is not None and model in FORMER_NAMES.get(name, ())


def choose(name: str | None, space: Space | None, *, ask: bool = True) -> Choice:
    """The model to index with: the one named, the store's own, or the best that can be had.

    Unless it may `ask`, the hub isn't contacted to see what can be had. Raises `UnknownModelError`.
    """
    if space is not None and was_meant(name, model_name(space)):
        now = SHORT_NAMES[str(name)].removeprefix("open_clip:")
        return Choice(
            model_name(space),
            f"{name} when the index was made; --model {now} makes it anew with what {name} is now",
        )
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
