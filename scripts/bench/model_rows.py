"""Check the table of `cmsearch models` against the models: each is built, counted and exported.

    python -m scripts.bench.model_rows [--largest MB] [--seconds N] [--count] [NAME ...]

Every row is built on torch's meta device, which holds no numbers, and its dimension, picture size,
parameters and megabytes are compared with the row. Then those of at most `--largest` MB are built
with random weights, one at a time, and exported to ONNX as indexing does it, which compares the
export with open_clip; told are the largest difference of a component from open_clip's, the
processor time of a picture and of a query, and the most memory that the process has had. `--count`
leaves that out. After `--seconds` no more are begun. Tokenizers that only the hub has are stood in
for by a small one. Memory is given back best by a process for each of the large rows.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import torch
from PIL import Image
from safetensors.torch import save_file

from cmsearch.errors import CmsearchError
from cmsearch.models.choices import MODELS, Model
from cmsearch.models.encoders.open_clip_export import OpenClipReference
from cmsearch.models.encoders.towers_export import outputs, stacked
from cmsearch.models.encoders.towers_onnx import OnnxRuntime
from cmsearch.models.quiet import quiet
from cmsearch.types import Modality

PICTURES = 4
"""As many as are encoded to measure the time of one."""
CONTENTS = {
    Modality.IMAGE: Image.fromarray(
        np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8)
    ),
    Modality.TEXT: "a cat on a red sofa",
}
"""What is encoded."""
_XLM = {
    "model_type": "xlm-roberta",
    "vocab_size": 250002,
    "max_position_embeddings": 514,
    "type_vocab_size": 1,
    "layer_norm_eps": 1e-5,
}
"""The configuration of xlm-roberta-base, which only the hub has."""


@dataclass(frozen=True, slots=True)
class Counted:
    """What a model is when it is built."""

    dim: int
    image_size: int
    parameters: float
    """Millions of them."""
    megabytes: int


def counted(model: Model, folder: Path) -> Counted:
    """Build a row's model without its numbers; its configuration is written into `folder`."""
    if not model.hub:
        return _counted_lite()
    config = write_configuration(model, folder)
    built = _built(folder, "meta")
    return Counted(
        config["embed_dim"],
        max(built.visual.image_size),
        _millions(built),
        round(sum(one.nbytes for one in built.state_dict().values()) / 1e6),
    )


def differences(model: Model, found: Counted) -> list[str]:
    """Where a row says something else than the model; a megabyte or two are headers."""
    wrong = []
    if (model.dim, model.image_size) != (found.dim, found.image_size):
        wrong.append(f"{found.dim} dimensions, {found.image_size} pixels")
    if abs(model.parameters - found.parameters) > 0.06:
        wrong.append(f"{found.parameters:.2f} million parameters")
    if abs(model.megabytes - found.megabytes) > 2:
        wrong.append(f"{found.megabytes} MB")
    return wrong


def write_configuration(model: Model, folder: Path) -> dict[str, Any]:
    """Write what `local-dir:` reads, but for weights; nothing has to be fetched for it."""
    architecture, _, weights = model.name.removeprefix("open_clip:").partition("/")
    config: dict[str, Any] = open_clip.get_model_config(architecture)
    text = config["text_cfg"]
    for name in ("hf_model_name", "hf_tokenizer_name"):
        if name in text:
            text[name] = str(folder / name)
            (folder / name).mkdir(exist_ok=True)
    if "hf_model_name" in text:
        (folder / "hf_model_name" / "config.json").write_text(json.dumps(_XLM))
        text["hf_model_pretrained"] = False
    known = open_clip.get_pretrained_cfg(architecture, weights)
    kept = {key: known[key] for key in ("mean", "std", "interpolation", "resize_mode")}
    whole = {"model_cfg": config, "preprocess_cfg": kept}
    (folder / "open_clip_config.json").write_text(json.dumps(whole))
    return config


def exported(model: Model, folder: Path) -> tuple[OnnxRuntime, float]:
    """A row's model with random weights, exported, and how far it is from open_clip's at most.

    Raises `ModelError` where it can't be exported.
    """
    text = write_configuration(model, folder)["text_cfg"]
    if "hf_tokenizer_name" in text:
        _write_tokenizer(folder, text)  # where `local-dir:` looks for it
    torch.manual_seed(0)
    weights = {name: one.contiguous() for name, one in _built(folder, "cpu").state_dict().items()}
    save_file(weights, folder / "open_clip_model.safetensors")
    weights.clear()
    reference = OpenClipReference(f"local-dir:{folder}", download=False)
    towers = folder / "towers"
    towers.mkdir()
    reference.export(towers)
    runtime = OnnxRuntime(towers.joinpath)
    return runtime, max(_distance(reference, runtime, one) for one in CONTENTS)


