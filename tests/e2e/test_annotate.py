"""The command `annotate`, on the sample photographs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

import cmsearch as library
from cmsearch.annotate import xmp
from cmsearch.annotate.annotation import label
from tests.builders import write_files
from tests.commands import called, cmsearch
from tests.conftest import indexed_sample

LABELS = "cat: a cat, a kitten\ndog\nmountain\n# in bloom or not\nflower\nrocket\n"
TRUE = {
    "tabby_cat.jpg": "cat",
    "calico_kitten.jpg": "cat",
    "window_dogs.jpg": "dog",
    "launch_pad.jpg": "rocket",
    "rocky_peaks.jpg": "mountain",
    "autumn_meadow.jpg": "mountain",
    "dahlia.jpg": "flower",
}
CAT = "photos/tabby_cat.jpg"


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A copy of the sample with its index, to write into; no service has what is copied open."""
    return Path(shutil.copytree(indexed_sample(), tmp_path / "sample"))


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    return write_files(tmp_path, {"labels.txt": LABELS}) / "labels.txt"


def lines(stdout: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stdout.splitlines()]


def test_labels_say_what_the_sample_photographs_show(sample: Path, labels: Path) -> None:
    result = cmsearch("annotate", "--labels", labels, cwd=sample)
    assert (result.returncode, result.stderr) == (0, "")
    found = {Path(one["path"]).name: one for one in lines(result.stdout)}
    assert len(found) == 23
    assert all(list(one) == ["path", "labels", "captions"] for one in found.values())
    for name, expected in TRUE.items():
        assert [one["label"] for one in found[name]["labels"]] == [expected], name
        assert found[name]["labels"][0]["confidence"] >= 0.5
    for name in ("retina.jpg", "espresso.jpg", "deep_field.jpg", "cameraman.jpg"):
        assert found[name]["labels"] == [], name


def test_captions_of_other_pictures_are_found(sample: Path) -> None:
    result = called("annotate", CAT, "photos/calico_kitten.jpg", cwd=sample)
    for one in lines(result.stdout):
        best = one["captions"][0]
        assert list(best) == ["caption", "confidence", "score", "source", "about"]
        assert "cat" in best["caption"] or "kitten" in best["caption"]
        assert best["about"] != one["path"]
        assert best["confidence"] > 0.5
    mine = lines(called("annotate", CAT, "--own", "-k", "1", cwd=sample).stdout)
    assert mine[0]["captions"][0]["about"] == mine[0]["path"]


def test_a_table_is_for_people(sample: Path, labels: Path) -> None:
    arguments = ["annotate", "photos", "--labels", labels, "--format", "table"]
    result = called(*arguments, "--path", "*cat*", cwd=sample)
    assert result.stdout.startswith(f"{CAT}\n   9")
    assert result.stdout.endswith("%  cat\n")
    none = called(*arguments, "--path", "retina.jpg", cwd=sample)
    assert none.stdout == ""
    assert "1 more picture has nothing that is likely enough" in none.stderr


def test_sidecars_are_written_once_and_indexed_as_captions(own: Path, labels: Path) -> None:
    before = {path: path.read_bytes() for path in own.rglob("*") if path.is_file()}
    arguments = ["annotate", "photos", "--labels", labels, "--sidecars"]
    dry = called(*arguments, "--dry-run", cwd=own)
    assert dry.returncode == 0
    assert "5 would be written, 5 left as they are" in dry.stderr, dry.stderr
    assert all(path.read_bytes() == data for path, data in before.items())
    assert not (own / "photos" / "tabby_cat.txt").exists()
    result = called(*arguments, cwd=own)
    assert result.returncode == 0
    assert result.stdout == dry.stdout
    assert result.stderr == dry.stderr.replace("would be written", "written")
    assert (own / "photos" / "tabby_cat.txt").read_text() == "cat\n"
    assert all(path.read_bytes() == data for path, data in before.items() if path.suffix == ".txt")
    again = called(*arguments, cwd=own)
    assert ": 10 left as they are, 13 without" in again.stderr
    assert "5 added" in called("index", own, "--model", "lite").stdout


