"""How an adapter is learned: what is chosen, what attention adds, and that it is certain."""

from __future__ import annotations

import numpy as np
import pytest

from cmsearch.learning import choosing
from cmsearch.learning.attended import Attended
from cmsearch.learning.choosing import PARTS, USUAL, Choice, best, table
from cmsearch.learning.heldout import learn
from cmsearch.learning.ridge import Design, Learner, Pairs
from cmsearch.search.rank.attention import Tokens, attend
from cmsearch.search.rank.second_stage import DEPTH
from cmsearch.search.rank.stages import Attention
from cmsearch.types import FloatArray
from tests.unit.cmsearch.learning.test_ridge import rotated, unit

OTHER = USUAL._replace(share=1.0)
RUN = Attention(0.7, 0.03)


def told(gains: list[float], groups: list[int]) -> Choice:
    """What is chosen where another choice gains this much."""
    values = np.stack([np.full(len(gains), 0.5), 0.5 + np.array(gains)])
    return best([USUAL, OTHER], values, np.array(groups))


def test_others_are_taken_only_where_they_are_certainly_better() -> None:
    assert told([0.1, 0.2] * 10, list(range(20))) is OTHER
    assert told([-0.2, 0.3] * 10, list(range(20))) is USUAL  # 0.05, with a standard error of 0.056
    assert told([0.0] * 20, list(range(20))) is USUAL


def test_captions_of_one_picture_make_nothing_more_certain() -> None:
    """The mean is 1.9 standard errors above 0, whether each value stands once or five times."""
    gains = [-0.2, 0.35] * 7
    assert told(gains, list(range(14))) is USUAL
    many = [gain for gain in gains for _ in range(5)]
    assert told(many, [group for group in range(14) for _ in range(5)]) is USUAL
    assert told(many, list(range(70))) is OTHER  # as if all were independent


def tokens(rows: FloatArray) -> list[Tokens]:
    return [(row[None], np.ones(1, np.float32)) for row in rows]


def attended(texts: FloatArray, pictures: FloatArray, calls: list[int] | None = None) -> Attended:
    """A second stage of one token each."""

    def of_pictures(rows: np.ndarray) -> list[Tokens]:
        if calls is not None:
            calls.append(len(rows))
        return tokens(pictures[rows])

    return Attended(RUN, lambda rows: tokens(texts[rows]), of_pictures)


def test_attention_adds_what_a_search_does() -> None:
    random = np.random.default_rng(0)
    texts, pictures = (unit(random.normal(size=(n, 8))) for n in (3, DEPTH + 20))
    second = attended(texts, pictures)
    rows, shown = np.array([2, 0]), np.arange(5, DEPTH + 20)
    scores = texts[rows] @ pictures[shown].T
    whole, half = second.reranked(scores, rows, shown), second.reranked(scores, rows, shown, 0.5)
    for row, text in enumerate(rows.tolist()):
        own = tokens(texts[[text]])[0]
        added = 0.7 * attend(own, tokens(pictures[shown]), RUN.temperature)
        order = np.argsort(-scores[row])
        near, behind = order[:DEPTH], order[DEPTH:]
        assert whole[row, near] == pytest.approx((scores[row] + added)[near], abs=1e-5)
        assert half[row, near] == pytest.approx((scores[row] + added / 2)[near], abs=1e-5)
        assert whole[row, behind].max() < whole[row, near].min()
        assert second.among(rows, shown)[row] == pytest.approx(added, abs=1e-5)
    assert np.array_equal(second.reranked(scores, rows, shown, 0.0), scores)


def test_what_texts_have_in_common_is_taken_off() -> None:
    random = np.random.default_rng(0)
    texts, pictures = (unit(random.normal(size=(n, 8))) for n in (3, 9))
    usual = texts.mean(0)
    run = Attention(0.7, 0.03, bank=0.5)
    second = Attended(
        run, lambda rows: tokens(texts[rows]), lambda rows: tokens(pictures[rows]), usual
    )
    rows, shown = np.arange(3), np.arange(9)
    expected = (texts - 0.5 * usual) @ pictures.T + second.among(rows, shown)
    found = second.reranked(texts @ pictures.T, rows, shown, vectors=pictures)
    assert found == pytest.approx(expected, abs=1e-5)


def test_what_attention_gives_is_worked_out_once() -> None:
    random = np.random.default_rng(0)
    calls: list[int] = []
    texts, pictures = (unit(random.normal(size=(9, 8))) for _ in range(2))
    second = attended(texts, pictures, calls)
    rows = np.arange(9)
    for _ in range(2):
        second.among(rows[:4], rows[:6])
    second.among(rows[:4], rows[4:8])
    assert calls == [6, 2]
    second.forget()
    second.among(rows[:4], rows[:6])
    assert calls == [6, 2, 6]


@pytest.mark.parametrize("helps", [True, False], ids=["tells all", "tells of others"])
def test_attention_counts_as_much_as_it_tells(helps: bool) -> None:
    """The tokens of a picture lie near its text, or near that of another."""
    pairs, random = noisy(), np.random.default_rng(2)
    shown = pairs.texts if helps else pairs.texts[random.permutation(len(pairs.texts))]
    shown = unit(shown + 0.5 * random.normal(size=shown.shape))
    learned = learn(pairs, attended(pairs.texts, shown))
    assert learned.choice.attention == (PARTS[-1] if helps else PARTS[0])
    assert learned.choice.share > USUAL.share  # the own vectors tell nothing
    assert learned.is_better


def noisy() -> Pairs:
    """Pictures that lie where their texts do after a rotation, but for what no text says."""
    pairs = rotated(100, 12)
    noise = np.random.default_rng(7).normal(size=pairs.inputs.shape)
    return Pairs(unit(pairs.inputs + 0.6 * noise), pairs.texts, pairs.links)


def test_where_nothing_is_better_it_is_learned_as_usual() -> None:
    pairs = rotated(100, 16)
    assert learn(Pairs(pairs.texts, pairs.texts, pairs.links)).choice == USUAL


def test_what_is_held_out_has_no_part_in_how_it_is_learned() -> None:
    """Other texts for a fold's pictures change nothing of what is chosen without it."""
    pairs = rotated(100, 8)
    texts = pairs.texts.copy()
    texts[pairs.folds(0)[0]] = -1 / np.sqrt(8)
    other = Pairs(pairs.inputs, texts, pairs.links)
    tables = [table(Learner(one, Design(one.inputs, 8), 0), None, 0) for one in (pairs, other)]
    first, second = (one.values[0][:, one.known[0]] for one in tables)
    assert np.array_equal(first, second)
    assert not np.array_equal(*(one.values[1][:, one.known[1]] for one in tables))


def test_many_pictures_are_asked_among_some(monkeypatch: pytest.MonkeyPatch) -> None:
    """With limits far below a fold each link that is asked keeps its picture and its text."""
    monkeypatch.setattr(choosing, "QUERIES", 5)
    monkeypatch.setattr(choosing, "POOL", 7)
    pairs = rotated(100, 8)
    asked = choosing._asked(
        Learner(pairs, Design(pairs.inputs, 8), 0), None, np.random.default_rng(0)
    )
    for one in asked:
        assert (len(one.part.texts), len(one.part.pictures), len(one.part.links)) == (5, 7, 5)
        for picture, text in one.part.links.tolist():
            assert one.part.pictures[picture] == one.part.texts[text]  # as `rotated` links them
