"""Evidence is log-odds that add up; expected values are the arithmetic that the rule states."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from math import exp, hypot, log
from typing import Any

import numpy as np
import pytest

from cmsearch.search.merge.evidence import (
    AGREED,
    ALIKE,
    HOPE,
    READ,
    SEEN,
    SEEN_BESIDE_READ,
    SILENT,
    SURE,
    WIDEST,
    LogOdds,
    Weight,
    evidence,
    prior,
    total,
)
from cmsearch.search.own_models import Models
from cmsearch.search.query.compose import QueryVector
from cmsearch.search.rank.banks import Banks
from cmsearch.search.rank.request import FEW, Column, Direction, Found, Source, StageRequest
from cmsearch.search.rank.stages import StageSettings
from cmsearch.search.retrieve.nearest import Candidate, Retriever
from cmsearch.store.store import DIRECTORY, Store
from cmsearch.store.view import View
from cmsearch.types import EncodedQuery, Filter, Item, Modality, Scale
from tests.builders import photo, put, serve

AXIS = np.eye(4, dtype=np.float32)[0]
NAN = float("nan")
BANK = {
    "bank": {"image": Scale(0.4, 0.1, 0.1, 0.1), "text": Scale(0.6, 0.1, 0.3, 0.2)},
    "image": {"image": Scale(0.8, 0.1, 0.5, 0.25), "text": Scale(0.4, 0.1, 0.1, 0.1)},
}
LOOKS = [0.5, 0.3, 0.1]
"""The cosines of three pictures: 4, 2 and 0 deviations beyond chance."""


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Source]:
    """A store of 40 pictures."""
    folder = tmp_path_factory.mktemp("store")
    with Store(folder / DIRECTORY, folder) as store:
        number = serve(store.catalog, 4)
        for name in range(40):
            put(store.catalog, number, f"{name}.jpg", photo(AXIS, str(name)))
        view = replace(store.view(), background=BANK)
        yield Source(store, view, Models(store), Retriever(store), Banks(store))


def of_view(view: View, modality: Modality) -> float:
    return prior(len(view.indexes[modality]), view.background, modality)


def asked(*modalities: Modality) -> QueryVector:
    """Parts that weigh as much, and have the shares 0.6 and 0.8 if they are two."""
    parts = tuple(EncodedQuery(modality, "red", AXIS) for modality in modalities)
    shares = (1.0,) if len(parts) == 1 else (0.6, 0.8)
    return QueryVector(AXIS, parts, (1.0,) * len(parts), shares)


def candidates(cosines: Sequence[float]) -> list[Candidate]:
    return [
        Candidate(
            Item(row, f"{row}.jpg", Modality.IMAGE, "photo", None, None, "", str(row), None),
            row,
            cosine,
            cosine,
            {},
        )
        for row, cosine in enumerate(cosines)
    ]


def said(
    source: Source,
    columns: Mapping[str, Sequence[float]],
    *,
    query: QueryVector | None = None,
    ways: Collection[str] = ("picture", "caption", "words"),
    without: Collection[str] = (),
    rarity: float = 1.0,
    weights: Mapping[str, float] | None = None,
) -> dict[str, LogOdds]:
    """What evidence there is for the pictures of `LOOKS`."""
    runs = {Modality.TEXT: StageSettings(weights=weights or {})}
    direction = Direction(source, Modality.IMAGE, None, Filter(), ways, runs, 10, without=without)
    found = {"words": Found({}, rarity)}
    request = StageRequest(direction, query or asked(Modality.TEXT), (), found)
    arrays: dict[str, Column] = {name: np.array(own) for name, own in columns.items()}
    return evidence(request, candidates(LOOKS), arrays)


def weighed(weight: Weight, *beyond: float) -> list[float]:
    return [weight.slope * (own - weight.middle) for own in beyond]


def spoken(beyond: float) -> float:
    """What a caption says: it is of what is meant and silent, or it speaks."""
    return log(SILENT + (1 - SILENT) * exp(READ.slope * (beyond - READ.middle)))


# --- the sum ---


def test_evidence_adds_up_and_what_says_nothing_is_neutral() -> None:
    one, other = np.array([1.0, -2.0, 0.5]), np.array([NAN, 3.0, NAN])
    assert total({"one": one, "other": other}, 3).tolist() == [1.0, 1.0, 0.5]
    assert total({}, 2).tolist() == [0.0, 0.0]


def test_a_picture_has_its_look_and_what_is_known_before(source: Source) -> None:
    """Of 40 pictures five are what is hoped for."""
    own = said(source, {})
    assert own.keys() == {"picture", "prior"}
    assert own["picture"] == pytest.approx(weighed(SEEN, 4, 2, 0))
    assert own["prior"] == pytest.approx([log(HOPE / 40)] * 3)


def test_in_a_small_store_nothing_is_likelier_than_among_few(source: Source) -> None:
    assert of_view(source.view, Modality.IMAGE) == log(HOPE / 40)
    some = {Modality.IMAGE: range(3)}
    view = replace(source.view, indexes=some)  # type: ignore[arg-type]
    assert of_view(view, Modality.IMAGE) == log(HOPE / FEW)


def test_captions_of_one_picture_are_one_thing(source: Source) -> None:
    scale = Scale(0.6, 0.1, 0.3, 0.2, apart=0.2)
    own: dict[Modality, Any] = {Modality.TEXT: range(1000), Modality.SPEECH: range(1000)}
    told = {"bank": {"text": scale, "audio": scale}}
    view = replace(source.view, indexes=own, background=told)
    assert of_view(view, Modality.TEXT) == log(HOPE / 200)
    assert of_view(view, Modality.SPEECH) == log(HOPE / 1000)
    assert of_view(replace(view, background={}), Modality.TEXT) == log(HOPE / 1000)


def test_learned_weights_multiply_what_ways_say_and_move_what_is_known(source: Source) -> None:
    columns = {"caption": [0.9, NAN, 0.1], "attention": [0.1, 0.2, 0.3]}
    usual = said(source, columns)
    weights = {"picture": 0.5, "picture with caption": 0.2, "caption": 0.7, "before": 1.5}
    own = said(source, columns, weights=weights)
    for way, values in usual.items():
        factor = 0.7 if way == "caption" else np.array([0.2, 0.5, 0.2])
        expected = values + 1.5 if way == "prior" else factor * values
        np.testing.assert_allclose(own[way], expected)


def test_words_outweigh_what_is_known_however_it_was_moved(source: Source) -> None:
    columns = {"words": [1.0, NAN, NAN]}
    for before in (0.0, 2.0):
        own = said(source, columns, ways=("words",), weights={"before": before})
        assert own["words"][0] + own["prior"][0] == pytest.approx(SURE)


def test_a_query_of_several_modalities_counts_as_usual(source: Source) -> None:
    both = asked(Modality.TEXT, Modality.IMAGE)
    own = said(source, {}, query=both, weights={"picture": 0.5, "before": 1.0})
    for way, values in said(source, {}, query=both).items():
        np.testing.assert_array_equal(own[way], values)


def test_a_way_that_is_left_out_counts_nothing_and_changes_no_other(source: Source) -> None:
    columns = {"caption": [0.9, NAN, 0.1]}
    whole = said(source, columns)
    for way in whole:
        left = said(source, columns, without={way})
        assert left.keys() == whole.keys() - {way}
        for other, values in left.items():
            np.testing.assert_array_equal(values, whole[other])


def test_nobody_has_no_evidence(source: Source) -> None:
    direction = Direction(source, Modality.IMAGE, None, Filter(), ("picture",), {}, 10)
    request = StageRequest(direction, asked(Modality.TEXT))
    assert all(len(values) == 0 for values in evidence(request, [], {}).values())


# --- looks ---


def test_pictures_ask_by_another_weight(source: Source) -> None:
    own = said(source, {}, query=asked(Modality.IMAGE))
    beyond = [(cosine - 0.5) / 0.25 for cosine in LOOKS]
    assert own["picture"] == pytest.approx(weighed(ALIKE, *beyond))


def test_a_sum_of_a_text_and_a_picture_lies_between(source: Source) -> None:
    own = said(source, {}, query=asked(Modality.TEXT, Modality.IMAGE))
    mean, deviation = 0.6 * 0.1 + 0.8 * 0.5, hypot(0.6 * 0.1, 0.8 * 0.25)
    both = Weight((SEEN.slope + ALIKE.slope) / 2, (SEEN.middle + ALIKE.middle) / 2)
    beyond = [(cosine - mean) / deviation for cosine in LOOKS]
    assert own["picture"] == pytest.approx(weighed(both, *beyond))


def test_a_stage_adds_in_the_units_of_cosines(source: Source) -> None:
    """It says how an item differs from the others; here sums are less wide than cosines."""
    own = said(source, {"attention": [0.2, 0.3, 0.4]})
    assert own["picture"] == pytest.approx(weighed(SEEN, 4, 2, 0))
    assert own["attention"] == pytest.approx([-SEEN.slope, 0, SEEN.slope])


def test_sums_that_are_wider_are_brought_to_the_width_of_cosines(source: Source) -> None:
    """What looks closer is evidence of the same kind, and not more of it."""
    own = said(source, {"attention": [0.6, 0.4, 0.2]})
    assert own["picture"] == pytest.approx(weighed(SEEN, 2 + 2 / 2, 2, 2 - 2 / 2))
    assert own["attention"] == pytest.approx([SEEN.slope * 2 / 2, 0, -SEEN.slope * 2 / 2])


def test_sums_are_brought_in_only_so_far(source: Source) -> None:
    own = said(source, {"attention": [200.0, 0.0, -200.0]})
    assert own["picture"] == pytest.approx(weighed(SEEN, 2 + 2 / WIDEST, 2, 2 - 2 / WIDEST))


def test_what_a_stage_did_not_look_at_is_as_what_it_looked_at_usually(source: Source) -> None:
    own = said(source, {"attention": [0.05, -0.05, NAN]})
    assert np.isnan(own["attention"][2])
    assert own["attention"][0] == pytest.approx(-own["attention"][1])
    far = said(source, {"attention": [7.05, 6.95, NAN]})
    assert far["attention"][:2] == pytest.approx(own["attention"][:2])


# --- captions ---


def test_a_caption_adds_to_a_look_that_weighs_less_beside_it(source: Source) -> None:
    own = said(source, {"caption": [0.9, NAN, 1.1]})
    beside = weighed(SEEN_BESIDE_READ, 4, 2, 0)
    assert own["picture"] == pytest.approx([beside[0], weighed(SEEN, 2)[0], beside[2]])
    assert own["caption"][[0, 2]] == pytest.approx([spoken(3), spoken(4)])
    assert np.isnan(own["caption"][1])


def test_a_caption_speaks_against_by_no_more_than_silence(source: Source) -> None:
    """It may well not mention what is meant; what it does mention is nearly all that it says."""
    own = said(source, {"caption": [-1.0, 0.3, 0.85]})["caption"]
    assert own == pytest.approx([spoken(-6.5), spoken(0), spoken(2.75)], abs=1e-9)
    assert own[0] == pytest.approx(log(SILENT), abs=1e-3)
    assert log(SILENT) <= own[0] < own[1] < own[2]
    assert own[2] == pytest.approx(0)
    loud = said(source, {"caption": [1.5, NAN, NAN]})["caption"][0]
    assert loud == pytest.approx(log(1 - SILENT) + weighed(READ, 6)[0], abs=1e-3)


def test_by_captions_alone_looks_say_nothing(source: Source) -> None:
    own = said(source, {"caption": [0.9, NAN, 1.1]}, ways=("caption",))
    assert own.keys() == {"caption", "prior"}


def test_one_vector_of_both_speaks_for_both(source: Source) -> None:
    """Of pairs the column that is standardised counts, in place of the look and the caption."""
    own = said(
        source,
        {"caption": [0.9, NAN, NAN], "fused": [3.5, NAN, NAN]},
        ways=("picture", "fused"),
    )
    assert own.keys() == {"picture", "fused", "prior"}
    assert own["fused"][0] == pytest.approx(weighed(READ, 3.5)[0])
    assert np.isnan(own["picture"][0]) and np.isnan(own["fused"][1:]).all()
    assert own["picture"][1:] == pytest.approx(weighed(SEEN, 2, 0))


# --- passages ---


def test_a_page_is_meant_for_its_look_or_for_what_it_says(source: Source) -> None:
    own = said(source, {"passage": [0.9, NAN, 1.1]}, ways=("picture", "passage"))
    looks, speech = weighed(SEEN, 4, 2, 0), weighed(READ, 3, 4)
    assert own["picture"] == pytest.approx(looks)
    both = [log(exp(looks[0]) + exp(speech[0])), log(exp(looks[2]) + exp(speech[1]))]
    assert (own["picture"] + own["passage"])[[0, 2]] == pytest.approx(both)
    assert np.isnan(own["passage"][1])


# --- words ---


def test_all_words_of_one_thing_alone_leave_it_sure(source: Source) -> None:
    own = said(source, {"words": [1.0, NAN, NAN]}, ways=("words",))
    assert own.keys() == {"words", "prior"}
    assert own["words"][0] + own["prior"][0] == pytest.approx(SURE)
    assert np.isnan(own["words"][1:]).all()


def test_words_count_by_their_rarity_and_the_square_of_their_share(source: Source) -> None:
    own = said(source, {"words": [1.0, 0.5, NAN]}, ways=("words",), rarity=0.4)
    whole = 0.4 * (SURE - log(HOPE / 40))
    assert own["words"][:2] == pytest.approx([whole, whole / 4])
    faint = said(source, {"words": [1.0, 0.9, NAN]}, ways=("words",), rarity=0.0)["words"]
    assert 0.1 > faint[0] > faint[1] > 0  # so that what everything has gives an order all the same


def test_words_of_a_part_count_as_it_weighs(source: Source) -> None:
    both = asked(Modality.TEXT, Modality.IMAGE)
    own = said(source, {"words": [1.0, NAN, NAN]}, ways=("words",), query=both)
    assert own["words"][0] == pytest.approx((SURE - log(HOPE / 40)) / 2)


def test_a_thing_is_described_or_named(source: Source) -> None:
    """It is as likely as by its meaning and by its words together; what both say counts more."""
    own = said(source, {"words": [1.0, NAN, 1.0], "caption": [NAN, NAN, 0.9]})
    named = SURE - log(HOPE / 40)
    looks = weighed(SEEN, 4)[0]
    agreed = AGREED * min(looks, named)
    assert own["words"][0] + looks == pytest.approx(log(exp(looks) + exp(named)) + agreed)
    meaning = weighed(SEEN_BESIDE_READ, 0)[0] + spoken(3)
    agreed = AGREED * max(0.0, min(meaning, named))
    assert own["words"][2] + meaning == pytest.approx(log(exp(meaning) + exp(named)) + agreed)
    assert np.isnan(own["words"][1])
    assert (own["words"][[0, 2]] > 0).all()
