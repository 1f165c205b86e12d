"""A picture or a recording to ask with is a file, and of a size that can be meant."""

from __future__ import annotations

import os
import socket
import time
from contextlib import chdir
from pathlib import Path

import pytest

from cmsearch.annotate.label_files import read_labels, read_questions
from cmsearch.errors import CmsearchError
from cmsearch.search.query.encode import encode_queries
from tests.fakes import FakeEncoder

ODD = ["/dev/zero", "pipe", "socket", "folder", "huge.jpg", "huge.dng", "", "gone.jpg", "a\0b"]


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as server, chdir(tmp_path):
        server.bind("socket")
    (tmp_path / "folder").mkdir()
    for name in ("huge.jpg", "huge.dng"):
        with (tmp_path / name).open("wb") as file:
            file.truncate(10 * 2**30)  # nothing is stored of it
    return tmp_path


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("ask", ["image", "audio"])
def test_what_is_no_file_of_its_kind_is_told_at_once(odd: Path, name: str, ask: str) -> None:
    start = time.process_time()
    for given in (str(odd / name), odd / name) if "\0" not in name else (name,):
        with pytest.raises(CmsearchError, match=r"can't be (read|searched with)"):
            asked = {"image": None, "audio": None} | {ask: given}
            encode_queries(FakeEncoder(), None, **asked)
    assert time.process_time() - start < 20, "libraries are loaded meanwhile"


@pytest.mark.parametrize("name", ["/dev/zero", "pipe", "folder", "huge.jpg"])
def test_labels_and_choices_are_read_from_files(odd: Path, name: str) -> None:
    for read in (read_labels, read_questions):
        with pytest.raises(CmsearchError, match="can't be read"):
            read(odd / name)


@pytest.mark.parametrize("data", [b"", b"GIF89a", bytes(1000)])
def test_bytes_that_are_no_picture_are_told(data: bytes) -> None:
    with pytest.raises(CmsearchError, match="The picture can't be searched with"):
        encode_queries(FakeEncoder(), None, data)
