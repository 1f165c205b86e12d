"""The command `fit`."""

# Tested by tests/e2e/test_fit.py

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cmsearch.commands.options import format_option, option_of_store
from cmsearch.common.text import printable
from cmsearch.learning.fit_adapter import Fit, Reranking, Wish
from indexer.commands.options import device_option, folder_argument, progress

if TYPE_CHECKING:
    from cmsearch.learning.fit_evidence import Weighing
    from cmsearch.learning.fit_fusion import Fusing


@click.command()
@folder_argument
@option_of_store("The index; by default that of FOLDER or the nearest above it.")
@click.option(
    "--use-folders", is_flag=True, help="Let a folder's name be the caption of what has none."
)
@click.option(
    "--fusion",
    is_flag=True,
    help="Learn instead to make one of a picture and a text, for queries of both; takes minutes.",
)
@click.option(
    "--reranker",
    is_flag=True,
    help="Learn instead to put what a search finds in a better order; takes minutes.",
)
@click.option(
    "--forget",
    is_flag=True,
    help="Remove the weights of evidence, or with --reranker the reranker, that were learned.",
)
@click.option("--force", is_flag=True, help="Keep what was learned even if it is not better.")
@click.option("--dry-run", is_flag=True, help="Only learn and measure; change nothing.")
@click.option(
    "--export",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write what is kept to a file, NAME.safetensors.",
)
@click.option("--licence", default="", metavar="TEXT", help="What the file's card says of it.")
@device_option
@format_option
def fit(
    folder: Path,
    store: Path | None,
    fusion: bool,
    reranker: bool,
    forget: bool,
    device: str | None,
    style: str,
    **wished: Any,
) -> int:
    """Learn from the captions and marks in an index to find its pictures better.

    Queries that pictures were marked right for, by `cmsearch mark`, count as their captions. Holds
    pictures out, measures what would be gained among them, and only if that is certain moves
    the vectors of all pictures, without reading a file. `cmsearch rollback` goes back. Ends with
    the exit code 3 if what was learned is not better. Learns as well what each way of evidence
    counts here, which `--forget` takes back.

    \b
    Examples:
      cmsearch fit ~/Pictures
      cmsearch fit ~/Pictures --dry-run --format json
      cmsearch fit ~/Pictures --use-folders --export mine.safetensors
      cmsearch fit ~/Pictures --fusion
      cmsearch fit ~/Pictures --reranker
      cmsearch index ~/Other --model ./mine.safetensors
    """
    from cmsearch.store.store import open_at

    wish = Wish(**wished)
    _check(wish, fusion, reranker)
    if forget:
        is_alone = not (fusion or wish.force or wish.dry_run or wish.export)
        return _forget(store or folder, reranker, is_alone)
    weighing: Weighing | None = None
    with open_at(store or folder) as opened, progress() as show:
        if fusion:
            from cmsearch.learning.fit_fusion import fit_fusion

            done: Fit | Fusing | Reranking = fit_fusion(opened, wish, tell=show)
        elif reranker:
            from cmsearch.learning.fit_reranker import fit_reranker

            done = fit_reranker(opened, wish, device=device, tell=show)
        else:
            from cmsearch.learning.fit_adapter import fit as fit_adapter
            from cmsearch.learning.fit_evidence import fit_evidence

            done = fit_adapter(opened, wish, device=device, tell=show)
            weighing = fit_evidence(opened, dry_run=wish.dry_run, device=device, tell=show)
    if style == "table":
        print_fit(done)
        _print_weighing(weighing)
    else:
        _print_json(done, weighing)
    if not done.is_better:
        click.echo(_refusal(done), err=True)
    return 0 if done.is_better else 3


def _check(wish: Wish, fusion: bool, reranker: bool) -> None:
    """Raise `UsageError` for options that don't go together."""
    export = wish.export
    if export is not None and export.suffix != ".safetensors":
        raise click.UsageError(
            "The file of --export ends in .safetensors, to be known by its name."
        )
    if wish.dry_run and (wish.force or export is not None):
        raise click.UsageError("--dry-run keeps nothing: leave out --force and --export.")
    if wish.use_folders and (fusion or reranker):
        name = "fusion" if fusion else "reranker"
        raise click.UsageError(f"--{name} learns from captions alone: leave out --use-folders.")
    if fusion and reranker:
        raise click.UsageError("--fusion and --reranker are learned one after the other.")