def test_xmp_is_written_and_completed(own: Path, labels: Path) -> None:
    place = own / f"{CAT}.xmp"
    place.write_bytes(xmp.merged(None, ["holiday"], "Mine"))
    arguments = ["annotate", "--xmp", "--path", "*cat.jpg"]
    result = called(*arguments, "--labels", labels, cwd=own)
    assert "1 changed" in result.stderr
    assert xmp.read(place.read_bytes()) == (["holiday", "cat"], True)
    assert "1 left as they are" in called(*arguments, cwd=own).stderr
    assert b"Mine" in place.read_bytes()
    assert "1 changed" in called(*arguments, "--overwrite", cwd=own).stderr
    assert b"Mine" not in place.read_bytes()
    stem = called(*arguments, "--labels", labels, "--xmp-name", "stem", cwd=own)
    assert "1 written" in stem.stderr
    assert (own / "photos" / "tabby_cat.xmp").exists()


def test_hostile_xmp_is_left_alone_and_the_rest_is_written(own: Path, labels: Path) -> None:
    bomb = '<!DOCTYPE a [<!ENTITY b "c"><!ENTITY d "&b;&b;">]><a>&d;</a>'
    place = write_files(own, {f"{CAT}.xmp": bomb}) / f"{CAT}.xmp"
    result = called("annotate", "--labels", labels, "--xmp", "--path", "*t*", cwd=own)
    assert result.returncode == 3
    assert "document type" in result.stderr
    assert "1 failed" in result.stderr
    assert place.read_text() == bomb
    assert (own / "photos" / "calico_kitten.jpg.xmp").exists()


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["none.jpg"], 2, "no picture"),
        (["--labels", "none.txt"], 1, "none.txt"),
        (["--labels", CAT], 2, "not UTF-8"),
        (["--labels", "queries.jsonl"], 2, "no JSON"),
        (["--overwrite"], 2, "--sidecars"),
        (["--dry-run"], 2, "--sidecars"),
        (["--labels", "captions.jsonl", "--own"], 2, "--own"),
        (["--top", "0"], 2, "0"),
        (["--min-confidence", "2"], 2, "2"),
    ],
)
def test_mistakes_are_one_message_and_an_exit_code(
    sample: Path, arguments: list[str], status: int, said: str
) -> None:
    result = called("annotate", *arguments, cwd=sample)
    assert result.returncode == status, result.stderr
    assert said in result.stderr
    assert result.stdout == ""


def test_a_filter_that_nothing_passes_is_said(sample: Path, labels: Path) -> None:
    result = called("annotate", "--labels", labels, "--path", "*.heic", cwd=sample)
    assert (result.returncode, result.stdout) == (0, "")
    assert "No picture" in result.stderr


def test_control_characters_of_captions_don_t_reach_the_terminal(own: Path) -> None:
    evil = "A cat \x1b[2J with whiskers\u202e"
    write_files(own, {"more.jsonl": json.dumps({"image": "photos/dahlia.jpg", "caption": evil})})
    assert called("index", own, "--model", "lite").returncode == 0
    arguments = ["annotate", CAT, "-k", "5", "--format", "table", "--xmp", "--sidecars"]
    result = called(*arguments, cwd=own)
    assert "[2J" in result.stdout
    written = [own / "photos" / "tabby_cat.txt", own / f"{CAT}.xmp"]
    for text in (result.stdout, result.stderr, *(path.read_text() for path in written)):
        assert "\x1b" not in text
        assert "\u202e" not in text


def test_the_figures_of_labels_on_coco159(coco159: Path, tmp_path: Path) -> None:
    from cmsearch.annotate.zero_shot import probabilities
    from scripts.bench.labels import CLASSES, Pictures, calibration_error, mean_average_precision

    assert called("index", coco159, "--store", tmp_path, "--model", "lite").returncode == 0
    with library.open(tmp_path) as engine:
        pictures = Pictures(engine, coco159)
        truth = pictures.truth(CLASSES, 1)
        assert truth.sum(0).min() >= 4
        labeller = pictures.labeller(list(CLASSES))
        logits = labeller.logits(pictures.vectors, pictures.tokens)
        assert mean_average_precision(logits, truth) >= 0.7
        held_out = pictures.halves["val2017"]
        likely, right = probabilities(logits)[held_out].ravel(), truth[held_out].ravel()
        assert calibration_error(likely, right) <= 0.02
        assert right[likely >= 0.5].mean() >= 0.7
        every = list(label(engine, list(CLASSES), least=0, top=20))
    assert [len(one.labels) for one in every] == [20] * 159


def test_a_path_that_is_no_unicode_passes_nothing(sample: Path, labels: Path) -> None:
    done = called("annotate", "--labels", labels, "--path", "caf\udce9", cwd=sample)
    assert (done.returncode, done.stdout) == (0, "")
    with library.open(sample) as engine, pytest.raises(library.QueryError, match="Unicode"):
        label(engine, ["a cat"], where=library.Filter(path="caf\udce9"))
