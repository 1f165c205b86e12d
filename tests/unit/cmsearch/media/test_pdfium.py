"""The processes that run pdfium: used again, replaced when they are lost, and never left."""

from __future__ import annotations

import gc
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cmsearch.common import workers
from cmsearch.errors import MediaError
from cmsearch.media import pdfium
from tests.documents import bomb, filled, lines, numbered, pdf, stream
from tests.processes import Process


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "a.pdf"
    path.write_bytes(pdf(*[lines(f"Page {word}") for word in ("one", "two", "three")]))
    return path


@pytest.fixture(autouse=True)
def alone() -> None:
    """Nothing of other tests waits."""
    pdfium._pool.end_all()


def read(path: Path) -> list[str]:
    return [page.text for page in pdfium.texts(path, 1, 10)]


def waiting() -> list[int]:
    return [worker.process.pid for worker in pdfium._pool.idle]


def test_a_process_is_used_again(path: Path) -> None:
    assert read(path) == ["Page one", "Page two", "Page three"]
    first = waiting()
    assert read(path) == ["Page one", "Page two", "Page three"]
    assert len(first) == 1 and waiting() == first


def test_a_file_that_is_refused_costs_no_process(path: Path, tmp_path: Path) -> None:
    read(path)
    first = waiting()
    bad = tmp_path / "bad.pdf"
    bad.write_bytes(b"%PDF-1.7")
    with pytest.raises(MediaError, match="damaged"):
        read(bad)
    assert waiting() == first


def test_one_that_was_killed_while_it_waited_is_replaced(path: Path) -> None:
    read(path)
    (worker,) = pdfium._pool.idle
    worker.process.kill()
    worker.process.wait()
    assert read(path) == ["Page one", "Page two", "Page three"]
    assert waiting() != [worker.process.pid]


def test_where_not_all_pages_are_wanted_the_process_ends(path: Path) -> None:
    pages = pdfium.pictures(path, 1, 3, 50)
    assert next(pages).pages == 3
    pages.close()
    assert waiting() == []


def test_a_reader_that_is_given_up_as_garbage_ends_its_process(path: Path) -> None:
    """Whatever the collector comes to first; a process or its pipe would be a warning."""
    read(path)
    pages = pdfium.pictures(path, 1, 3, 50)
    next(pages)
    (process,) = (worker.process for worker in pdfium._pool.busy)
    circle: list[object] = [pages]
    circle.append(circle)
    del pages, circle
    gc.collect()
    assert process.returncode is not None
    assert (waiting(), pdfium._pool.busy) == ([], set())


def test_pages_that_are_passed_over_are_not_read(path: Path) -> None:
    assert [page.number for page in pdfium.pictures(path, 1, 3, 50, passed=[2])] == [1, 3]


def test_threads_have_processes_of_their_own(tmp_path: Path) -> None:
    paths = []
    for number in range(6):
        paths.append(tmp_path / f"{number}.pdf")
        paths[-1].write_bytes(pdf(lines(f"File {number}"), filled(0, 0, 1)))
    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(read, paths)) == [[f"File {number}", ""] for number in range(6)]
    assert 1 <= len(waiting()) <= 3


def test_of_a_file_with_many_pages_that_never_end_the_rest_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pdfium, "PAGE_SECONDS", 0.4)
    path = tmp_path / "bomb.pdf"
    data = bomb(9).replace(b"[3 0 R 5 0 R] /Count 2", b"[3 0 R 3 0 R 3 0 R 5 0 R] /Count 4")
    path.write_bytes(data)
    found = list(pdfium.texts(path, 1, 10))
    assert [(page.number, page.problem) for page in found] == [
        (1, "takes too long"),
        (2, "takes too long"),
        (3, "takes too long, like others; no more pages are read"),
    ]


def test_a_file_has_its_time_too(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdfium, "FILE_SECONDS", 0.0)
    first, note = pdfium.texts(path, 1, 10)
    assert first.text == "Page one"
    assert (note.number, note.problem) == (2, "the file takes longer than 0 seconds from here on")


def test_a_process_that_has_nothing_to_do_ends() -> None:
    code = "from cmsearch.media import pdf_worker; pdf_worker.REST = 0.2; pdf_worker.main()"
    with Process([sys.executable, "-c", code], stdin=subprocess.PIPE) as process:
        assert process.wait(300) == workers.IDLE


def test_a_process_ends_with_the_one_that_it_is_for() -> None:
    code = "from cmsearch.media import pdf_worker; pdf_worker.REST = 600; pdf_worker.main()"
    with Process([sys.executable, "-c", code], stdin=subprocess.PIPE) as process:
        process.communicate(timeout=300)
    assert process.returncode == 0


def test_a_process_that_breaks_is_a_reason(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = "import os, sys; sys.stdin.readline(); os._exit(7)"
    monkeypatch.setattr(workers, "_START", broken)
    with pytest.raises(MediaError, match="damaged, or too large for the memory"):
        read(path)
    assert waiting() == []


def test_a_form_that_draws_itself_ends(tmp_path: Path) -> None:
    box = b"/Type /XObject /Subtype /Form /BBox [0 0 99 99]"
    group = b" /Group << /S /Transparency >> /Resources << /XObject << /X 5 0 R >> >>"
    path = tmp_path / "a.pdf"
    path.write_bytes(
        numbered(
            [
                b"<< /Type /Catalog /Pages 2 0 R >>",
                b"<< /Type /Pages /Kids [3 0 R] /Count 1 /MediaBox [0 0 99 99] >>",
                b"<< /Type /Page /Parent 2 0 R /Contents 4 0 R /Resources << /XObject <<"
                b" /X 5 0 R >> >> >>",
                stream(b"/X Do"),
                stream(b"/X Do 1 0 0 rg 0 0 99 99 re f", box + group),
            ]
        )
    )
    (page,) = pdfium.pictures(path, 1, 1, 50)
    assert page.picture is not None
    assert page.picture.getpixel((25, 25)) in ((255, 0, 0), (255, 255, 255))
