"""The reference of `transformers` in torch: loading CLIP, SigLIP and SigLIP 2, exporting them."""

# Tested by tests/unit/cmsearch/models/encoders/test_transformers.py

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
import transformers
from PIL.Image import Resampling
from torch import Tensor, nn

from cmsearch.errors import ModelError
from cmsearch.models.checkpoints import checkpoint, model_type
from cmsearch.models.encoders import towers_export
from cmsearch.models.encoders.cells import cell_means, keep_places
from cmsearch.models.encoders.naflex import Patches, grid_positions
from cmsearch.models.encoders.towers_export import PROBES, AsIs, Pixels, Tower, digest, stacked
from cmsearch.models.encoders.transformers_texts import Texts, short_digest
from cmsearch.models.pretrained import load_image_processor, load_model, load_tokenizer, loading
from cmsearch.types import Modality, Space

_CLASSES = {"clip": "CLIPModel", "siglip": "SiglipModel", "siglip2": "Siglip2Model"}
_OF_IMAGES = (
    *("do_resize", "size", "resample", "do_center_crop", "crop_size", "do_rescale"),
    *("rescale_factor", "do_normalize", "image_mean", "image_std", "do_pad", "patch_size"),
    "max_num_patches",
)


class TransformersReference:
    """A CLIP, SigLIP or SigLIP 2 of transformers with its tokenizer and its image processor.

    The image processor is the one that uses Pillow. Raises `UnknownModelError` for a name that the
    hub doesn't have, `ModelUnavailableError` where the weights can't be had, and `ModelError` for
    models of other types.
    """

    has_tokens = True

    def __init__(self, model: str, *, download: bool) -> None:
        self.name = model
        folder = checkpoint(model, tuple(_CLASSES), download=download)
        self.kind = model_type(folder)
        with loading(model):
            self.model = load_model(getattr(transformers, _CLASSES[self.kind]), folder, model)
            if self.kind == "clip":
                layers = self.model.vision_model.encoder.layers
                keep_places(layers[-1].self_attn, "attention_mask")
            self.processor = load_image_processor(folder)
            tokenizer = load_tokenizer(folder)
            positions = self.model.config.text_config.max_position_embeddings
            self._texts = Texts(tokenizer, int(min(positions, tokenizer.model_max_length)))
            self.space = self._space()
        self.image_size = self._image_size()

    def fits(self, text: str) -> bool:
        """Whether the model takes the whole text."""
        return self._texts.fits(text)

    def prepare(self, content: Any, modality: Modality) -> tuple[Tensor, ...]:
        """Bring one content into the model's form."""
        if modality is Modality.TEXT:
            return self._texts.prepare(content)
        found = self.processor(images=content, return_tensors="pt")
        names: tuple[str, ...] = ("pixel_values",)
        if self.kind == "siglip2":
            names = ("pixel_values", "pixel_attention_mask", "spatial_shapes")
        return tuple(found[name][0] for name in names)

    def features(self, inputs: Sequence[Tensor], modality: Modality) -> tuple[Tensor, ...]:
        """Give the vectors of a batch, and those of the cells of pictures."""
        if modality is Modality.TEXT:
            found = self.model.get_text_features(*inputs)
            return (getattr(found, "pooler_output", found),)  # transformers 4 gives the tensor
        vision = self.model.vision_model
        found = vision(*inputs)
        grids = inputs[-1] if self.kind == "siglip2" else self._grid(inputs[0])
        if self.kind == "clip":
            patches = vision.post_layernorm(found.last_hidden_state[:, 1:])
            project = self.model.visual_projection
            return project(found.pooler_output), project(cell_means(patches, grids))
        # To one patch the pooling head attends in full: this is what it makes of a cell's mean.
        means = cell_means(found.last_hidden_state, grids)
        cells = vision.head(means.flatten(0, 1)[:, None])
        return found.pooler_output, cells.unflatten(0, means.shape[:2])

    def export(self, folder: Path) -> None:
        """Write the towers into a folder."""
        image, pixels = self._images()
        spec = {"image": image, "text": self._texts.spec(folder)}
        of_images, of_texts = (
            partial(self.features, modality=one) for one in (Modality.IMAGE, Modality.TEXT)
        )
        if self.kind == "siglip2":
            embeddings = self.model.vision_model.embeddings
            of_images = partial(grid_positions, embeddings, of_images)
        towers = {
            Modality.IMAGE: Tower(self.model, pixels, of_images),
            Modality.TEXT: Tower(self.model, AsIs(), of_texts),
        }
        towers_export.write(self, towers, spec, folder)

    def _grid(self, pixels: Tensor) -> Tensor:
        side = self.model.config.vision_config.patch_size
        rows, columns = (length // side for length in pixels.shape[-2:])
        return torch.tensor([[rows, columns]], device=pixels.device)

    def _image_size(self) -> int:
        config = self.model.config.vision_config
        if self.kind == "siglip2":
            return int(self.processor.patch_size * self.processor.max_num_patches**0.5)
        return int(config.image_size)

    def _space(self) -> Space:
        recipe = f"{self.kind} pil-{short_digest(self._image_config())} {self._texts.recipe()} v1"
        text = stacked([self._texts.prepare(PROBES[0])])
        with torch.no_grad():
            dim = self.features(text, Modality.TEXT)[0].shape[1]
        return Space("transformers", self.name, digest(self.model), recipe, dim)

    def _image_config(self) -> dict[str, Any]:
        found = self.processor.to_dict()
        plain = {name: found[name] for name in _OF_IMAGES if found.get(name) is not None}
        for name in {"size", "crop_size"} & set(plain):
            plain[name] = {edge: int(n) for edge, n in dict(plain[name]).items() if n is not None}
        return {**plain, "resample": int(plain.get("resample", Resampling.BILINEAR))}

    def image_spec(self) -> dict[str, Any]:
        """How `prepare_image` prepares pictures."""
        return self._images()[0]

    def _images(self) -> tuple[dict[str, Any], nn.Module]:
        """How pictures become bytes, and what makes the model's inputs of them."""
        config = self._image_config()
        factor = config["rescale_factor"] if config.get("do_rescale") else 1.0
        mean, std = [0.0] * 3, [1.0] * 3
        if config.get("do_normalize"):
            mean, std = config["image_mean"], config["image_std"]
        interpolation = Resampling(config["resample"]).name.lower()
        spec: dict[str, Any] = {"interpolation": interpolation, "crop": "floor"}
        if config.get("do_pad") or not config.get("do_resize"):
            raise ModelError(f"The image processor of {self.name} is left to transformers.")
        if self.kind == "siglip2":
            side, most = config["patch_size"], config["max_num_patches"]
            size = [self._image_size()] * 2
            spec |= {"resize": "patches", "patch": side, "patches": most, "size": size}
            return spec, Patches(mean, std, factor)
        return {**spec, **self._resizing(config)}, Pixels(mean, std, factor)

    def _resizing(self, config: dict[str, Any]) -> dict[str, Any]:
        size, crop = config["size"], config.get("crop_size", {})
        whole = {"height", "width"}
        if set(size) == whole and (not config.get("do_center_crop") or crop == size):
            return {"resize": "squash", "size": [size["height"], size["width"]]}
        if set(size) == {"shortest_edge"} and config.get("do_center_crop") and set(crop) == whole:
            edge = size["shortest_edge"]
            if edge >= max(crop.values()):
                return {"resize": "shortest", "edge": edge, "size": [crop["height"], crop["width"]]}
        raise ModelError(f"The image processor of {self.name} is left to transformers.")
