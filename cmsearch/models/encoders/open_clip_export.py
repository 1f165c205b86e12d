"""The reference of `open_clip` in torch: loading any of its models, running it, exporting it."""

# Tested by tests/unit/cmsearch/models/encoders/test_open_clip.py

from __future__ import annotations

import difflib
import logging
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import open_clip
import timm
import torch
from open_clip.tokenizer import HFTokenizer, SimpleTokenizer
from open_clip.transformer import VisionTransformer
from timm.layers import AttentionPoolLatent
from torch import Tensor

from cmsearch.common.files import create_file
from cmsearch.errors import ModelError, ModelUnavailableError, UnknownModelError, brief
from cmsearch.models.encoders import towers_export
from cmsearch.models.encoders.cells import cell_means, keep_places
from cmsearch.models.encoders.open_clip_files import bring, loading
from cmsearch.models.encoders.towers_export import AsIs, Pixels, Tower, digest
from cmsearch.types import Modality, Space

_SCHEMES = ("hf-hub:", "local-dir:")

log = logging.getLogger("cmsearch")


class OpenClipReference:
    """A model of open_clip with its tokenizer and its preprocessing.

    Raises `UnknownModelError` for a name that open_clip doesn't have, and `ModelUnavailableError`
    where the weights can't be had.
    """

    def __init__(self, model: str, *, download: bool) -> None:
        self.name = model
        self._path, options = _options(model)
        bring(model, self._path, options, download)
        try:
            with loading(self._path):
                self.model, self.preprocess = open_clip.create_model_from_pretrained(
                    self._path, **options, device="cpu", return_transform=True
                )
                self.tokenizer = open_clip.get_tokenizer(self._path)
        except ModelError:
            raise
        except Exception as error:  # open_clip and the hub's client raise many kinds
            raise ModelUnavailableError(
                f"The model {model} can't be loaded: {brief(error)} `cmsearch models` lists what "
                "there is, and what is on this machine."
            ) from error
        self.model.eval()
        self._with_cells = _with_cells(self.model)
        self.space = self._space()
        self.image_size = max(self._size())

    def fits(self, text: str) -> bool:
        """Whether the model takes the whole text."""
        return self._token_count(text) <= self._context_length()

    def prepare(self, content: Any, modality: Modality) -> tuple[Tensor, ...]:
        """Bring one content into the model's form."""
        if modality is Modality.IMAGE:
            return (self.preprocess(content),)
        return (self.tokenizer([content])[0],)

    @property
    def has_tokens(self) -> bool:
        """Whether the image tower gives vectors of the cells of a picture."""
        return self._with_cells is not None

    def features(self, inputs: Sequence[Tensor], modality: Modality) -> tuple[Tensor, ...]:
        """Give the vectors of a batch, and those of the cells of pictures."""
        if modality is Modality.IMAGE and self._with_cells is not None:
            return self._with_cells(*inputs)
        run = self.model.encode_image if modality is Modality.IMAGE else self.model.encode_text
        return (run(*inputs),)

    def export(self, folder: Path) -> None:
        """Write the towers into a folder."""
        step = self.preprocess.transforms[-1]
        inputs = {Modality.IMAGE: Pixels(step.mean, step.std), Modality.TEXT: AsIs()}
        towers = {
            modality: Tower(self.model, module, partial(self.features, modality=modality))
            for modality, module in inputs.items()
        }
        spec = {"image": self.image_spec(), "text": self._text_spec(folder)}
        towers_export.write(self, towers, spec, folder)

    def _size(self) -> tuple[int, int]:
        """Height and width of the pictures that the model takes."""
        size = self.model.visual.preprocess_cfg["size"]
        return (size, size) if isinstance(size, int) else (size[0], size[1])

    def _context_length(self) -> int:
        return int(self.tokenizer.context_length)

    def _token_count(self, text: str) -> int:
        """The length of a text in tokens, with those that the model adds."""
        if isinstance(self.tokenizer, SimpleTokenizer):
            return len(self.tokenizer.encode(text)) + 2
        cleaned = self.tokenizer.clean_fn(text) if hasattr(self.tokenizer, "clean_fn") else text
        extra = 1 if getattr(self.tokenizer, "tokenizer_mode", "") == "clips" else 0
        return len(self.tokenizer.tokenizer(cleaned)["input_ids"]) + extra

    def _space(self) -> Space:
        config = self.model.visual.preprocess_cfg
        height, width = self._size()
        recipe = (
            f"{config['resize_mode']}{height}x{width}-{config['interpolation']} "
            f"text{self._context_length()} v1"
        )
        with torch.no_grad():
            dim = self.model.encode_text(self.tokenizer(["a"])).shape[1]
        return Space("open_clip", self.name, digest(self.model), recipe, dim)

    def image_spec(self) -> dict[str, Any]:
        """How `prepare_image` prepares pictures."""
        config = self.model.visual.preprocess_cfg
        height, width = self._size()
        mode = config["resize_mode"]
        if mode != "squash" and not (mode == "shortest" and height == width):
            raise ModelError(f"The preprocessing of {self.name} ({mode}) is left to open_clip.")
        # open_clip takes everything but bilinear for bicubic.
        interpolation = "bilinear" if config["interpolation"] == "bilinear" else "bicubic"
        spec = {"size": [height, width], "resize": mode, "interpolation": interpolation}
        return {**spec, "edge": height, "crop": "round"}

    def _text_spec(self, folder: Path) -> dict[str, Any]:
        """Write the tokenizer as one of the `tokenizers` library, and say how it is used."""
        own = self.tokenizer
        how = getattr(getattr(own, "clean_fn", None), "__name__", "").removeprefix("_clean_")
        spec = {"clean": how, "context_length": self._context_length(), "zeroed": None}
        spec |= {"pad_left": False, "mask": False}
        if isinstance(own, SimpleTokenizer) and own.reduction_fn is None:
            create_file(folder / "tokenizer.json", _bpe(own).to_str().encode())
            ends = {"before": [own.sot_token_id], "after": [own.eot_token_id]}
            return {**spec, **ends, "special": False, "pad": 0}
        backend = getattr(getattr(own, "tokenizer", None), "backend_tokenizer", None)
        if not isinstance(own, HFTokenizer) or own.tokenizer_mode or backend is None:
            raise ModelError(f"The tokenizer of {self.name} is left to open_clip.")
        create_file(folder / "tokenizer.json", backend.to_str().encode())
        if own.strip_sep_token:
            spec["zeroed"] = own.tokenizer.sep_token_id
        pad = own.tokenizer.pad_token_id
        return {**spec, "before": [], "after": [], "special": True, "pad": pad}