def _forget(place: Path, reranker: bool, is_alone: bool) -> int:
    """Remove what was learned of the index at, in or above a place: the reranker, or weights."""
    from cmsearch.learning.fit_evidence import forget_evidence
    from cmsearch.learning.fit_reranker import forget_reranker
    from cmsearch.store.store import open_at

    if not is_alone:
        raise click.UsageError("--forget goes with --reranker or with nothing else.")
    what = "reranker" if reranker else "weights of evidence"
    with open_at(place) as opened:
        had = forget_reranker(opened) if reranker else forget_evidence(opened)
    click.echo(f"removed: the {what}" if had else f"This index has no {what} of its own.")
    return 0


def print_fit(done: Fit | Fusing | Reranking) -> None:
    """Write the figures and what came of them."""
    click.echo(
        f"{printable(done.base)}, {done.pictures} pictures with {done.captions} captions; "
        f"{_held_out(done)}"
    )
    if isinstance(done, Fit | Reranking):
        _print_marks(done)
    click.echo("among those held out, in per cent, with 95 % bootstrap intervals")
    for one in done.comparisons:
        click.echo(f"{one.direction}  {one.queries} queries")
        click.echo(f"  {'':10} {'before':21} {'after':21} gain")
        for name, gain in one.gain.items():
            before, after = (
                f"{100 * part.value:5.1f} [{100 * part.low:5.1f}, {100 * part.high:5.1f}]"
                for part in (one.before[name], one.after[name])
            )
            click.echo(
                f"  {name:10} {before:21} {after:21} "
                f"{100 * gain.value:+5.1f} [{100 * gain.low:+5.1f}, {100 * gain.high:+5.1f}]"
            )
    if isinstance(done, Fit):
        click.echo(
            f"strength {done.strength:g}, share {done.share:g}, attention times {done.attention:g}"
        )
    if done.kept:
        click.echo(f"kept: {_kept(done)}")
    if done.exported is not None:
        click.echo(f"written: {printable(str(done.exported))}")


def _print_marks(done: Fit | Reranking) -> None:
    """Write how many marks were learned from."""
    if done.marked:
        click.echo(f"{done.marked} of these pairs are marks of what is right")
    if isinstance(done, Fit) and done.wrong:
        click.echo(
            f"{done.wrong} marks of what is wrong have no part in it: a regression has no place "
            "for them"
        )
    elif isinstance(done, Reranking) and done.wrong + done.passed_over:
        passed_over = f"; {done.passed_over} of texts without a right picture are not"
        click.echo(
            f"{done.wrong} marks of what is wrong are learned from"
            f"{passed_over if done.passed_over else ''}"
        )


def _print_weighing(found: Weighing | None) -> None:
    """Write what each way of evidence counts, if that was learned."""
    if found is None:
        return
    ways = ", ".join(f"{way} {weight:g}" for way, weight in found.weights.items())
    click.echo(
        f"weights of evidence, from {found.questions} captions: {ways}; log-loss of relevance "
        f"{found.before:.3f}, held out {found.after:.3f}"
    )
    if found.kept:
        click.echo("kept: searches weigh by them; `cmsearch fit --forget` removes them")


def _kept(done: Fit | Fusing | Reranking) -> str:
    """How what was learned is used now, and how to go back."""
    if isinstance(done, Reranking):
        return (
            f"searches rerank with {done.reranker}, {' and '.join(done.directions)}; `cmsearch fit "
            "--reranker --forget` removes it"
        )
    return (
        f"generation {done.generation} serves, {printable(done.model)}; `cmsearch rollback` goes "
        "back"
    )


def _held_out(done: Fit | Fusing | Reranking) -> str:
    if isinstance(done, Fit):
        times = f", {done.repeats} times" if done.repeats > 1 else ""
        return f"each fifth held out in turn{times}"
    if done.folds == 2:
        return "two fifths held out in turn"
    return "each fifth held out in turn" if done.folds > 1 else "a fifth of them held out"


def _print_json(done: Fit | Fusing | Reranking, weighing: Weighing | None) -> None:
    exported = done.exported and str(done.exported)
    weights = {"evidence": weighing and asdict(weighing)} if isinstance(done, Fit) else {}
    click.echo(json.dumps({**asdict(done), "exported": exported, **weights}))


def _refusal(done: Fit | Fusing | Reranking) -> str:
    if done.kept:
        return "It is not certainly better, and is kept since --force was given."
    left = "No vector was changed" if isinstance(done, Fit) else "The index is as it was"
    return f"Not kept: it is not certainly better. {left}; --force keeps it anyway."
