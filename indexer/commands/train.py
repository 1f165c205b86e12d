"""The command `train`."""

# Tested by tests/e2e/test_train.py

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cmsearch.commands.options import format_option
from cmsearch.errors import CmsearchError
from cmsearch.types import Progress
from indexer.commands.index import print_skipped
from indexer.commands.options import device_option, folder_argument, progress, yes_option

if TYPE_CHECKING:
    from cmsearch.learning.training.train import Outcome

IMAGE, TEXT = "efficientnet-lite2", "all-MiniLM-L6-v2"


class Towers(click.ParamType[frozenset[str]]):
    """`image`, `text`, or both with a comma between them."""

    name = "towers"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> frozenset[str]:
        """Give the towers that a value such as `image,text` names."""
        if isinstance(value, frozenset):
            return value
        named = frozenset(one.strip() for one in str(value).split(","))
        if not named <= {"image", "text"}:
            self.fail(f"{value!r} is not image, text or image,text.", param, ctx)
        return named


_NONE: frozenset[str] = frozenset()


@click.command()
@folder_argument
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The model to write, NAME.safetensors; NAME.png beside it has the loss curve.",
)
@click.option("--model", metavar="dual:IMAGE+TEXT", help="Both towers at once.")
@click.option(
    "--image", metavar="NAME", help=f"Of timm, torchvision:NAME, or a path; else {IMAGE}."
)
@click.option(
    "--text", metavar="NAME", help=f"Of transformers on the model hub, or a path; else {TEXT}."
)
@click.option(
    "--random-towers",
    "random",
    type=Towers(),
    default=_NONE,
    metavar="image,text",
    help="Begin with random weights in these towers, and not with their own.",
)
@click.option(
    "--freeze",
    type=Towers(),
    default=_NONE,
    metavar="image,text",
    help="Let the weights of these towers be: only their heads learn.",
)
@click.option("--dim", type=int, default=512, show_default=True, help="Dimensions of the space.")
@click.option("--size", type=int, metavar="PIXELS", help="Side of pictures; else the tower's own.")
@click.option("--context", type=int, default=64, show_default=True, help="Longest text, in tokens.")
@click.option("--loss", type=click.Choice(["clip", "siglip"]), default="clip", show_default=True)
@click.option("--epochs", type=int, default=30, show_default=True, help="At most.")
@click.option("--batch", type=int, default=64, show_default=True, help="Pairs to tell apart.")
@click.option("--micro-batch", "micro", type=int, metavar="N", help="Pairs encoded at once.")
@click.option("--rate", type=float, default=1e-3, show_default=True, help="Learning rate.")
@click.option(
    "--tower-rate",
    type=float,
    metavar="RATE",
    help="That of the towers; else a twentieth, and all of it for random ones.",
)
@click.option("--decay", type=float, default=0.05, show_default=True, help="Weight decay.")
@click.option(
    "--warm-up",
    type=float,
    default=0.1,
    show_default=True,
    help="Share of steps with a rising rate.",
)
@click.option(
    "--patience", type=int, default=5, show_default=True, help="Epochs without a better recall."
)
@click.option(
    "--held-out",
    type=float,
    default=0.1,
    show_default=True,
    help="Share of pictures that choose the epoch; as many measure the outcome.",
)
@click.option("--seed", type=click.IntRange(0, 2**31), default=0, show_default=True)
@click.option("--resume", is_flag=True, help="Go on from the last checkpoint, if there is one.")
@click.option("--overwrite", is_flag=True, help="Begin anew, whatever is there.")
@click.option(
    "--checkpoint-seconds",
    "seconds",
    type=click.FloatRange(0),
    default=60.0,
    show_default=True,
    help="Between checkpoints, at least.",
)
@click.option("--licence", metavar="TEXT", help="What the model's card says of its licence.")
@yes_option
@device_option
@format_option
def train(
    folder: Path,
    out: Path,
    model: str | None,
    image: str | None,
    text: str | None,
    licence: str | None,
    device: str | None,
    style: str,
    **options: Any,
) -> int:
    """Train a model of two towers on the pictures and captions of FOLDER.

    The towers begin with their own weights, and get heads into one space. The model is used
    wherever one is named, as dual:FILE. Ends with the exit code 3 if some files were skipped.

    \b
    Examples:
      cmsearch train ~/Pictures --freeze image,text --out mine.safetensors
      cmsearch train ~/Pictures --model dual:resnet18+bert-base-uncased --out mine.safetensors
      cmsearch index ~/Pictures --model dual:mine.safetensors
    """
    image, text = _towers(model, image, text)
    from cmsearch.learning.training.settings import Settings
    from cmsearch.learning.training.train import Place
    from cmsearch.learning.training.train import train as training
    from indexer.pairs import pairs

    kept = {name: options.pop(name) for name in ("resume", "overwrite", "seconds")}
    settings, place = Settings(image, text, **options), Place(out, **kept)
    found = pairs(folder)
    try:
        with progress() as show:
            outcome = training(
                found.pairs,
                found.read,
                settings,
                place,
                device=device,
                licence=licence,
                tell=lambda stage, done, total: show(Progress(stage, done, total)),
            )
    except KeyboardInterrupt as error:
        raise CmsearchError(
            "Interrupted. The same command with --resume goes on from the last checkpoint."
        ) from error
    _print_json(out, outcome) if style == "json" else _print(outcome)
    skipped = (*found.skipped, *outcome.skipped)
    print_skipped(skipped)
    return 3 if skipped else 0


def _print_json(out: Path, outcome: Outcome) -> None:
    click.echo(json.dumps({"model": str(out), "curve": str(outcome.curve), **outcome.card}))


def _towers(model: str | None, image: str | None, text: str | None) -> tuple[str, str]:
    if model is None:
        return image or IMAGE, text or TEXT
    if image or text:
        raise click.UsageError("Name the towers by --model or by --image and --text.")
    kind, _, towers = model.partition(":")
    seeing, plus, reading = towers.partition("+")
    if kind != "dual" or not (seeing and plus and reading):
        raise click.UsageError(f"--model {model} doesn't name two towers: dual:IMAGE+TEXT.")
    return seeing, reading


def _print(outcome: Outcome) -> None:
    card = outcome.card
    data = card["data"]
    click.echo(
        f"learned from {data['learn']['pairs']} pairs; the best epoch was {card['best_epoch']} of "
        f"{len(card['losses'])}"
    )
    click.echo(
        f"among {data['measure']['pictures']} pictures that had no part in it, in per cent, with "
        "95 % bootstrap intervals"
    )
    for direction, measures in card["recall"].items():
        click.echo(direction)
        for name, one in measures.items():
            value, low, high = (100 * one[key] for key in ("value", "low", "high"))
            click.echo(f"  {name:10} {value:5.1f}   [{low:5.1f}, {high:5.1f}]")
    click.echo(f"model: dual:{outcome.model}   loss curve: {outcome.curve}")