def _with_cells(model: Any) -> Callable[[Tensor], tuple[Tensor, Tensor]] | None:
    """What gives the vectors of pictures and of their cells, if the tower has a way to them."""
    visual = model.visual
    if type(model) not in (open_clip.CLIP, open_clip.CustomTextCLIP):
        return None
    if isinstance(visual, VisionTransformer):
        if visual.attn_pool is not None or visual.pool_type not in ("tok", "avg"):
            return None
        if visual.pool_type == "tok":
            keep_places(visual.transformer.resblocks[-1], "attn_mask")
        return partial(_of_transformer, visual)
    trunk = getattr(visual, "trunk", None)
    if not isinstance(trunk, timm.models.VisionTransformer) or trunk.num_prefix_tokens:
        return None
    pool = trunk.attn_pool
    if not isinstance(pool, AttentionPoolLatent) or pool.pos_embed is not None:
        return None
    return partial(_of_pooled, visual)


def _of_transformer(visual: Any, pixels: Tensor) -> tuple[Tensor, Tensor]:
    """By the class token, or the mean of the patches: then a cell is the mean of its own."""
    found = visual.forward_intermediates(pixels, indices=1, output_fmt="NLC")
    patches = found["image_intermediates"][0]
    grids = torch.tensor([visual.grid_size], device=pixels.device)
    if visual.final_ln_after_pool:
        means = visual.ln_post(cell_means(patches, grids))
    else:
        means = cell_means(visual.ln_post(patches), grids)
    return found["image_features"], means @ visual.proj


def _of_pooled(visual: Any, pixels: Tensor) -> tuple[Tensor, Tensor]:
    """By an attention over the patches, which is given in full to the mean of a cell."""
    trunk = visual.trunk
    patches = trunk.forward_features(pixels)
    means = cell_means(patches, torch.tensor([trunk.patch_embed.grid_size], device=pixels.device))
    vectors, cells = (
        visual.head(trunk.forward_head(states))
        for states in (patches, means.flatten(0, 1)[:, None])
    )
    return vectors, cells.unflatten(0, means.shape[:2])


def _options(model: str) -> tuple[str, dict[str, Any]]:
    """What open_clip calls the model, and the arguments that create it."""
    if model.startswith(_SCHEMES):
        return model, {}
    architecture, _, weights = model.partition("/")
    if architecture not in open_clip.list_models():
        close = difflib.get_close_matches(architecture, open_clip.list_models(), 3, 0.5)
        hint = f" Close names: {', '.join(close)}." if close else ""
        raise UnknownModelError(
            f"open_clip has no model {architecture!r}.{hint} `cmsearch models --all` lists them."
        )
    tags = open_clip.list_pretrained_tags_by_model(architecture)
    if weights in tags:
        config = open_clip.get_pretrained_cfg(architecture, weights)
        # Weights that were trained with QuickGELU lose accuracy in a model without it.
        return architecture, {
            "pretrained": weights,
            "force_quick_gelu": bool(config.get("quick_gelu", False)),
        }
    if Path(weights).is_file():
        return architecture, {"pretrained": weights}
    raise UnknownModelError(
        f"{architecture} has no weights {weights!r}, and there is no such file. It has: "
        f"{', '.join(tags) or 'none'}."
    )


def _bpe(own: SimpleTokenizer) -> Any:
    """CLIP's byte-pair encoding as a tokenizer of the `tokenizers` library."""
    from tokenizers import Regex, Tokenizer, models, pre_tokenizers

    merges = [pair for pair in own.bpe_ranks if len(pair) == 2]
    model = models.BPE(vocab=own.encoder, merges=merges, end_of_word_suffix="</w>")
    tokenizer = Tokenizer(model)
    words = Regex(r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(words, behavior="removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    return tokenizer
