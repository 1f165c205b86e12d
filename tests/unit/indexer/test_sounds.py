"""Sound that isn't speech: cutting it into windows, indexing it, and changing its model."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

import cmsearch
from cmsearch.errors import MediaError, ModelError, QueryError, StoreError, UnknownModelError
from cmsearch.media.readers import make_reader
from cmsearch.store.catalog import files
from cmsearch.store.generations import delete, listed, prunable
from cmsearch.store.inventory import take_inventory
from cmsearch.store.store import Store
from cmsearch.types import STALE, FloatArray, Hit, Modality
from indexer import Indexer
from indexer.doctor import examine, repair
from indexer.report import Report
from indexer.sounds import windows
from tests import sounds

pytestmark = pytest.mark.skipif(
    bool(make_reader("audio").missing), reason="the extra audio isn't installed"
)


def tone(pitch: float, seconds: float) -> FloatArray:
    time = np.arange(int(seconds * sounds.RATE)) / sounds.RATE
    return (0.3 * np.sin(2 * np.pi * pitch * time)).astype(np.float32)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Recordings: low, high and noise; low after silence and high; and nothing."""
    place = tmp_path / "media"
    place.mkdir()
    mixed = np.concatenate([sounds.silence(4), tone(2000, 2), tone(300, 2)])
    made = {
        "a.wav": tone(200, 3),
        "b.wav": tone(2500, 2),
        "c.wav": sounds.noise(2),
        "mixed.wav": mixed,
        "silent.wav": sounds.silence(5),
    }
    for name, samples in made.items():
        (place / name).write_bytes(sounds.wav(samples))
    (place / "a red rose.txt").write_text("a red rose\n")
    return place


def run(folder: Path, model: str, sound: str | None = None) -> Report:
    return Indexer(folder, model=model, sound=sound, asr="none").run()


def found(folder: Path, text: str, target: str = "sound", **options: object) -> list[Hit]:
    with cmsearch.open(folder) as engine:
        return engine.search(text, target=target, **options)  # type: ignore[call-overload,no-any-return]


def places(hits: list[Hit]) -> list[tuple[str, float | None, float | None]]:
    return [(hit.path.name, hit.start, hit.end) for hit in hits]


def test_windows_leave_silence_and_crumbs_out() -> None:
    loud, quiet = np.ones(4, np.float32), np.zeros(4, np.float32)
    blocks = [np.concatenate([loud, quiet[:1]]), quiet[:3], loud, loud[:3]]
    cut = [(start, len(one)) for start, one in windows(iter(blocks), 4, 1.0)]
    assert cut == [(0.0, 4), (2.0, 4)]  # three quarters of a second are a crumb
    assert [len(one) for _, one in windows(iter([loud[:1]]), 4, 1.0)] == [1]
    assert not list(windows(iter([quiet]), 4, 1.0))
    assert not list(windows(iter([]), 4, 1.0))


def test_windows_come_before_what_is_wrong() -> None:
    def blocks() -> Iterator[FloatArray]:
        yield np.ones(6, np.float32)
        raise MediaError("damaged")

    cut = windows(blocks(), 4, 1.0)
    assert next(cut)[0] == 0.0
    with pytest.raises(MediaError, match="damaged"):
        list(cut)


def test_sounds_are_found_by_words(folder: Path, fake_model: str, fake_sound: str) -> None:
    report = run(folder, fake_model, fake_sound)
    assert report.items["sound"] == 6
    assert places(found(folder, "low"))[:3] == [
        ("a.wav", 0.0, 2.0),
        ("a.wav", 2.0, 3.0),
        ("mixed.wav", 6.0, 8.0),
    ]
    assert places(found(folder, "high", k=2)) == [("b.wav", 0.0, 2.0), ("mixed.wav", 4.0, 6.0)]
    (hit,) = found(folder, "noise", k=1)
    assert (hit.kind, hit.modality, hit.text) == ("sound", Modality.SOUND, None)
    assert hit.source == "c.wav@00:00:00–00:00:02"
    assert hit.relevance > 0.5
    with pytest.raises(QueryError, match=r"not by sounds: c\.wav@00:00:00"):
        cmsearch.refined("noise", [hit])


