"""The reference of `open_clip` in torch: loading any of its models, running it, exporting it."""

from __future__ import annotations

import difflib
import hashlib
import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import torch
from open_clip.tokenizer import HFTokenizer, SimpleTokenizer
from PIL import Image
from torch import Tensor, nn

from cmsearch import hub
from cmsearch.encoders import open_clip as runtime
from cmsearch.encoders.onnx import Sessions, export
from cmsearch.encoders.quiet import quiet
from cmsearch.errors import ModelError, ModelUnavailableError, UnknownModelError
from cmsearch.types import Capabilities, FloatArray, Modality, Space

TOLERANCE = 1e-4
HUB_SECONDS = 10.0
_SCHEMES = ("hf-hub:", "local-dir:")
_PROBES = (
    "a photo of a cat",
    "Two dogs, running — on a beach; it's 8:25!",
    "Grüße aus Köln & Ångström &amp; naïve café",
    "写真 の 犬 и кошка",
    "emoji 🐶🐱 #hashtag @someone 1234567890",
    "snake_case, (brackets) [and] {braces} \"quotes\" 'single'",
    "  white \t\n space  ",
    "don't we'll they've I'm he'd she's",
    "x" * 40,
)

log = logging.getLogger("cmsearch")


class Reference:
    """A model of open_clip with its tokenizer and its preprocessing.

    Raises `UnknownModelError` for a name that open_clip doesn't have, and `ModelUnavailableError`
    where the weights can't be had.
    """

    def __init__(self, model: str, *, download: bool) -> None:
        self.name = model
        self._path, options = _options(model)
        if not download:
            _require_cached(model, self._path, options)
        else:
            _announce(model, self._path, options)
        try:
            with quiet("", "huggingface_hub", "transformers"):
                self.model, self.preprocess = open_clip.create_model_from_pretrained(
                    self._path, **options, device="cpu", return_transform=True
                )
                self.tokenizer = open_clip.get_tokenizer(self._path)
        except Exception as error:  # open_clip and the hub's client raise many kinds
            raise ModelUnavailableError(
                f"The model {model} can't be loaded: {_brief(error)} `cmsearch models` lists what "
                "there is, and what is on this machine."
            ) from error
        self.model.eval()
        self.space = self._space()

    def best_device(self) -> str:
        """The fastest kind of device of this machine."""
        if torch.cuda.is_available():
            return "cuda"
        return "mps" if torch.backends.mps.is_available() else "cpu"

    def image_size(self) -> tuple[int, int]:
        """Height and width of the pictures that the model takes."""
        size = self.model.visual.preprocess_cfg["size"]
        return (size, size) if isinstance(size, int) else (size[0], size[1])

    def context_length(self) -> int:
        return int(self.tokenizer.context_length)

    def token_count(self, text: str) -> int:
        """The length of a text in tokens, with those that the model adds."""
        if isinstance(self.tokenizer, SimpleTokenizer):
            return len(self.tokenizer.encode(text)) + 2
        cleaned = self.tokenizer.clean_fn(text) if hasattr(self.tokenizer, "clean_fn") else text
        extra = 1 if getattr(self.tokenizer, "tokenizer_mode", "") == "clips" else 0
        return len(self.tokenizer.tokenizer(cleaned)["input_ids"]) + extra

    @torch.no_grad()
    def export(self, folder: Path) -> None:
        """Write both towers, the tokenizer and the preprocessing; raises `ModelError`.

        What was written is compared with the reference before it is used.
        """
        spec = {"image": self._image_spec(), "text": self._text_spec(folder)}
        (folder / "preprocessing.json").write_text(json.dumps(spec))
        random = torch.Generator().manual_seed(0)
        pixels = torch.randint(0, 256, (2, *self.image_size(), 3), generator=random)
        towers = {
            "image": (_ImageTower(self.model, self.preprocess), pixels.to(torch.uint8)),
            "text": (_TextTower(self.model), self.tokenizer(list(_PROBES[:2]))),
        }
        for name, (tower, example) in towers.items():
            export(tower, (example,), folder / f"{name}.onnx")
        exported = runtime.OnnxRuntime(folder)
        self._compare_preprocessing(exported)
        for name, (tower, example) in towers.items():
            _compare_outputs(Sessions(folder), name, tower, example)

    def _space(self) -> Space:
        config = self.model.visual.preprocess_cfg
        height, width = self.image_size()
        recipe = (
            f"{config['resize_mode']}{height}x{width}-{config['interpolation']} "
            f"text{self.context_length()} v1"
        )
        with torch.no_grad():
            dim = self.model.encode_text(self.tokenizer(["a"])).shape[1]
        return Space("open_clip", self.name, _digest(self.model), recipe, dim)

    def _image_spec(self) -> dict[str, Any]:
        config = self.model.visual.preprocess_cfg
        height, width = self.image_size()
        mode = config["resize_mode"]
        if mode != "squash" and not (mode == "shortest" and height == width):
            raise ModelError(f"The preprocessing of {self.name} ({mode}) is left to open_clip.")
        interpolation = config["interpolation"]
        return {"size": [height, width], "resize": mode, "interpolation": interpolation}

    def _text_spec(self, folder: Path) -> dict[str, Any]:
        """Write the tokenizer as one of the `tokenizers` library, and say how it is used."""
        own = self.tokenizer
        how = getattr(getattr(own, "clean_fn", None), "__name__", "").removeprefix("_clean_")
        spec = {"clean": how, "context_length": self.context_length(), "zeroed": None}
        if isinstance(own, SimpleTokenizer) and own.reduction_fn is None:
            _bpe(own).save(str(folder / "tokenizer.json"))
            ends = {"before": [own.sot_token_id], "after": [own.eot_token_id]}
            return {**spec, **ends, "special": False, "pad": 0}
        backend = getattr(getattr(own, "tokenizer", None), "backend_tokenizer", None)
        if not isinstance(own, HFTokenizer) or own.tokenizer_mode or backend is None:
            raise ModelError(f"The tokenizer of {self.name} is left to open_clip.")
        backend.save(str(folder / "tokenizer.json"))
        if own.strip_sep_token:
            spec["zeroed"] = own.tokenizer.sep_token_id
        pad = own.tokenizer.pad_token_id
        return {**spec, "before": [], "after": [], "special": True, "pad": pad}

    def _compare_preprocessing(self, exported: runtime.OnnxRuntime) -> None:
        random = np.random.default_rng(0)
        mean, std = _normalisation(self.preprocess)
        for size in ((301, 450), (640, 200), (97, 97)):
            image = Image.fromarray(random.integers(0, 256, (*size, 3), np.uint8))
            bytes_ = torch.from_numpy(np.array(exported.prepare(image, Modality.IMAGE)))
            own = (bytes_.permute(2, 0, 1).float() / 255 - mean[0]) / std[0]
            if not torch.allclose(own, self.preprocess(image), atol=1e-5):
                raise ModelError(f"The preprocessing of {self.name} is left to open_clip.")
        for text in _PROBES:
            if not exported.fits(text):
                continue
            if not np.array_equal(
                exported.prepare(text, Modality.TEXT), self.tokenizer([text])[0].numpy()
            ):
                raise ModelError(f"The tokenizer of {self.name} is left to open_clip.")


