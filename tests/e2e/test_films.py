"""Films from the folder to the hit: found by what they show and say, shown, and cut out."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import cmsearch
from cmsearch.annotate.annotation import label
from cmsearch.commands.session import Session
from cmsearch.errors import QueryError
from cmsearch.search.merge.duplicate_groups import find_duplicates
from cmsearch.show.map_page import gather
from cmsearch.show.terminal import Protocol
from cmsearch.store.catalog import pairs as stored
from cmsearch.store.store import Store, find
from cmsearch.types import Place, Query, QueryPart
from indexer import Indexer
from indexer.doctor import examine
from indexer.pairs import pairs
from tests import films
from tests.builders import write_files, write_picture
from tests.commands import called

SRT = """1
00:00:00,200 --> 00:00:00,900
Tomatoes ripen.

2
00:00:03,000 --> 00:00:04,000
The sea.
"""
PLAIN = cmsearch.Ranking(rerank="none", correct=False)


@pytest.fixture
def folder(tmp_path: Path, fake_model: str) -> Path:
    """A folder with a film, its subtitles and captions, another film, and a photograph; indexed."""
    place = tmp_path / "films"
    write_files(
        place,
        {
            "film.mp4": films.film(sound=True),
            "film.en.srt": SRT,
            "film.txt": "three colours",
            "other/dark.mkv": films.film(["black", "blue"], style="matroska"),
            "more.jsonl": '{"image": "other/dark.mkv", "caption": "a late evening"}\n',
        },
    )
    write_picture(place / "blue.png", "blue")
    report = Indexer(place, model=fake_model).run()
    assert report.skipped == ()
    assert report.items == {"shot": 4, "subtitle": 2, "caption": 2, "photo": 1}
    return place


def found(folder: Path, *arguments: object) -> list[dict[str, object]]:
    done = called("search", *arguments, "--store", folder, "--format", "json")
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize(("colour", "second"), [("red", 0), ("green", 1), ("blue", 2)])
def test_a_shot_is_found_by_what_it_shows(folder: Path, colour: str, second: int) -> None:
    hit = found(folder, colour, "--for", "video", "-k", 1, "--path", "film.mp4")[0]
    assert (hit["modality"], hit["kind"], hit["text"]) == ("video", "shot", None)
    assert hit["start"] == pytest.approx(second, abs=0.1)
    assert hit["end"] == pytest.approx(second + 1, abs=0.1)
    assert hit["path"] == str(folder / "film.mp4")
    assert hit["source"] == f"film.mp4@00:00:0{second}–00:00:0{second + 1}"


def test_black_shots_are_not_found(folder: Path) -> None:
    hits = found(folder, "blue", "--for", "video", "--path", "*.mkv")
    assert [hit["source"] for hit in hits] == ["other/dark.mkv@00:00:01–00:00:02"]


def test_subtitles_name_their_film_and_the_time(folder: Path) -> None:
    hit = found(folder, "tomatoes ripen", "--for", "subtitle", "-k", 1)[0]
    assert hit["path"] == str(folder / "film.mp4")
    assert hit["source"] == "film.en.srt@00:00:00–00:00:00"
    assert (hit["start"], hit["end"], hit["text"]) == (0.2, 0.9, "Tomatoes ripen.")


def test_captions_may_be_about_films(folder: Path) -> None:
    hits = found(folder, "a late evening", "--for", "caption")
    assert [(hit["path"], hit["start"]) for hit in hits] == [
        (str(folder / "other" / "dark.mkv"), None),
        (str(folder / "film.mp4"), None),
    ]


def test_the_modalities_are_found_together(folder: Path) -> None:
    hits = found(folder, "blue", "-k", 20, "--expand")
    assert {hit["modality"] for hit in hits} == {"image", "text", "video"}
    things = [hit["path"] for hit in found(folder, "blue", "-k", 20)]
    assert len(things) == len(set(things))
    assert set(things) <= {hit["path"] for hit in hits}


def test_the_table_names_the_time(folder: Path) -> None:
    done = called("search", "red", "--for", "video", "-k", 1, "--store", folder)
    assert done.stdout.rstrip().endswith("film.mp4  00:00:00–00:00:01")


def test_a_picture_and_its_seconds_of_film_are_one_hit(tmp_path: Path, fake_model: str) -> None:
    """As phones take them; a film that is longer, or lies elsewhere, is one of its own."""
    place = tmp_path / "live"
    names = {"IMG_1.mov": ["blue", "navy"], "a/IMG_1.mp4": ["blue"], "IMG_2.mp4": ["blue"] * 8}
    write_files(place, {name: films.film(colours) for name, colours in names.items()})
    for name in ("img_1.JPG", "IMG_2.jpg", "IMG_3.png"):
        write_picture(place / name, "blue" if name != "IMG_2.jpg" else "navy", (9, 9))
    Indexer(place, model=fake_model).run()
    with cmsearch.open(place) as engine:
        hits = engine.search("blue", k=20)
        (live,) = (hit for hit in hits if hit.path.name in ("img_1.JPG", "IMG_1.mov"))
        both = {live.path, *live.copies}
        assert {place / "img_1.JPG", place / "IMG_1.mov"} <= both
        assert len(live.copies) == len(both) - 1
        apart = {hit.path.name for hit in hits}
        assert {"IMG_2.jpg", "IMG_2.mp4", "IMG_1.mp4"} <= apart
        every = engine.search("blue", k=20, ranking=cmsearch.Ranking(fold=False))
        assert {"img_1.JPG", "IMG_1.mov"} <= {hit.path.name for hit in every}


def test_sorted_by_date_the_table_has_the_dates(folder: Path) -> None:
    done = called("search", "red", "--sort", "date", "--store", folder, "-k", 3)
    days = [line.split()[2:4] for line in done.stdout.splitlines()]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d", " ".join(one)) for one in days)
    assert days == sorted(days, reverse=True)


def test_a_preview_shows_the_frame(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CMSEARCH_PREVIEW", Protocol.BLOCKS)
    monkeypatch.setenv("COLORTERM", "truecolor")
    done = called("search", "green", "--for", "video", "-k", 1, "--preview", "--store", folder)
    colours = {tuple(map(int, one)) for one in re.findall(r"38;2;(\d+);(\d+);(\d+)", done.stdout)}
    assert colours and all(red < 20 and green > 100 and blue < 20 for red, green, blue in colours)


def test_the_contact_sheet_shows_frames_with_their_times(folder: Path) -> None:
    sheet = folder.parent / "sheet.html"
    done = called("search", "red", "--store", folder, "-k", 20, "--expand", "--html", sheet)
    assert done.returncode == 0, done.stderr
    html = sheet.read_text()
    assert 'href="./films/film.mp4#t=1.0"' in html and "film.mp4, 00:00:01" in html
    assert html.count("<img src=") == 9 and "No picture" not in html


def test_more_goes_on_from_the_frame(folder: Path) -> None:
    called("search", "green", "--for", "video", "-k", 1, "--store", folder)
    done = called("more", 1, "--format", "json", "-k", 5)
    hits = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(hits) == 3
    assert "film.mp4@00:00:01–00:00:02" not in {hit["source"] for hit in hits}
    assert called("again", "-k", 2).returncode == 0


def test_a_session_asks_with_the_frame_of_a_hit(folder: Path) -> None:
    with cmsearch.open(folder) as engine:

        def search(query: Query, options: object, seen: object) -> list[cmsearch.Hit]:
            return engine.search(query, target="video", ranking=PLAIN)

        session = Session(search, {})
        session.ask(Query((QueryPart("blue"),)))
        session.similar(1)
        (part,) = session.query.parts
        assert isinstance(part.content, Place) and part.content.locator
        assert session.hits[0].cosine == pytest.approx(1, abs=0.02)


def test_a_frame_can_be_asked_with(folder: Path) -> None:
    place = Place(folder / "film.mp4", "0.000-1.000")
    with cmsearch.open(folder) as engine:
        assert engine.search(image=place, target="video", k=1)[0].start == 0
        gone = Place(folder / "gone.mp4", "0.000-1.000")
        with pytest.raises(cmsearch.MediaError, match=r"gone.mp4@00:00:00.*can't be searched with"):
            engine.search(image=gone)


def test_a_film_is_no_picture_to_ask_with(folder: Path) -> None:
    done = called("search", "--image", folder / "film.mp4", "--store", folder)
    assert done.returncode == 1
    assert "is a film, not a picture" in done.stderr and "cmsearch more RANK" in done.stderr


def test_hits_are_cut_out(folder: Path, tmp_path: Path) -> None:
    clips = tmp_path / "clips"
    arguments = ("--store", folder, "--clip", clips)
    done = called("search", "green", "--for", "video", "-k", 1, *arguments)
    assert done.stderr.strip() == f"Cut out: {clips / 'film_00-00-01.mp4'}"
    done = called("search", "tomatoes ripen", "--for", "subtitle", "-k", 1, *arguments)
    assert (clips / "film_00-00-00.mp4").is_file()
    done = called("search", "blue", "--for", "image", *arguments)
    assert "nothing is cut out" in done.stderr


def test_a_film_that_is_gone_is_not_cut_out(folder: Path, tmp_path: Path) -> None:
    (folder / "film.mp4").unlink()
    arguments = ("--for", "video", "--path", "film.mp4", "-k", 1, "--store", folder)
    done = called("search", "green", *arguments, "--clip", tmp_path / "clips")
    assert done.returncode == 0
    assert "film.mp4@00:00:01 is not cut out: can't be read: No such file" in done.stderr


def test_what_is_about_photographs_passes_over_films(folder: Path) -> None:
    with Store(find(folder)) as store:
        assert gather(store).paths == ["blue.png"]
        assert find_duplicates(store).pictures == 1
        assert stored.captions(store.catalog) == []
    assert pairs(folder).pairs == ()
    with cmsearch.open(folder) as engine:
        assert [one.path.name for one in label(engine, ["blue", "red"])] == ["blue.png"]
        with pytest.raises(QueryError, match="only pictures have regions"):
            engine.explain("red", folder / "film.mp4")


def test_what_subtitles_say_excludes_and_captions_nothing_else(folder: Path) -> None:
    hits = found(folder, "red", "--for", "video", "--not", "tomatoes", "--path", "film.mp4")
    assert len(hits) == 3
    sources = {hit["source"] for hit in found(folder, "sea", "--not", "tomatoes", "-k", 20)}
    assert not [one for one in sources if str(one).startswith("film.en.srt@00:00:00")]


def test_a_second_run_reads_nothing_and_a_changed_subtitle_is_one_item(
    folder: Path, fake_model: str
) -> None:
    report = Indexer(folder, model=fake_model).run()
    assert (report.added, report.changed, report.unchanged) == (0, 0, 6)
    (folder / "film.en.srt").write_text(SRT.replace("The sea", "The forest"))
    report = Indexer(folder, model=fake_model).run()
    assert (report.changed, report.items["subtitle"]) == (1, 2)


def test_subtitles_stay_when_their_film_goes(folder: Path, fake_model: str) -> None:
    (folder / "film.mp4").unlink()
    report = Indexer(folder, model=fake_model).run()
    assert (report.removed, report.items["subtitle"]) == (1, 2)
    assert {str(hit["path"]) for hit in found(folder, "sea", "--for", "subtitle")} == {
        str(folder / "film.en.srt")
    }


def test_a_film_is_encoded_to_the_same_vectors_again(folder: Path) -> None:
    with Store(find(folder)) as store:
        assert list(examine(store, samples=10)) == []