@torch.inference_mode()
def _distance(reference: OpenClipReference, runtime: OnnxRuntime, modality: Modality) -> float:
    """The largest difference of a component of a vector or a token from the reference's."""
    content = CONTENTS[modality]
    own = runtime.encode([runtime.prepare(content, modality)], modality)
    theirs = outputs(reference.features(stacked([reference.prepare(content, modality)]), modality))
    return max(
        float(np.abs(one - other.numpy()).max()) for one, other in zip(own, theirs, strict=True)
    )


def _built(folder: Path, device: str) -> Any:
    with torch.device(device), quiet("", "transformers"):
        return open_clip.create_model(
            f"local-dir:{folder}", load_weights=False, pretrained_text=False, device=device
        ).eval()


def _counted_lite() -> Counted:
    """`lite` is installed with its weights."""
    import timm

    from cmsearch.models.encoders import lite_export, lite_recipe

    towers = [timm.create_model("tf_efficientnet_lite2"), lite_export.TextTower().bert]
    millions = sum(map(_millions, towers))
    # 4 bytes for each, and the statistics of the image tower's normalisation.
    return Counted(lite_recipe.DIM, lite_recipe.IMAGE_SIZE, millions, round(4 * millions))


def _millions(module: Any) -> float:
    return float(sum(one.numel() for one in module.parameters())) / 1e6


def _write_tokenizer(folder: Path, text: dict[str, Any]) -> None:
    """A tokenizer of bytes, with the numbers of the ends that the model looks for."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    pieces = ["<pad>", "<eos>", "<bos>", "<unk>", *letters]
    tokenizer = Tokenizer(models.BPE({piece: at for at, piece in enumerate(pieces)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A <eos>", special_tokens=[("<eos>", 1)]
    )
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        eos_token="<eos>",
        bos_token="<bos>",
        unk_token="<unk>",
        model_max_length=text.get("context_length", 77),
    ).save_pretrained(folder)


def _seconds(runtime: OnnxRuntime, modality: Modality) -> float:
    """The processor time of one content, after one."""
    contents = [CONTENTS[modality]] * PICTURES
    runtime.encode([runtime.prepare(contents[0], modality)], modality)
    start = time.process_time()
    runtime.encode([runtime.prepare(one, modality) for one in contents], modality)
    return (time.process_time() - start) / len(contents)


def _most_memory() -> float:
    """The most memory in GB that this process has had, files that it maps included."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (1e9 if sys.platform == "darwin" else 1e6)


def check(model: Model, largest: int) -> tuple[str, bool]:
    """What is found of a row, and whether it is as the row says."""
    with tempfile.TemporaryDirectory(prefix="model-rows-") as name:
        folder = Path(name)
        if wrong := differences(model, counted(model, folder)):
            return f"WRONG: it has {'; '.join(wrong)}", False
        if not model.hub:
            return "counted; exported by the tests", True
        if model.megabytes > largest:
            return "counted, on the meta device alone", True
        start = time.process_time()
        try:
            runtime, distance = exported(model, folder)
        except CmsearchError as error:
            return f"counted; NOT EXPORTED: {error}", False
        took = time.process_time() - start
        picture, query = (1e3 * _seconds(runtime, one) for one in CONTENTS)
    tokens = "tokens" if runtime.has_tokens else "no tokens"
    return (
        f"exported in {took:.0f} s, {distance:.1g} from open_clip, {picture:.0f} ms a picture, "
        f"{query:.0f} ms a query, {tokens}, {_most_memory():.1f} GB of memory",
        True,
    )


def main() -> int:
    """Check the rows that are asked for; ends with 1 if one is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--largest", type=int, default=1000, metavar="MB")
    parser.add_argument("--seconds", type=float, default=480.0, help="of processor time")
    parser.add_argument("--count", action="store_true", help="build on the meta device alone")
    wanted = parser.parse_args()
    all_right = True
    for model in MODELS:
        if model.name.startswith("sentence-transformers:"):
            continue  # tests/unit/cmsearch/models/encoders/test_st.py builds these
        if wanted.names and not any(name in model.name for name in wanted.names):
            continue
        is_late = time.process_time() > wanted.seconds
        told, is_right = check(model, 0 if wanted.count or is_late else wanted.largest)
        all_right &= is_right
        print(f"{model.name.removeprefix('open_clip:')}: {told}", flush=True)
    return 0 if all_right else 1


if __name__ == "__main__":
    raise SystemExit(main())
