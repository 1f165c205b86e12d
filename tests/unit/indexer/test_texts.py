"""Text in pictures while a folder is indexed, and finding them by it."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from threading import Event, Timer

import pytest
from PIL import Image

import cmsearch
from cmsearch.errors import ModelUnavailableError, UnknownModelError
from cmsearch.media.readers import make_reader
from cmsearch.models.ocr import choices, rapid, reading
from cmsearch.search import wire
from cmsearch.show import heatmap
from cmsearch.show.contact_sheet import contact_sheet
from cmsearch.store.catalog import readings
from cmsearch.store.store import Store
from cmsearch.types import Hit, Progress
from indexer import Indexer, text_estimates, text_units, watch
from indexer import texts as passes
from indexer.doctor import examine
from indexer.report import Report
from tests.signs import sign

pytestmark = pytest.mark.skipif(not rapid.is_installed(), reason="the extra ocr isn't installed")


@pytest.fixture
def folder(tmp_path: Path, fake_model: str) -> Path:
    place = tmp_path / "photos"
    place.mkdir()
    sign("GOLDEN HARBOUR", "open daily").save(place / "a.png")
    sign("quiet museum").save(place / "b.png")
    Image.new("RGB", (200, 150), "red").save(place / "plain.png")
    return place


def run(folder: Path, ocr: str | None = None, **options: object) -> Report:
    return Indexer(folder, model="fake:colours", ocr=ocr, asr="none").run(**options)  # type: ignore[arg-type]


def found(folder: Path, text: str, target: str = "any", **options: object) -> list[Hit]:
    with cmsearch.open(folder) as engine:
        return engine.search(text, target=target, **options)  # type: ignore[arg-type]


def blocks(folder: Path) -> list[str]:
    return sorted(str(hit.text) for hit in found(folder, "x", "ocr", k=100))


def test_text_is_read_after_all_else_can_be_searched(folder: Path) -> None:
    seen: list[Progress] = []
    report = run(folder, "auto", progress=seen.append)
    stages = list(dict.fromkeys(event.stage for event in seen))
    assert stages[-2:] == ["publish", "read text"]
    assert report.items["ocr"] == 2 and not report.skipped
    assert blocks(folder) == ["GOLDEN HARBOUR open daily", "quiet museum"]


def test_a_picture_is_found_by_the_words_in_it(folder: Path) -> None:
    run(folder, "auto")
    (best, *_) = found(folder, "golden harbour", "image")
    assert best.path.name == "a.png" and best.kind == "photo" and best.stages["ocr"] > 1
    (best, *others) = found(folder, "quiet museum")
    assert best.path.name == "b.png" and best.kind == "photo"
    assert all(hit.path.name != "b.png" for hit in others)


def test_what_is_not_written_in_a_picture_speaks_against_none(folder: Path) -> None:
    before = run(folder) and {hit.path: hit.score for hit in found(folder, "green", "image")}
    run(folder, "auto")
    after = {hit.path: hit for hit in found(folder, "green", "image")}
    assert all(hit.stages.get("ocr", 0.0) >= 0 for hit in after.values())
    assert before.keys() == after.keys()


def test_text_counts_less_than_a_caption(folder: Path) -> None:
    (folder / "b.txt").write_text("golden harbour\n")
    run(folder, "auto")
    first, second, *_ = found(folder, "golden harbour", "image")
    assert (first.path.name, second.path.name) == ("b.png", "a.png")
    kinds = [hit.kind for hit in found(folder, "golden harbour", "text")]
    assert kinds[:2] == ["caption", "ocr"]


def test_hits_have_the_place_of_the_block(folder: Path) -> None:
    run(folder, "auto")
    (hit, *_) = found(folder, "golden harbour", "ocr")
    assert hit.source == "a.png:text 1" and hit.text == "GOLDEN HARBOUR open daily"


def test_hits_have_the_lines_that_speak_for_them_and_their_boxes(folder: Path) -> None:
    run(folder, "auto")
    (photo, *_) = found(folder, "golden harbour", "image")
    (text, *_) = found(folder, "golden harbour", "ocr")
    assert [line.text for line in photo.lines] == ["GOLDEN HARBOUR", "open daily"]
    assert photo.lines == text.lines and photo.lines[0].box[1] < photo.lines[1].box[1] < 0.5
    assert wire.hit_from_json(json.loads(wire.as_json(photo))) == photo
    (plain, *_) = (hit for hit in found(folder, "red", "image") if hit.path.name == "plain.png")
    assert plain.lines == ()


def test_it_is_explained_drawn_and_marked(folder: Path) -> None:
    run(folder, "auto")
    with cmsearch.open(folder) as engine:
        explained = engine.explain("golden harbour", folder / "a.png")
        hits = engine.search("golden harbour", target="ocr")
    assert [line.text for line in explained.lines] == ["GOLDEN HARBOUR", "open daily"]
    plain = dataclasses.replace(explained, lines=())
    picture = heatmap.read(explained.path)
    assert heatmap.draw(explained, picture) != heatmap.draw(plain, picture)
    page = contact_sheet("golden", hits, folder=folder)
    without = [dataclasses.replace(one, lines=()) for one in hits]
    bare = contact_sheet("golden", without, folder=folder)
    assert "data:image/webp" in page and page != bare


def test_nothing_is_read_unless_it_is_asked_for_and_the_choice_is_kept(folder: Path) -> None:
    assert "ocr" not in run(folder).items
    assert run(folder, "auto").items["ocr"] == 2
    sign("velvet bakery").save(folder / "c.png")
    assert run(folder).items["ocr"] == 3
    assert "ocr" not in run(folder, "none").items
    assert found(folder, "golden harbour", "ocr") == []
    assert "ocr" not in run(folder).items


def count(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    read: list[str] = []
    original = text_units.UnitReader._read

    def counted(
        self: text_units.UnitReader, unit: text_units.Unit, path: Path
    ) -> tuple[object, object]:
        read.append(f"{path.name}{f' {unit.page}' if unit.page else ''}")
        return original(self, unit, path)

    monkeypatch.setattr(text_units.UnitReader, "_read", counted)
    return read


def test_what_was_read_is_not_read_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(folder, "auto")
    read = count(monkeypatch)
    (folder / "a.png").rename(folder / "moved.png")
    (folder / "copy.png").write_bytes((folder / "b.png").read_bytes())
    (folder / "plain.png").touch()
    report = run(folder)
    assert read == [] and report.items["ocr"] == 3
    assert run(folder, "all").items["ocr"] == 3 and sorted(read) == [
        "b.png",
        "moved.png",
        "plain.png",
    ]
    run(folder, "auto")
    assert len(read) == 3


def test_a_changed_picture_is_read_anew_and_a_deleted_one_forgotten(folder: Path) -> None:
    run(folder, "auto")
    sign("copper station").save(folder / "a.png")
    (folder / "b.png").unlink()
    run(folder)
    assert blocks(folder) == ["copper station"]
    with Store(folder / ".cmsearch") as store:
        kept = [
            readings.reading(store.catalog, one.digest)
            for one in readings.unread(store.catalog, ["image"], "x", False)
        ]
    assert len(kept) == 2 and all(kept)


def test_an_interrupted_pass_goes_on_where_it_was(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passes, "AT_ONCE", 1)
    read = count(monkeypatch)

    def interrupt(event: Progress) -> None:
        if event.stage == "read text" and event.done == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(folder, "auto", progress=interrupt)
    assert blocks(folder) == ["GOLDEN HARBOUR open daily"]
    read.clear()
    run(folder)
    assert "a.png" not in read and len(blocks(folder)) == 2


def test_a_pass_ends_when_its_time_is_over_and_the_next_goes_on(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passes, "AT_ONCE", 1)
    read = count(monkeypatch)
    left = [run(folder, "auto", changed=[], text_seconds=0).texts_waiting for _ in range(4)]
    assert left == [2, 1, 0, 0] and len(blocks(folder)) == 2
    assert len(set(read)) == 3


def test_watching_sees_new_files_between_what_it_reads(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passes, "AT_ONCE", 1)
    monkeypatch.setattr(watch, "_TEXT_SECONDS", 0.0)
    indexer, stop = Indexer(folder, model="fake:colours", ocr="auto"), Event()
    seen = list[Report]()
    timer = Timer(600, stop.set)
    timer.start()
    for done in watch.follow(indexer, rescan=600, stop=stop):
        assert isinstance(done, Report)
        seen.append(done)
        if len(seen) == 1:
            assert done.texts_waiting == 2
            sign("velvet bakery").save(folder / "new.png")
        elif done.texts_waiting == 0 and done.items["photo"] == 4:
            break
    timer.cancel()
    timer.join()
    assert any(one.texts_waiting and one.items["photo"] == 4 for one in seen)
    assert len(blocks(folder)) == 3


def test_another_model_has_the_text_too(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(folder, "auto")
    read = count(monkeypatch)
    report = Indexer(folder, model="fake:shades", asr="none").run()
    assert report.waiting == 0 and read == [] and report.items["ocr"] == 2
    assert found(folder, "quiet museum", "image")[0].path.name == "b.png"


def test_too_much_text_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MOST_LINES", 1)
    report = run(folder, "auto")
    assert [(one.path, one.locator) for one in report.skipped] == [("a.png", "text")]
    assert "1 lines are left out" in report.skipped[0].reason
    assert run(folder).skipped == ()


def test_the_index_is_whole(folder: Path) -> None:
    run(folder, "auto")
    with Store(folder / ".cmsearch") as store:
        assert examine(store, samples=3) == []


documents = pytest.mark.skipif(
    bool(make_reader("pdf").missing), reason="the extra documents isn't installed"
)


def write_scan(path: Path, *texts: str) -> None:
    """A document with a picture of a page for each text, and no text of its own."""
    first, *others = (sign(text, size=(425, 550)) for text in texts)
    first.save(path, save_all=True, append_images=others)


@documents
def test_pages_without_text_are_read(folder: Path) -> None:
    page = sign("The golden harbour is open daily", size=(850, 1100))
    blank = Image.new("RGB", (850, 1100), "tan")
    page.save(folder / "scan.pdf", save_all=True, append_images=[blank])
    report = run(folder, "auto")
    assert report.items["passage"] == 1
    (hit, *_) = found(folder, "golden harbour", "passage")
    assert (hit.path.name, hit.page) == ("scan.pdf", 1)
    assert hit.text == "The golden harbour is open daily"
    assert found(folder, "golden harbour open", "page")[0].page == 1


@documents
def test_reading_a_document_stops_between_pages_and_goes_on(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in folder.glob("*.png"):
        path.unlink()
    write_scan(folder / "scan.pdf", "golden harbour", "quiet museum", "velvet bakery")
    monkeypatch.setattr(text_units, "PAGE_SIZE", 425)
    monkeypatch.setattr(passes, "cpu_count", lambda: 1)
    read = count(monkeypatch)
    left = [run(folder, "auto", text_seconds=0).texts_waiting for _ in range(4)]
    assert left == [1, 1, 0, 0]
    assert read == ["scan.pdf 1", "scan.pdf 2", "scan.pdf 3"]
    for number, text in enumerate(("golden harbour", "quiet museum", "velvet bakery"), 1):
        (hit, *_) = found(folder, text, "passage")
        assert (hit.page, hit.text) == (number, text)
    with Store(folder / ".cmsearch") as store:
        assert examine(store, samples=3) == []


@documents
def test_an_interruption_loses_no_page_that_was_read(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_scan(folder / "scan.pdf", "golden harbour", "quiet museum", "velvet bakery")
    monkeypatch.setattr(text_units, "PAGE_SIZE", 425)
    monkeypatch.setattr(passes, "cpu_count", lambda: 1)
    read = count(monkeypatch)

    def interrupt(event: Progress) -> None:
        if event.stage == "read text" and "scan.pdf 2" in read and event.done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(folder, "auto", progress=interrupt)
    assert found(folder, "quiet museum", "passage")[0].page == 2
    read.clear()
    assert run(folder).items["passage"] == 3
    assert read == ["scan.pdf 3"]
    assert run(folder).items["passage"] == 3


@documents
def test_a_document_that_changes_while_it_is_read_is_read_anew(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_scan(folder / "scan.pdf", "golden harbour", "quiet museum")
    monkeypatch.setattr(text_units, "PAGE_SIZE", 425)
    monkeypatch.setattr(passes, "cpu_count", lambda: 1)
    run(folder, "auto", text_seconds=0)
    write_scan(folder / "scan.pdf", "velvet bakery", "copper station", "marble ocean")
    read = count(monkeypatch)
    run(folder)
    assert [one for one in read if "scan" in one] == [f"scan.pdf {page}" for page in (1, 2, 3)]
    texts = {str(hit.text) for hit in found(folder, "x", "passage", k=9)}
    assert texts == {"velvet bakery", "copper station", "marble ocean"}


@documents
def test_pages_are_counted_before_they_are_read(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_units, "PAGE_SIZE", 425)
    write_scan(folder / "scan.pdf", "golden harbour", "quiet museum", "velvet bakery")
    (folder / "damaged.pdf").write_bytes(b"%PDF-1.4 and no more")
    plan = Indexer(folder, model="fake:colours", ocr="auto").plan()
    assert (plan.texts, plan.text_pages) == (4, 3)
    assert plan.text_seconds >= 3 * text_estimates.PAGE_COST / text_estimates.cpu_count()
    told = text_estimates.Expected(plan.texts, plan.text_pages, 700.0).told()
    assert told == "4 files with 3 scanned pages, which takes about 12 min"
    run(folder, "none")
    again = Indexer(folder, model="fake:colours", ocr="auto").plan()
    assert (again.texts, again.text_pages) == (4, 3)
    run(folder, "auto")
    assert Indexer(folder, ocr="auto").plan().texts == 0


def test_only_what_can_be_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UnknownModelError, match="auto, none, all"):
        Indexer(tmp_path, ocr="some")
    monkeypatch.setattr(choices, "is_installed", lambda: False)
    with pytest.raises(ModelUnavailableError, match="pip install"):
        Indexer(tmp_path, ocr="auto")
    assert choices.chosen(None, "auto") == choices.NONE
    assert choices.chosen("usual", None) == choices.NONE
    assert choices.to_keep("usual", None) is None


def test_the_command_line_reads_text_unless_the_store_says_otherwise() -> None:
    assert choices.to_keep("usual", None) == choices.chosen("usual", None) == "auto"
    for kept in choices.CHOICES:
        assert choices.to_keep("usual", kept) is None
        assert choices.chosen("usual", kept) == kept
    assert choices.to_keep("none", None) == "none"
    assert choices.chosen(None, None) == "none"


@pytest.mark.parametrize(
    ("files", "words"), [(1, "1 file, which takes"), (100_000, "100,000 files, which takes about")]
)
def test_how_long_it_takes_is_told(files: int, words: str) -> None:
    assert text_estimates.expected(files, (), "auto").told().startswith(words)


def test_a_plan_counts_what_would_be_read(folder: Path) -> None:
    def planned(ocr: str | None = None) -> int:
        return Indexer(folder, model="fake:colours", ocr=ocr).plan().texts

    assert (planned(), planned("usual"), planned("none")) == (0, 3, 0)
    run(folder, "auto")
    sign("copper station").save(folder / "a.png")
    sign("velvet bakery").save(folder / "new.png")
    (folder / "b.png").rename(folder / "moved.png")
    (folder / "notes.txt").write_text("Nothing to look at.\n")
    assert (planned(), planned("all"), planned("none")) == (2, 4, 0)
    run(folder)
    assert planned() == 0
