"""The command `completion`."""

# Tested by tests/e2e/test_store_commands.py

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from cmsearch.commands import shells


@click.command()
@click.argument("shell", type=click.Choice(["bash", "fish", "zsh"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print a script that completes cmsearch's commands, options and their values in SHELL.

    Keywords, people, labels, cameras and places are those of the index at hand.

    \b
    Example:
      cmsearch completion bash > ~/.local/share/bash-completion/completions/cmsearch
      cmsearch completion zsh > ~/.zfunc/_cmsearch
      cmsearch completion fish > ~/.config/fish/completions/cmsearch.fish
    """
    shells.register()
    made = get_completion_class(shell)
    assert made is not None, "click knows the three"
    click.echo(made(ctx.find_root().command, {}, "cmsearch", shells.ASKED).source())