def test_what_is_heard_is_sound_and_speech(folder: Path, fake_model: str, fake_sound: str) -> None:
    run(folder, fake_model, fake_sound)
    assert {hit.kind for hit in found(folder, "low", "audio")} == {"sound"}
    everything = found(folder, "low red rose", "any")
    assert {hit.kind for hit in everything} == {"sound", "passage"}
    assert not found(folder, "low", "transcript")


def test_sums_and_exclusions_are_those_of_the_sounds_space(
    folder: Path, fake_model: str, fake_sound: str
) -> None:
    run(folder, fake_model, fake_sound)
    query = cmsearch.parse("low + high")
    with cmsearch.open(folder) as engine:
        hits = engine.search(query, target="sound")
        assert {hit.path.name for hit in hits[:4]} == {"a.wav", "b.wav", "mixed.wav"}
        assert [hit.relevance > 0.5 for hit in hits] == [hit.path.name != "c.wav" for hit in hits]
        without = engine.search(
            cmsearch.Query(query.parts, (cmsearch.QueryPart("high"),)), target="sound"
        )
    assert ("b.wav", 0.0, 2.0) not in places(without)
    assert ("mixed.wav", 4.0, 6.0) not in places(without)
    assert ("a.wav", 0.0, 2.0) in places(without)


def test_vectors_of_the_two_spaces_do_not_meet(
    folder: Path, fake_model: str, fake_sound: str
) -> None:
    """Both have 8 dimensions, and `red` lies in one of them where `low` lies in the other."""
    run(folder, fake_model, fake_sound)
    for target in ("sound", "audio", "any"):
        hits = found(folder, "red", target, ranking=cmsearch.Ranking(diverse=True))
        assert all(abs(hit.cosine) < 0.1 for hit in hits if hit.kind == "sound")
        assert target == "sound" or all(hit.cosine != 1 for hit in hits)
    by_text = found(folder, "low", "text")
    assert by_text and all(hit.cosine < 0.1 for hit in by_text)


def test_pictures_are_not_asked_of_sounds(folder: Path, fake_model: str, fake_sound: str) -> None:
    from PIL import Image

    run(folder, fake_model, fake_sound)
    with cmsearch.open(folder) as engine:
        picture = Image.new("RGB", (9, 9), "red")
        assert {hit.kind for hit in engine.search(image=picture)} == {"passage"}
        with pytest.raises(QueryError, match="by texts"):
            engine.search(image=picture, target="sound")


def test_a_query_in_a_list_gets_what_it_gets_alone(
    folder: Path, fake_model: str, fake_sound: str
) -> None:
    run(folder, fake_model, fake_sound)
    with cmsearch.open(folder) as engine:
        texts = ["low", "red rose", "noise"]
        assert engine.search(texts) == [engine.search(text) for text in texts]


def test_copies_of_a_recording_are_one_hit(folder: Path, fake_model: str, fake_sound: str) -> None:
    (folder / "copy.wav").write_bytes((folder / "c.wav").read_bytes())
    run(folder, fake_model, fake_sound)
    first = found(folder, "noise")[0]
    assert first.path.name == "c.wav"
    assert [path.name for path in first.copies] == ["copy.wav"]


def film(samples: FloatArray) -> bytes:
    """A film of grey frames, with sound."""
    import av

    buffer = BytesIO()
    with av.open(buffer, "w", format="matroska") as file:
        seen = file.add_stream("mpeg4", rate=10, width=64, height=64)
        said = file.add_stream("pcm_s16le", rate=sounds.RATE, layout="mono")
        for number in range(int(len(samples) / sounds.RATE * 10)):
            grey = np.full((64, 64, 3), 90 + number % 3, np.uint8)
            for packet in seen.encode(av.VideoFrame.from_ndarray(grey, format="rgb24")):
                file.mux(packet)
        data = (samples * 32767).astype(np.int16)[None]
        frame = av.AudioFrame.from_ndarray(data, format="s16", layout="mono")
        frame.sample_rate = sounds.RATE
        for stream, last in ((said, frame), (said, None), (seen, None)):
            for packet in stream.encode(last):
                file.mux(packet)
    return buffer.getvalue()


