"""Reading text: sidecars, plain text, Markdown; the encodings that people keep it in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from cmsearch.common.kinds import FileKind
from cmsearch.common.text import passages
from cmsearch.media.blocks import MAX_TEXT
from cmsearch.media.lines import MAX_BYTES, _up_to, read_lines
from cmsearch.types import Modality, Part, Reading, Skipped

_HEAD = 1000  # characters
# What a table of captions begins with: the names of its columns, or a picture's and its caption.
_TABLE = re.compile(
    r"\W{0,3}\w*(?:image|img|file|photo|picture)[\w ]{0,20}[\t,|;].*caption"
    r"|[^\t,|;]{1,300}\.\w{2,5}(?:#\d+)?[\t|,;]",
    re.IGNORECASE,
)
_MARKUP = re.compile(r"^\s*(?:#+|>+|[-*+]|\d+\.)\s+")


class SidecarReader:
    """Reads `NAME.txt` beside a picture: each line that isn't empty is a caption of it."""

    suffixes = frozenset({".txt"})
    missing: str | None = None
    max_bytes = MAX_BYTES
    kind = FileKind.SIDECAR

    def read(self, path: Path, wanted: Reading) -> Iterator[Part | Skipped]:
        """Give each line of the file as a caption."""
        for number, line in enumerate(read_lines(path), 1):
            if line.strip():
                yield Part(Modality.TEXT, "caption", line.strip(), None, str(number))


class DocumentReader:
    """Reads `.txt` and `.md` as passages of whole sentences.

    A `.txt` that names pictures of the folder may be a table of captions.
    """

    suffixes = frozenset({".md", ".txt"})
    missing: str | None = None
    max_bytes = MAX_BYTES
    tables = frozenset({".txt"})

    def read(self, path: Path, wanted: Reading) -> Iterator[Part | Skipped]:
        """Give the passages of a text; the captions of one that is a table of them."""
        whole = read_lines(path)
        lines = _up_to(whole, MAX_TEXT)
        is_plain = path.suffix.lower() == ".txt"
        if is_plain and wanted.knows is not None and _TABLE.match(lines[0][:_HEAD]):
            from cmsearch.media.captions import listed

            found = listed(path, whole, wanted.knows)
            if found is not None:
                yield from found
                return
        if path.suffix.lower() == ".md":
            lines = [_MARKUP.sub("", line) for line in lines]
        for first, last, text in passages(lines):
            locator = str(first) if first == last else f"{first}-{last}"
            yield Part(Modality.TEXT, "passage", text, None, locator)
        if (len(lines), lines[-1:]) != (len(whole), whole[-1:]):
            reason = f"what comes after {MAX_TEXT:,} characters is left out"
            yield Skipped(path.name, reason, str(len(lines)))
