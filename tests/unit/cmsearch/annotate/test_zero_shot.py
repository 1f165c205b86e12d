"""Scores, hubness and confidences of labels, each against the arithmetic that it comes from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import cmsearch
from cmsearch import Engine
from cmsearch.annotate import zero_shot
from cmsearch.annotate.annotation import serving
from cmsearch.annotate.zero_shot import (
    BY_COSINE,
    TEMPLATES,
    USUAL,
    Calibration,
    Label,
    Labeller,
    as_labels,
    probabilities,
)
from cmsearch.errors import QueryError
from cmsearch.search.query import background_captions
from cmsearch.store.catalog import items
from cmsearch.types import FloatArray, Modality
from indexer import Indexer
from tests.builders import write_files, write_picture

COLOURS = ("red", "green", "blue")


@pytest.fixture
def engine(tmp_path: Path, fake_model: str) -> Iterator[Engine]:
    for number in range(30):
        place = tmp_path / f"{number:02}.png"
        write_picture(place, COLOURS[number % 3], (8, 8 + number))
    Indexer(tmp_path, model=fake_model).run()
    with cmsearch.open(tmp_path) as opened:
        yield opened


def labeller(engine: Engine, *names: str | Label, context: str = "") -> Labeller:
    with serving(engine) as (view, encoder):
        return Labeller(engine.store, view, encoder, zero_shot.as_labels(names), context)


def stored(engine: Engine) -> tuple[FloatArray, list[tuple[FloatArray, FloatArray]]]:
    view, dim = engine.store.view(), engine.space.dim
    ids, vectors = items.embeddings(engine.store.catalog, view.space_id, Modality.IMAGE, dim)
    contents = items.contents(engine.store.catalog, ids.tolist(), dim)
    return vectors, [contents[number][1] for number in ids.tolist()]


def test_the_vector_of_a_label_is_the_mean_of_its_prompts(engine: Engine) -> None:
    prompts = engine.embed([template.format("red") for template in TEMPLATES])
    mean = prompts.mean(0) / np.linalg.norm(prompts.mean(0))
    vectors, _ = stored(engine)
    np.testing.assert_allclose(
        labeller(engine, "red").cosines(vectors)[:, 0], vectors @ mean, atol=1e-6
    )


def test_a_labels_own_prompts_take_the_place_of_the_templates(engine: Engine) -> None:
    vectors, _ = stored(engine)
    own = labeller(engine, Label("a thing", ("red",))).cosines(vectors)[:, 0]
    np.testing.assert_allclose(own, vectors @ engine.embed("red")[0], atol=1e-6)


def test_a_question_is_one_more_prompt_and_braces_in_it_are_only_signs(engine: Engine) -> None:
    vectors, _ = stored(engine)
    texts = [*(one.format("{red}") for one in TEMPLATES), "What {0} colour? {red}"]
    mean = engine.embed(texts).mean(0)
    own = labeller(engine, "{red}", context="What {0} colour?").cosines(vectors)[:, 0]
    np.testing.assert_allclose(own, vectors @ (mean / np.linalg.norm(mean)), atol=1e-6)


def test_scores_are_in_deviations_of_what_captions_of_other_things_have(engine: Engine) -> None:
    vectors, tokens = stored(engine)
    chance = vectors @ background_captions.encoded(engine.encoder).T
    own = labeller(engine, "red", "blue")
    expected = (own.cosines(vectors) - chance.mean()) / chance.std()
    np.testing.assert_allclose(own.scores(vectors, tokens), expected, atol=0.01)


def test_the_logit_is_the_calibrated_score_less_the_hubness_of_the_label(engine: Engine) -> None:
    vectors, tokens = stored(engine)
    own = labeller(engine, "red", "blue")
    scores = own.scores(vectors, tokens)
    nearest = np.sort(scores, axis=0)[-2:].mean(0)  # 5 % of 30 pictures, by cosine alone
    np.testing.assert_allclose(own.hubness, nearest, atol=1e-4)
    hubness = (30 * nearest + USUAL * BY_COSINE.usual) / (30 + USUAL)
    expected = BY_COSINE.slope * scores - BY_COSINE.hubness * hubness + BY_COSINE.offset
    np.testing.assert_allclose(own.logits(vectors, tokens), expected, atol=1e-3)


def test_a_label_that_every_picture_is_near_to_has_to_be_nearer(engine: Engine) -> None:
    """Two labels that score the same for a picture: that which is a hub is less likely."""
    vectors, tokens = stored(engine)
    hub = labeller(engine, "red")
    rare = labeller(engine, "red")
    rare.hubness = hub.hubness - 3
    assert (rare.logits(vectors, tokens) > hub.logits(vectors, tokens)).all()


def test_each_colour_is_the_likeliest_label_of_its_pictures(engine: Engine) -> None:
    logits = labeller(engine, *COLOURS).logits(*stored(engine))
    assert logits.argmax(1).tolist() == [number % 3 for number in range(30)]


def test_regions_count_where_that_was_measured_and_the_picture_has_some(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    vectors, tokens = stored(engine)
    plain = labeller(engine, "red").logits(vectors, tokens)
    by = Calibration(1.0, 0.0, 0.0, share=1.0)
    monkeypatch.setitem(zero_shot.WITH_REGIONS, "fake", by)  # type: ignore[arg-type]
    own = labeller(engine, "red")
    cosines = own.cosines(vectors)
    attended = cosines + vectors @ engine.embed("red").T  # all regions are of one colour
    chance = vectors @ background_captions.encoded(engine.encoder).T
    expected = (attended - chance.mean()) / chance.std()
    np.testing.assert_allclose(own.logits(vectors, tokens), expected, atol=0.02)
    none = [(rows[:0], weights[:0]) for rows, weights in tokens]
    np.testing.assert_allclose(own.logits(vectors, none), plain, atol=1e-4)
    some = own.logits(vectors, [tokens[0], *none[1:]])
    np.testing.assert_allclose(some[1:], plain[1:], atol=1e-4)
    np.testing.assert_allclose(some[0], expected[0], atol=0.02)


def test_confidences_are_between_0_and_1_however_large_the_logits() -> None:
    found = probabilities(np.array([-1e9, -1.0, 0.0, 1.0, 1e9], np.float32))
    assert found[2] == 0.5
    assert found[1] == pytest.approx(1 / (1 + np.e), abs=1e-6)
    assert (np.diff(found) > 0).all()
    assert found.min() >= 0
    assert found.max() <= 1


def test_a_store_without_pictures_has_nothing_to_compare_with(
    tmp_path: Path, fake_model: str
) -> None:
    write_files(tmp_path, {"note.md": "A note about red."})
    Indexer(tmp_path, model=fake_model).run()
    with cmsearch.open(tmp_path) as engine, pytest.raises(QueryError, match="no picture"):
        labeller(engine, "red")


def test_one_text_in_place_of_a_list_of_prompts_is_said() -> None:
    with pytest.raises(QueryError, match="are a list of texts, not 'puppy'"):
        as_labels({"dog": "puppy"})
