"""Finding and reading lines of text, with the package's own models."""

from __future__ import annotations

import logging
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from cmsearch.errors import ModelUnavailableError
from cmsearch.models.ocr import rapid
from tests.commands import python
from tests.signs import sign

pytestmark = pytest.mark.skipif(not rapid.is_installed(), reason="the extra ocr isn't installed")


def test_lines_are_found_and_read() -> None:
    model, picture = rapid.load(), sign("GOLDEN HARBOUR", "open daily")
    found, _ = model.read(picture, model.find(picture))
    assert [text for text, _ in found] == ["GOLDEN HARBOUR", "open daily"]
    assert all(score > 0.9 for _, score in found)


def test_a_glance_sees_lines_and_no_plain_ground() -> None:
    model = rapid.load()
    assert model.may_hold_text(sign("GOLDEN HARBOUR"))
    assert not model.may_hold_text(Image.new("RGB", (320, 240), "tan"))
    assert not model.may_hold_text(Image.new("RGB", (320, 240), "black"))


class Faint:
    """A detector that says this of every place."""

    def __init__(self, shares: np.ndarray) -> None:
        self._shares = shares

    def get_preprocess(self) -> Callable[[np.ndarray], np.ndarray]:
        return lambda pixels: pixels

    def session(self, _: np.ndarray) -> np.ndarray:
        return self._shares[None, None]


@pytest.mark.parametrize(
    ("width", "height", "most", "seen"),
    [(30, 3, 0.5, True), (30, 3, 0.2, False), (6, 5, 0.9, False), (3, 30, 0.5, True)],
)
def test_a_glance_goes_by_oblong_places_that_have_a_sure_point(
    width: int, height: int, most: float, seen: bool
) -> None:
    shares = np.zeros((64, 64), np.float32)
    shares[20 : 20 + height, 10 : 10 + width] = 0.15
    shares[20 + height // 2, 10 + width // 2] = most
    model = rapid.TextModel(Faint(shares), None)
    assert model.may_hold_text(Image.new("RGB", (64, 64))) is seen


def test_what_stands_on_its_head_is_read() -> None:
    model = rapid.load()
    picture = sign("GOLDEN HARBOUR").transpose(Image.Transpose.ROTATE_180)
    found, _ = model.read(picture, model.find(picture))
    assert [text for text, _ in found] == ["GOLDEN HARBOUR"]


def test_what_is_tried_upside_down_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    model = rapid.load()
    picture = sign("GOLDEN HARBOUR", "quiet museum").transpose(Image.Transpose.ROTATE_180)
    boxes = model.find(picture)
    whole = model.read(picture, boxes)
    assert sorted(text for text, _ in whole[0]) == ["GOLDEN HARBOUR", "quiet museum"]
    assert whole[1] == 0
    longest = rapid.HEIGHT * max(np.ptp(box[:, 0]) / np.ptp(box[:, 1]) for box in boxes)
    monkeypatch.setattr(rapid, "MOST_TURNED", 1.5 * longest)
    found, untried = model.read(picture, boxes)
    assert untried == 1 and len({text for text, _ in found} & {text for text, _ in whole[0]}) == 1
    monkeypatch.setattr(rapid, "MOST_TURNED", 0)
    assert model.read(picture, boxes)[1] == 2


def test_a_page_upside_down_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    model = rapid.load()
    texts = [f"{word} harbour museum" for word in ["golden", "quiet", "velvet", "copper", "marble"]]
    picture = sign(*texts, height=20, size=(360, 180)).transpose(Image.Transpose.ROTATE_180)
    monkeypatch.setattr(rapid, "FIRST", 2)
    read = list[int]()
    recognised = model._recognised
    monkeypatch.setattr(
        model, "_recognised", lambda lines: read.append(len(lines)) or recognised(lines)
    )
    found, untried = model.read(picture, model.find(picture))
    assert ({text for text, _ in found}, untried) == (set(texts), 0)
    assert sum(read) == 2 + len(texts)


def test_pictures_of_any_shape_are_looked_at() -> None:
    model = rapid.load()
    for size in ((1, 1), (3, 400), (400, 3), (33, 31)):
        picture = Image.new("RGB", size, "white")
        assert model.may_hold_text(picture) in (True, False)
        assert model.read(picture, model.find(picture)) == ([], 0)


def test_no_boxes_are_no_lines() -> None:
    assert rapid.load().read(sign("a"), np.zeros((0, 4, 2), np.float32)) == ([], 0)


def test_a_model_that_was_changed_is_not_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    name = "PP-OCRv6_det_small.onnx"
    monkeypatch.setitem(rapid._DIGESTS, name, "0" * 64)
    with pytest.raises(ModelUnavailableError, match="not the one that cmsearch was made for"):
        rapid._file(name)


def test_nothing_is_written_and_no_level_is_left_behind(capfd: pytest.CaptureFixture[str]) -> None:
    before = logging.getLogger().level
    rapid._load.cache_clear()
    rapid.load()
    assert capfd.readouterr() == ("", "")
    assert logging.getLogger().level == before


def test_knowing_whether_it_is_installed_imports_none_of_it() -> None:
    heavy = "{'cv2', 'rapidocr', 'onnxruntime', 'omegaconf', 'shapely'} & set(sys.modules)"
    code = f"import sys, indexer.texts; indexer.texts.Texts('auto'); print({heavy})"
    assert python(code).strip() == "set()"