def test_films_sound_too(tmp_path: Path, fake_model: str, fake_sound: str) -> None:
    (tmp_path / "film.mkv").write_bytes(film(np.concatenate([tone(200, 2), tone(2500, 2)])))
    report = run(tmp_path, fake_model, fake_sound)
    assert (report.items["sound"], report.skipped) == (2, ())
    assert places(found(tmp_path, "high", k=1)) == [("film.mkv", 2.0, 4.0)]


def test_damaged_recordings_keep_what_was_heard(
    tmp_path: Path, fake_model: str, fake_sound: str
) -> None:
    whole = sounds.wav(tone(200, 8))
    (tmp_path / "cut.wav").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "noise.wav").write_bytes(b"RIFF" + bytes(range(256)) * 40)
    report = run(tmp_path, fake_model, fake_sound)
    assert report.items == {"sound": 2}
    reasons = {one.path: (one.reason, one.locator) for one in report.skipped}
    assert reasons.keys() == {"cut.wav", "noise.wav"}
    assert "cut short" in reasons["cut.wav"][0] and reasons["cut.wav"][1] == "3.999-3.999"
    assert not reasons["noise.wav"][1]


def test_without_it_nothing_sounds(folder: Path, fake_model: str) -> None:
    assert "sound" not in run(folder, fake_model).items
    assert not found(folder, "low")


def test_the_store_remembers_it(folder: Path, fake_model: str, fake_sound: str) -> None:
    run(folder, fake_model, fake_sound)
    assert run(folder, fake_model).unchanged == 6
    (folder / "d.wav").write_bytes(sounds.wav(tone(150, 2)))
    assert run(folder, fake_model).items["sound"] == 7
    (folder / "a.wav").unlink()
    assert run(folder, fake_model).items["sound"] == 5
    assert ("d.wav", 0.0, 2.0) in places(found(folder, "low", k=1))


def test_turning_it_on_reads_recordings_again_and_off_forgets(
    folder: Path, fake_model: str, fake_sound: str
) -> None:
    run(folder, fake_model)
    planned = Indexer(folder, sound=fake_sound, asr="none").plan()
    report = run(folder, fake_model, fake_sound)
    assert report.changed == len(planned.changed) == 5
    assert report.items["sound"] == 6
    assert run(folder, fake_model, fake_sound).unchanged == 6
    off = run(folder, fake_model, "none")
    assert (off.changed, off.unchanged, off.items) == (0, 6, {"passage": 1})
    with Store(folder / ".cmsearch") as store:
        assert store.catalog.sound_space() is None
        assert store.view().sounds is None
        assert not examine(store)


def test_what_was_said_is_not_heard_again(folder: Path, fake_model: str, fake_sound: str) -> None:
    """A stale file is still known whole, as its transcript is."""
    run(folder, fake_model)
    with Store(folder / ".cmsearch", folder) as store:
        digest = str(files.assets(store.catalog)["a.wav"].digest)
        with store.catalog.writing() as writer:
            writer.read_sounds()
        assert files.assets(store.catalog)["a.wav"].mtime_ns == STALE
        assert files.transcript(store.catalog, digest) == []


def test_an_open_engine_hears_what_is_indexed_later(
    folder: Path, fake_model: str, fake_sound: str
) -> None:
    run(folder, fake_model)
    with cmsearch.open(folder) as engine:
        assert Modality.SOUND not in engine.modalities
        run(folder, fake_model, fake_sound)
        assert Modality.SOUND in engine.modalities
        assert engine.search("low", target="sound")[0].path.name == "a.wav"
        (folder / "a.wav").unlink()
        run(folder, fake_model)
        assert engine.search("low", target="sound")[0].path.name == "mixed.wav"


def test_generations_leave_sounds_alone(folder: Path, fake_model: str, fake_sound: str) -> None:
    run(folder, fake_model, fake_sound)
    with Store(folder / ".cmsearch") as store:
        assert [one.lacking for one in listed(store)] == [0]
    report = run(folder, "fake:shades")
    assert report.reencoded == 1  # the text
    with Store(folder / ".cmsearch", folder) as store:
        assert len(listed(store)) == 2
        delete(store, prunable(store))
        assert len(listed(store)) == 1
        assert take_inventory(store).vectors["sound"] == 6
        assert not examine(store)
    assert found(folder, "noise")[0].path.name == "c.wav"


