"""How bash, zsh and fish complete values: names of people and places have blanks, and worse.

What an index holds may come from anywhere, and what is completed stands on a command line. So it
is quoted there, by zsh and fish themselves, and in bash by the script.
"""

# Tested by tests/e2e/test_completion.py

from __future__ import annotations

import os
from typing import Any

from click.shell_completion import (
    BashComplete,
    CompletionItem,
    FishComplete,
    ZshComplete,
    add_completion_class,
    split_arg_string,
)

ASKED = "_CMSEARCH_COMPLETE"
"""The environment variable in which a shell asks."""
_BASH = r"""%(complete_func)s() {
    local word=${COMP_WORDS[COMP_CWORD]} type value

    while IFS=',' read -r type value; do
        case $type in
            dir) COMPREPLY=(); compopt -o dirnames ;;
            file) COMPREPLY=(); compopt -o default ;;
            plain)
                case $word in
                    \'*) value=${value//\'/\'\\\'\'} ;;
                    \"*)
                        value=${value//\\/\\\\}
                        value=${value//\"/\\\"}
                        value=${value//\$/\\\$}
                        value=${value//\`/\\\`}
                        ;;
                    *) printf -v value '%%q' "$value" ;;
                esac
                COMPREPLY+=("$value")
                ;;
        esac
    done < <(env COMP_LINE="${COMP_LINE:0:COMP_POINT}" COMP_WORD="$2" \
        %(complete_var)s=bash_complete "$1")
}

complete -o nosort -F %(complete_func)s %(prog_name)s
"""
_MARK = "\ue000"
"""A letter of no language, which keeps blanks at the end of a line."""


class Bash(BashComplete):
    """Asks with the line up to the cursor, and gives what takes the place of its last part: bash
    ends a word at `:` and `=` too.
    """

    source_template = _BASH
    _begun = ""

    def get_completion_args(self) -> tuple[list[str], str]:
        """The words of the line before the one that is being typed, and that one."""
        line = os.environ.get("COMP_LINE")
        if line is None:
            return super().get_completion_args()
        *words, last = split_arg_string(f"{line}{_MARK}") or [_MARK]
        incomplete = last.removesuffix(_MARK)
        own = os.environ.get("COMP_WORD", "")  # without the quote that it begins with
        if not incomplete.endswith(own):
            own = split_arg_string(f"{own}{_MARK}")[-1].removesuffix(_MARK)
        self._begun = incomplete.removesuffix(own)
        return words[1:], incomplete

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem[Any]]:
        """What stands in place of what bash takes for the word."""
        found = _whole(super().get_completions(args, incomplete), incomplete)
        for item in found:
            if item.type == "plain":
                item.value = item.value[len(self._begun) :]
        return found


class Zsh(ZshComplete):
    """As click has it, with `--option=` before a value that is typed behind it."""

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem[Any]]:
        """What stands in place of the whole word."""
        return _whole(super().get_completions(args, incomplete), incomplete)


class Fish(FishComplete):
    """Likewise; values may have commas."""

    source_template = FishComplete.source_template.replace(
        'string split ","', 'string split --max 1 ","'
    )

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem[Any]]:
        """What stands in place of the whole word."""
        return _whole(super().get_completions(args, incomplete), incomplete)


def register() -> None:
    """Let click complete so."""
    for shell in (Bash, Zsh, Fish):
        add_completion_class(shell)


def _whole(found: list[CompletionItem[Any]], incomplete: str) -> list[CompletionItem[Any]]:
    """Items as whole words: click gives what comes after `--option=` alone."""
    option, equals, _ = incomplete.partition("=")
    if equals and option.startswith("-"):
        for item in found:
            if item.type == "plain":
                item.value = f"{option}={item.value}"
    return found