class TorchRuntime:
    """A reference on a device, with autocast where it is a GPU."""

    def __init__(self, reference: Reference, device: str) -> None:
        self._reference = reference
        try:
            self._device = torch.device(device)
            self._model = reference.model.to(self._device)
        except (RuntimeError, AssertionError) as error:
            raise ModelError(f"The device {device!r} can't be used: {_brief(error)}") from error
        on_gpu = self._device.type != "cpu"
        self.capabilities = Capabilities(
            modalities=frozenset({Modality.TEXT, Modality.IMAGE}),
            image_size=max(reference.image_size()),
            batch_size=64 if on_gpu else 8,
            workers=1,
            runtime=f"torch {self._device.type}",
        )

    def fits(self, text: str) -> bool:
        return self._reference.token_count(text) <= self._reference.context_length()

    def prepare(self, content: Any, modality: Modality) -> Any:
        if modality is Modality.IMAGE:
            return self._reference.preprocess(content)
        return self._reference.tokenizer([content])[0]

    def encode(self, batch: Sequence[Any], modality: Modality) -> FloatArray:
        values = torch.stack(list(batch)).to(self._device)
        run = self._model.encode_image if modality is Modality.IMAGE else self._model.encode_text
        gpu = self._device.type == "cuda"
        with torch.inference_mode(), torch.autocast(self._device.type, enabled=gpu):
            vectors = run(values)
        unit = torch.nn.functional.normalize(vectors.float(), dim=-1)
        found: FloatArray = unit.cpu().numpy()
        return found