def test_damaged_sounds_are_made_anew(folder: Path, fake_model: str, fake_sound: str) -> None:
    run(folder, fake_model, fake_sound)
    with sqlite3.connect(folder / ".cmsearch" / "catalog.db") as catalog:
        sound = "(SELECT min(id) FROM embeddings WHERE modality = 'sound')"
        catalog.execute(f"UPDATE embeddings SET vector = x'00' WHERE id = {sound}")
    catalog.close()
    with Store(folder / ".cmsearch", folder) as store:
        findings = examine(store)
        assert [one.check for one in findings] == ["vectors"]
        repair(store, findings)
        assert [one.check for one in examine(store)] == ["items"]
    run(folder, fake_model)
    with Store(folder / ".cmsearch") as store:
        assert not examine(store)
        assert take_inventory(store).vectors["sound"] == 6


def test_a_model_that_takes_no_sound_is_an_error(folder: Path, fake_model: str) -> None:
    with pytest.raises(ModelError, match="takes no sound"):
        run(folder, fake_model, fake_model)
    assert not (folder / ".cmsearch").exists()
    with pytest.raises(UnknownModelError):
        run(folder, fake_model, "nothing:")
    with pytest.raises(ModelError, match="--sound"):
        run(folder, "fake:tones")
    assert not (folder / ".cmsearch").exists()


def test_a_model_that_is_gone_leaves_sounds_out(
    folder: Path,
    fake_model: str,
    fake_sound: str,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from tests import fakes

    run(folder, fake_model, fake_sound)
    monkeypatch.setattr(fakes, "SOUND_SPACE", fakes.SPACE)
    with cmsearch.open(folder) as engine:
        assert {hit.kind for hit in engine.search("red low")} == {"passage"}
        assert {hit.kind for hit in engine.search("red low")} == {"passage"}
        assert caplog.text.count("sounds are left out") == 1
        with pytest.raises(cmsearch.CmsearchError, match="The sounds are in"):
            engine.search("low", target="sound")


@pytest.mark.parametrize("value", ["", "-1", "99", "x", "9" * 30])
def test_a_setting_that_names_no_space(
    folder: Path, fake_model: str, fake_sound: str, value: str
) -> None:
    run(folder, fake_model, fake_sound)
    with sqlite3.connect(folder / ".cmsearch" / "catalog.db") as catalog:
        catalog.execute("UPDATE settings SET value = ? WHERE name = 'sound space'", (value,))
    catalog.close()
    with pytest.raises(StoreError, match="doesn't write"):
        found(folder, "low", "any")


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE settings SET value = (SELECT min(id) FROM spaces) WHERE name = 'sound space'",
        "UPDATE settings SET value = 'AAAA' WHERE name LIKE 'bank %'",
        "UPDATE embeddings SET modality = 'image' WHERE modality = 'sound'",
        "UPDATE embeddings SET modality = 'sound' WHERE modality = 'text'",
        "UPDATE embeddings SET space = (SELECT min(id) FROM spaces)",
        "UPDATE items SET modality = 'sound'",
        "UPDATE items SET modality = 'text', text = 'low' WHERE modality = 'sound'",
        "UPDATE items SET locator = 'anywhere' WHERE modality = 'sound'",
        "UPDATE embeddings SET vector = x'7e00' WHERE modality = 'sound'",
        "UPDATE spaces SET description = replace(description, ': 8,', ': 9,')",
    ],
)
def test_a_store_that_says_strange_things_of_sounds(
    folder: Path, fake_model: str, fake_sound: str, change: str
) -> None:
    """It finds what it finds, or says what is wrong; nothing else."""
    run(folder, fake_model, fake_sound)
    with sqlite3.connect(folder / ".cmsearch" / "catalog.db") as catalog:
        catalog.execute(change)
    catalog.close()
    for target in ("any", "audio", "sound"):
        for query in ("low", "low + high"):
            try:
                with cmsearch.open(folder) as engine:
                    engine.search(cmsearch.parse(query), target=target)
            except cmsearch.CmsearchError:
                continue
