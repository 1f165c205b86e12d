"""Recordings are heard while a folder is indexed, and never the same one twice."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest

import cmsearch
from cmsearch.errors import ModelUnavailableError, UnknownModelError
from cmsearch.media.readers import make_reader
from cmsearch.models.transcribers import transcripts
from cmsearch.store.catalog import files
from cmsearch.store.inventory import take_inventory
from cmsearch.store.store import Store
from cmsearch.types import FloatArray, Hit, Progress, Segment
from indexer import Indexer
from indexer.doctor import examine
from indexer.report import Report
from tests import listeners, sounds
from tests.bad_sounds import bad_sounds, good_sounds, riff
from tests.builders import write_files
from tests.listeners import RATE, beeps, heard

listener = listeners.listener
pytestmark = pytest.mark.skipif(
    bool(make_reader("audio").missing), reason="the extra audio isn't installed"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = {
        "a.wav": sounds.wav(beeps(0.3, 0.0, 0.5)),
        "b.flac": sounds.encoded(beeps(0.7), "flac", "flac"),
        "silent.wav": sounds.wav(sounds.silence(2)),
        "rose.txt": "a red rose\n",
    }
    return write_files(tmp_path / "media", made)


@pytest.fixture
def model(fake_model: str, listener: str) -> str:
    return fake_model


def run(folder: Path, model: str, asr: str | None = "listener:red") -> Report:
    return Indexer(folder, model=model, asr=asr).run()


def transcripts_of(folder: Path) -> list[tuple[str, float | None, str | None]]:
    with cmsearch.open(folder) as engine:
        hits: list[Hit] = engine.search("red", target="transcript", k=100)
    return sorted((hit.path.name, hit.start, hit.text) for hit in hits)


RED = [("a.wav", 0.0, "red 3"), ("a.wav", 2.0, "red 5"), ("b.flac", 0.0, "red 7")]


def test_what_is_said_is_indexed(folder: Path, model: str) -> None:
    report = run(folder, model)
    assert report.items == {"passage": 1, "transcript": 3}
    assert (report.added, report.skipped) == (4, ())
    assert transcripts_of(folder) == RED


def test_a_second_run_hears_nothing(folder: Path, model: str) -> None:
    run(folder, model)
    heard.clear()
    assert run(folder, model).unchanged == 4
    assert run(folder, model, None).unchanged == 4
    assert heard == []


def test_another_model_hears_nothing_again(folder: Path, model: str) -> None:
    run(folder, model)
    heard.clear()
    report = run(folder, "fake:shades")
    assert (report.reencoded, report.model) == (3, "fake:shades")
    assert heard == []
    assert transcripts_of(folder) == RED


def test_a_touched_copied_or_moved_file_is_not_heard_again(folder: Path, model: str) -> None:
    run(folder, model)
    heard.clear()
    (folder / "a.wav").touch()
    (folder / "b.flac").rename(folder / "moved.flac")
    shutil.copy(folder / "a.wav", folder / "copy.wav")
    shutil.copy(folder / "silent.wav", folder / "still.wav")
    report = run(folder, model)
    assert (report.added, report.changed, report.moved) == (2, 1, 1)
    assert heard == []
    assert [one for one in transcripts_of(folder) if one[0] == "copy.wav"] == [
        ("copy.wav", 0.0, "red 3"),
        ("copy.wav", 2.0, "red 5"),
    ]


def test_copies_that_are_new_together_are_heard_once(folder: Path, model: str) -> None:
    for number in range(5):
        shutil.copy(folder / "a.wav", folder / f"copy{number}.wav")
    report = run(folder, model)
    assert report.items["transcript"] == 3 + 5 * 2
    assert len(heard) == 3


def test_another_transcriber_hears_everything_again(folder: Path, model: str) -> None:
    run(folder, model)
    heard.clear()
    report = run(folder, model, "listener:blue")
    assert (report.changed, report.unchanged) == (3, 1)
    assert len(heard) == 3
    assert {one[2] for one in transcripts_of(folder)} == {"blue 3", "blue 5", "blue 7"}
    heard.clear()
    assert run(folder, model, None).unchanged == 4  # it is the store's now
    assert heard == []


def test_none_forgets_what_was_said(folder: Path, model: str) -> None:
    run(folder, model)
    assert run(folder, model, "none").items == {"passage": 1}
    heard.clear()
    assert run(folder, model, None).unchanged == 4
    assert heard == []
    assert run(folder, model).items["transcript"] == 3


def test_an_interrupted_change_goes_on(
    folder: Path, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(folder, model)
    with Store(folder / ".cmsearch") as store, store.catalog.writing() as writer:
        writer.put_transcriber("listener:blue")
        writer.read_again(("audio",))
    shutil.copy(folder / "a.wav", folder / "copy.wav")
    heard.clear()
    run(folder, model, None)
    assert {one[2] for one in transcripts_of(folder)} == {"blue 3", "blue 5", "blue 7"}
    assert len(heard) == 3


def test_the_inventory_names_what_heard(folder: Path, model: str) -> None:
    for asr in ("listener:red", "none"):
        run(folder, model, asr)
        with Store(folder / ".cmsearch") as store:
            assert take_inventory(store).asr == asr


def test_a_plan_says_what_would_be_heard(folder: Path, model: str) -> None:
    run(folder, model)
    plan = Indexer(folder, model=model, asr="listener:blue").plan()
    assert plan.changed == ("a.wav", "b.flac", "silent.wav")
    assert Indexer(folder, model=model).plan().changed == ()


def test_damage_is_told_and_what_was_said_is_kept(folder: Path, model: str) -> None:
    data = (beeps(0.4) * 32767).astype("<i2").tobytes()
    (folder / "cut.wav").write_bytes(riff(data=data, claimed=10 * len(data)))
    first = run(folder, model)
    (skipped,) = first.skipped
    assert (skipped.path, skipped.locator) == ("cut.wav", "1.000-1.000")
    assert skipped.reason == "cut short: 00:00:01 of the 00:00:09 that it claims are there"
    assert ("cut.wav", 0.0, "red 4") in transcripts_of(folder)
    assert run(folder, model).skipped == first.skipped
    assert run(folder, "fake:shades").skipped == first.skipped


def test_bad_recordings_are_reported_and_none_is_fatal(tmp_path: Path, model: str) -> None:
    bad, good = bad_sounds(), good_sounds()
    write_files(tmp_path, {name: data for name, (data, _) in bad.items()} | good)
    report = run(tmp_path, model)
    reasons = {one.path: one.reason for one in report.skipped}
    assert reasons.keys() == bad.keys()
    wrong = {name: reasons[name] for name, (_, part) in bad.items() if part not in reasons[name]}
    assert wrong == {}
    assert max(heard) <= transcripts.WINDOW * RATE


def test_a_mistake_leaves_no_store_behind(folder: Path, model: str) -> None:
    with pytest.raises(ModelUnavailableError):
        run(folder, model, "listener:gone")
    with pytest.raises(UnknownModelError):
        run(folder, model, "no such thing")
    assert not (folder / ".cmsearch").exists()


def test_a_mistake_changes_nothing(folder: Path, model: str) -> None:
    run(folder, model)
    with pytest.raises(ModelUnavailableError):
        run(folder, model, "listener:gone")
    heard.clear()
    assert run(folder, model, None).unchanged == 4
    assert heard == []


def test_nothing_is_loaded_where_nothing_is_to_be_heard(tmp_path: Path, model: str) -> None:
    (tmp_path / "rose.txt").write_text("a red rose\n")
    assert run(tmp_path, model, "listener:gone").added == 1


def test_one_is_told_which_minute_is_heard(folder: Path, model: str) -> None:
    told: list[Progress] = []
    Indexer(folder, model=model, asr="listener:red").run(told.append)
    notes = [event.note for event in told if event.note]
    assert "a.wav 00:00:03 of 00:00:03" in notes
    assert told[-1].note == ""


@pytest.mark.skipif(os.name == "nt", reason="a signal ends the process there")
def test_an_interruption_does_not_wait_for_hours(
    folder: Path, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "long.flac").write_bytes(
        sounds.encoded(sounds.silence(20 * transcripts.WINDOW), "flac", "flac")
    )
    transcribe, sent, over = listeners.Listener.transcribe, Event(), Event()

    def slow(self: listeners.Listener, audio: FloatArray) -> Iterator[Segment]:
        if sent.is_set():  # it's heard no further until the run has ended
            over.wait(60)
        return transcribe(self, audio)

    def tell(event: Progress) -> None:
        if event.note.startswith("long.flac 00:01:"):  # the second window
            sent.set()
            os.kill(os.getpid(), signal.SIGINT)  # as Ctrl-C does

    monkeypatch.setattr(listeners.Listener, "transcribe", slow)
    with pytest.raises(KeyboardInterrupt):
        Indexer(folder, model=model, asr="listener:red").run(tell)
    over.set()
    assert len(heard) < 15


def test_the_catalog_gives_what_it_has(folder: Path, model: str) -> None:
    run(folder, model)
    with Store(folder / ".cmsearch") as store:
        assets = files.assets(store.catalog)
        known = files.transcript(store.catalog, str(assets["a.wav"].digest))
        assert known == [Segment(0, 1, "red 3"), Segment(2, 3, "red 5")]
        assert files.transcript(store.catalog, str(assets["silent.wav"].digest)) == []
        assert files.transcript(store.catalog, str(assets["rose.txt"].digest)) is None
        assert files.transcript(store.catalog, "0" * 64) is None


def test_the_doctor_encodes_transcripts_again_without_hearing(folder: Path, model: str) -> None:
    run(folder, model)
    heard.clear()
    with Store(folder / ".cmsearch") as store:
        assert list(examine(store, samples=10)) == []
    assert heard == []