class _ImageTower(nn.Module):
    mean: Tensor
    std: Tensor

    def __init__(self, model: Any, preprocess: Any) -> None:
        super().__init__()
        self.model = model
        mean, std = _normalisation(preprocess)
        self.register_buffer("mean", mean)
        self.register_buffer("std", std)

    def forward(self, pixels: Tensor) -> Tensor:
        images = (pixels.permute(0, 3, 1, 2).float() / 255 - self.mean) / self.std
        vectors: Tensor = self.model.encode_image(images, normalize=True)
        return vectors


class _TextTower(nn.Module):
    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, ids: Tensor) -> Tensor:
        vectors: Tensor = self.model.encode_text(ids, normalize=True)
        return vectors


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


def _hub(path: str, options: dict[str, Any]) -> tuple[str, str | None] | None:
    """The hub's repository with the weights, and their file in it if open_clip names one.

    None where they are files of this machine.
    """
    if path.startswith("hf-hub:"):
        return path.removeprefix("hf-hub:"), None
    config = open_clip.get_pretrained_cfg(path, options.get("pretrained", ""))
    owner, _, rest = str(config.get("hf_hub", "") if config else "").partition("/")
    name, _, file = rest.partition("/")
    return (f"{owner}/{name}", file or None) if name else None


def _require_cached(model: str, path: str, options: dict[str, Any]) -> None:
    place = _hub(path, options)
    if place is not None and not hub.is_cached(*place):
        raise ModelUnavailableError(
            f"The index was made with {model}, whose weights are not on this machine. Fetch them "
            "by indexing: `cmsearch index FOLDER`."
        )


def _announce(model: str, path: str, options: dict[str, Any]) -> None:
    """Say how much will be fetched, if anything; raises `ModelUnavailableError` if it can't be."""
    place = _hub(path, options)
    if place is None or hub.is_cached(*place):
        return
    size = hub.megabytes(place[0], HUB_SECONDS, place[1])
    if size is None:
        raise ModelUnavailableError(
            f"The weights of {model} are not on this machine, and the model hub can't be reached. "
            "Try again with a network, or take --model lite, which needs none."
        )
    told = f"{size} MB" if size else "of a size that the hub doesn't tell"
    log.info("Fetching the weights of %s, %s.", model, told)


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


def _normalisation(preprocess: Any) -> tuple[Tensor, Tensor]:
    """Mean and deviation `(1, 3, 1, 1)` of the transform's last step."""
    step = preprocess.transforms[-1]
    mean, std = (torch.tensor(list(values)).view(1, 3, 1, 1) for values in (step.mean, step.std))
    return mean, std


def _compare_outputs(sessions: Sessions, name: str, tower: nn.Module, example: Tensor) -> None:
    batch = torch.cat([example, example.flip(0)[:1]])
    expected = tower(batch).numpy()
    difference = float(np.abs(sessions.run(name, batch.numpy())[0] - expected).max())
    if not difference <= TOLERANCE:
        raise ModelError(f"The exported {name} tower differs by {difference:.1g} from the model.")


def _digest(model: nn.Module) -> str:
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.contiguous().flatten().view(torch.uint8).numpy())
    return digest.hexdigest()[:32]


def _brief(error: BaseException) -> str:
    return str(error).strip().split("\n")[0][:300].rstrip(".") + "."
