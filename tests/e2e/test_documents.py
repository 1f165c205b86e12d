"""Documents from the folder to the hit: found by what a page says, and by how it looks."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import cmsearch
from cmsearch.annotate.annotation import label
from cmsearch.errors import QueryError
from cmsearch.search.merge.duplicate_groups import find_duplicates
from cmsearch.show.map_page import gather
from cmsearch.show.terminal import Protocol
from cmsearch.store.store import Store, find
from indexer import Indexer
from tests.builders import write_files, write_picture
from tests.commands import called
from tests.documents import docx, filled, lines, paragraph, pdf

REPORT = pdf(
    lines("Apples are harvested in the autumn."),
    filled(0, 0, 1),
    filled(0.1, 1, 0.1) + lines("Bees make honey from nectar."),
)
PAGE = "<title>Ferns</title><nav>Home</nav><h1>Moss</h1><p>Moss grows on stones.</p>"


@pytest.fixture
def folder(tmp_path: Path, fake_model: str) -> Path:
    """A folder with a document of each kind, indexed."""
    write_files(
        tmp_path,
        {
            "report.pdf": REPORT,
            "moss.html": PAGE,
            "letter.docx": docx(paragraph("Dear Ann,") + paragraph("The boat sails on Monday.")),
        },
    )
    write_picture(tmp_path / "blue.png", "blue")
    report = Indexer(tmp_path, model=fake_model).run()
    assert report.skipped == ()
    assert report.items == {"passage": 5, "page": 3, "photo": 1}
    return tmp_path


def found(folder: Path, *arguments: object) -> list[dict[str, object]]:
    done = called("search", *arguments, "--store", folder, "--format", "json")
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_page_is_found_by_its_words(folder: Path) -> None:
    hit = found(folder, "bees honey nectar", "--for", "passage", "-k", 1)[0]
    assert (hit["kind"], hit["page"]) == ("passage", 3)
    assert hit["text"] == "Bees make honey from nectar."
    assert hit["source"] == "report.pdf:p3"
    assert hit["path"] == str(folder / "report.pdf")


def test_a_page_is_found_by_how_it_looks(folder: Path) -> None:
    hits = found(folder, "blue", "--for", "page")
    assert hits[0]["page"] == 2
    assert {hit["kind"] for hit in hits} == {"page"}
    assert {hit["text"] for hit in hits} == {None}
    assert len(hits) == 3
    assert found(folder, "green", "--for", "page", "-k", 1)[0]["page"] == 3


def test_a_page_is_found_by_what_it_says(folder: Path) -> None:
    hit = found(folder, "apples are harvested in the autumn", "--for", "page", "-k", 1)[0]
    assert (hit["kind"], hit["page"], hit["text"]) == ("page", 1, None)
    assert set(hit["stages"]) == {"picture", "passage", "prior"}
    by_look = found(folder, "apples are harvested", "--for", "page", "--match", "picture")
    assert all("passage" not in hit["stages"] for hit in by_look) and len(by_look) == 3


def test_the_first_pages_are_those_of_a_longer_answer(folder: Path) -> None:
    hits = found(folder, "bees or apples", "--for", "page")
    for count in (1, 2, 3):
        assert found(folder, "bees or apples", "--for", "page", "-k", count) == hits[:count]


@pytest.mark.parametrize(
    ("query", "source"),
    [("moss grows on stones", "moss.html:¶3"), ("boat sails monday", "letter.docx:¶1-2")],
)
def test_passages_have_the_place_in_their_document(folder: Path, query: str, source: str) -> None:
    hit = found(folder, query, "--for", "passage", "-k", 1)[0]
    assert (hit["source"], hit["page"]) == (source, None)


def test_the_table_names_the_page(folder: Path) -> None:
    done = called("search", "blue", "--for", "page", "-k", 1, "--store", folder)
    assert done.stdout.rstrip().endswith("report.pdf  page 2")


def test_a_preview_shows_the_page(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CMSEARCH_PREVIEW", Protocol.BLOCKS)
    monkeypatch.setenv("COLORTERM", "truecolor")
    done = called("search", "blue", "--for", "page", "-k", 1, "--preview", "--store", folder)
    assert set(re.findall(r"38;2;(\d+;\d+;\d+)", done.stdout)) == {"0;0;255"}


def test_the_contact_sheet_shows_the_pages(folder: Path) -> None:
    sheet = folder / "sheet.html"
    arguments = ("blue", "--for", "any", "--store", folder, "--html", sheet)
    assert called("search", *arguments).returncode == 0
    html = sheet.read_text()
    assert 'href="./report.pdf#page=2"' in html and "report.pdf, page 2" in html
    assert html.count("<img src=") == 1 + 1  # the photo, and the page that speaks for its document
    sheet = folder / "every.html"
    every = ("blue", "--for", "any", "--expand", "--store", folder, "--html", sheet)
    assert called("search", *every).returncode == 0
    # The photo, the pages, and pages with passages.
    assert sheet.read_text().count("<img src=") == 1 + 3 + 2


def test_a_sheet_of_ours_is_no_document_of_the_folder(folder: Path, fake_model: str) -> None:
    called("search", "blue", "--store", folder, "--html", folder / "sheet.html")
    report = Indexer(folder, model=fake_model).run()
    assert report.items == {"passage": 5, "page": 3, "photo": 1}
    assert report.skipped == ()


def test_pages_are_left_out_where_photographs_are_meant(folder: Path) -> None:
    with cmsearch.open(folder) as engine:
        assert [one.path.name for one in label(engine, ["blue"], least=0)] == ["blue.png"]
        with pytest.raises(QueryError, match="no indexed picture"):
            engine.explain("blue", folder / "report.pdf")
        with pytest.raises(QueryError, match="no picture"):
            list(label(engine, ["blue"], pictures=[folder / "report.pdf"]))
    with Store(find(folder)) as store:
        assert find_duplicates(store).pictures == 1
        assert gather(store).paths == ["blue.png"]


def test_a_second_run_reads_no_document_again(folder: Path, fake_model: str) -> None:
    report = Indexer(folder, model=fake_model).run()
    assert (report.unchanged, report.added, report.changed) == (4, 0, 0)


def test_without_the_extra_documents_are_reported(
    tmp_path: Path, fake_model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("docx", "html", "pdf"):
        monkeypatch.setattr(f"cmsearch.media.{module}.find_spec", lambda name: None)
    write_files(tmp_path, {"a.pdf": REPORT, "b.html": PAGE, "c.docx": b"", "d.txt": "Moss."})
    report = Indexer(tmp_path, model=fake_model).run()
    needs = "needs cmsearch[documents]: pip install 'cmsearch[documents]'"
    assert [(one.path, one.reason) for one in report.skipped] == [
        ("a.pdf", needs),
        ("b.html", needs),
        ("c.docx", needs),
    ]
    assert report.items == {"passage": 1}
