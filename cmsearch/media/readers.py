"""The plug point of readers: one for each kind of file."""

from __future__ import annotations

from cmsearch.protocols import Reader
from cmsearch.registry import Registry

readers = Registry(
    "cmsearch.readers",
    {
        "audio": "cmsearch.media.audio:AudioReader",
        "image": "cmsearch.media.images:ImageReader",
        "raw": "cmsearch.media.raw:RawReader",
        "sidecar": "cmsearch.media.texts:SidecarReader",
        "captions": "cmsearch.media.captions:CaptionsReader",
        "document": "cmsearch.media.texts:DocumentReader",
        "docx": "cmsearch.media.docx:DocxReader",
        "html": "cmsearch.media.html:HtmlReader",
        "pdf": "cmsearch.media.pdf:PdfReader",
        "subtitles": "cmsearch.media.subtitles:SubtitlesReader",
        "video": "cmsearch.media.video:VideoReader",
    },
)
"""Classes made without arguments, by the kind of file that they read."""


def make_reader(kind: str) -> Reader:
    """A reader for one kind of file."""
    reader: Reader = readers.load(kind)()
    return reader
