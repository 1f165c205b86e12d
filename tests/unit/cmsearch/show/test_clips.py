"""Clips: what is cut out of films and recordings, and where it goes."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from cmsearch.errors import CmsearchError, MediaError
from cmsearch.show.clips import AROUND, check_clips, cut_out
from tests import films


def decoded(path: Path) -> tuple[list[Image.Image], float]:
    """The pictures of a clip, and the seconds of its sound."""
    with av.open(str(path)) as container:
        pictures = [frame.to_image() for frame in container.decode(video=0)]
    seconds = 0.0
    with av.open(str(path)) as container:
        if container.streams.audio:
            for frame in container.decode(audio=0):
                seconds += frame.samples / frame.sample_rate
    return pictures, seconds


def is_near(picture: Image.Image, colour: tuple[int, int, int]) -> bool:
    means = np.asarray(picture).reshape(-1, 3).mean(0)
    return bool(np.abs(means - colour).max() <= 15)


@pytest.mark.parametrize(("name", "style"), [("a.mp4", "mp4"), ("a.mkv", "matroska")])
def test_a_clip_has_the_pictures_and_the_sound_of_its_time(
    tmp_path: Path, name: str, style: str
) -> None:
    path = tmp_path / name
    path.write_bytes(films.film(seconds=2.0, style=style, sound=True))
    clip = cut_out(path, 2.5, 3.5, tmp_path / "clips")
    assert clip == tmp_path / "clips" / "a_00-00-02.mp4"
    pictures, seconds = decoded(clip)
    assert len(pictures) == pytest.approx(25 * (1 + 2 * AROUND), abs=1)
    assert all(is_near(picture, (0, 128, 0)) for picture in pictures)
    assert seconds == pytest.approx(1 + 2 * AROUND, abs=0.15)


def test_a_clip_begins_and_ends_where_it_should(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(films.film())
    pictures, _ = decoded(cut_out(path, 1.0, 2.0, tmp_path))
    kinds = ["red" if is_near(one, (255, 0, 0)) else "green" for one in pictures[:20]]
    assert kinds.index("green") == pytest.approx(AROUND * 25, abs=1)
    assert len(pictures) == pytest.approx(25 * (1 + 2 * AROUND), abs=1)


def test_a_clip_is_turned_as_its_film(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(films.film(["red"], rotation=90))
    with av.open(str(cut_out(path, 0, 1, tmp_path))) as container:
        assert next(container.decode(video=0)).rotation == 90


def test_a_clip_of_a_recording_is_a_recording(tmp_path: Path) -> None:
    path = tmp_path / "a.m4a"
    path.write_bytes(films.tone(3))
    clip = cut_out(path, 1, 2, tmp_path)
    assert clip.name == "a_00-00-01.m4a"
    with av.open(str(clip)) as container:
        assert [stream.type for stream in container.streams] == ["audio"]
        seconds = sum(frame.samples / frame.sample_rate for frame in container.decode(audio=0))
    assert seconds == pytest.approx(1 + 2 * AROUND, abs=0.15)


def test_no_file_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(films.film())
    (tmp_path / "a_00-00-01.mp4").write_text("mine")
    assert cut_out(path, 1, 2, tmp_path).name == "a_00-00-01-2.mp4"
    assert cut_out(path, 1, 2, tmp_path).name == "a_00-00-01-3.mp4"
    assert (tmp_path / "a_00-00-01.mp4").read_text() == "mine"


def test_odd_sizes_are_cut_too(tmp_path: Path) -> None:
    path = tmp_path / "a.gif"
    pictures = [Image.new("RGB", (51, 33), colour) for colour in ("red", "green")]
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=1000)
    shown, _ = decoded(cut_out(path, 0, 1, tmp_path))
    assert shown[0].size == (50, 32)


def test_a_time_after_the_end_is_an_error_and_leaves_no_file(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(films.film())
    with pytest.raises(MediaError, match="nothing at 00:01:39"):
        cut_out(path, 100, 101, tmp_path / "clips")
    assert list((tmp_path / "clips").iterdir()) == []


def test_a_film_that_is_damaged_is_an_error_and_leaves_no_file(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"no film at all")
    with pytest.raises(MediaError, match="not a recording or film"):
        cut_out(path, 1, 2, tmp_path / "clips")
    assert not (tmp_path / "clips").exists()


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(films.film())
    with pytest.raises(CmsearchError, match=r"can't be written: .*Name another place"):
        cut_out(path, 1, 2, path / "clips")


def test_without_the_extra_its_name_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    check_clips()
    monkeypatch.setattr("cmsearch.show.clips.find_spec", lambda name: None)
    with pytest.raises(CmsearchError, match=r"pip install 'cmsearch\[video\]'"):
        check_clips()
