"""Print the page of the command line, made from each command's --help."""

from __future__ import annotations

import click

from cmsearch.cli import cli

HEAD = """# The command line

This page is made from `--help` by `scripts/docs`.
"""


def page() -> str:
    """The whole page as Markdown."""
    settings = {"terminal_width": 88, **cli.context_settings}
    context = click.Context(cli, info_name="cmsearch", **settings)
    blocks = [_block(cli, context)]
    for name in cli.list_commands(context):
        command = cli.get_command(context, name)
        assert command is not None
        blocks.append(_block(command, click.Context(command, context, name, **settings)))
    return "\n".join([HEAD, *blocks])


def _block(command: click.Command, context: click.Context) -> str:
    return f"## {context.command_path}\n\n```text\n{command.get_help(context)}\n```\n"


if __name__ == "__main__":
    print(page(), end="")
