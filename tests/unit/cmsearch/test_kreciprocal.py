"""k-reciprocal re-ranking against its paper, written out with sets and dictionaries."""

from __future__ import annotations

from math import exp

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmsearch.kreciprocal import k_reciprocal_distances
from cmsearch.types import FloatArray

Weights = dict[int, float]


def unit(rows: FloatArray) -> FloatArray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


class Oracle:
    """Zhong et al. 2017, with what the authors' code settles.

    Distances are squared Euclidean, each row divided by its largest; a vector is its own nearest
    neighbour and comes on top of the k; and a neighbour's set joins if it shares more than two
    thirds, where equation 5 says at least.
    """

    def __init__(self, vectors: FloatArray) -> None:
        exact = vectors.astype(np.float64)
        self.count = len(exact)
        self.distances = []
        for one in exact:
            row = [float(((one - other) ** 2).sum()) for other in exact]
            self.distances.append([value / max(row) for value in row])

    def nearest(self, one: int, k: int) -> list[int]:
        """N(p, k), equation 1, with p itself."""
        row = self.distances[one]
        return sorted(range(self.count), key=lambda other: row[other])[: k + 1]

    def reciprocal(self, one: int, k: int) -> set[int]:
        """R(p, k), equation 2."""
        return {other for other in self.nearest(one, k) if one in self.nearest(other, k)}

    def expanded(self, one: int, k: int) -> set[int]:
        """R*(p, k), equation 5."""
        own = self.reciprocal(one, k)
        expanded = set(own)
        for other in own:
            half = self.reciprocal(other, round(k / 2))
            if 3 * len(own & half) > 2 * len(half):
                expanded |= half
        return expanded

    def weights(self, one: int, k: int) -> Weights:
        """V_p, equation 7: a Gaussian kernel of the distances; the sums are the code's."""
        found = {other: exp(-self.distances[one][other]) for other in self.expanded(one, k)}
        return {other: value / sum(found.values()) for other, value in found.items()}

    def averaged(self, one: int, k1: int, k2: int) -> Weights:
        """Local query expansion, equation 11: the mean over the k2 nearest, itself among them."""
        near = [self.weights(other, k1) for other in self.nearest(one, k2 - 1)]
        return {
            other: sum(weights.get(other, 0.0) for weights in near) / len(near)
            for other in range(self.count)
        }

    def answer(self, k1: int, k2: int, share: float) -> list[float]:
        """d*, equations 10 and 12, of the first vector to the others."""
        query = self.averaged(0, k1, k2)
        found = []
        for other in range(1, self.count):
            weights = self.averaged(other, k1, k2)
            smaller = sum(min(query[place], weights[place]) for place in query)
            larger = sum(max(query[place], weights[place]) for place in query)
            jaccard = 1 - smaller / larger
            found.append((1 - share) * jaccard + share * self.distances[0][other])
        return found


@given(
    st.integers(0, 2**32 - 1),
    st.integers(2, 24),
    st.integers(1, 12),
    st.integers(1, 6),
    st.sampled_from([0.0, 0.3, 1.0]),
)
def test_distances_are_those_of_the_paper(
    seed: int, count: int, k1: int, k2: int, share: float
) -> None:
    """Also where there are fewer vectors than k1."""
    vectors = unit(np.random.default_rng(seed).normal(size=(count, 8)))
    found = k_reciprocal_distances(vectors, k1=k1, k2=k2, share=share)
    expected = Oracle(vectors).answer(min(k1, count - 1), k2, share)
    assert found.shape == (count - 1,)
    assert found == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("seed", range(3))
def test_the_papers_own_parameters(seed: int) -> None:
    """k1 = 20, k2 = 6 and λ = 0.3, on 40 vectors in four groups."""
    random = np.random.default_rng(seed)
    centres = np.repeat(random.normal(size=(4, 16)), 10, axis=0)
    vectors = unit(centres + 0.6 * random.normal(size=(40, 16)))
    assert k_reciprocal_distances(vectors) == pytest.approx(
        Oracle(vectors).answer(20, 6, 0.3), abs=1e-4
    )


def test_the_expansion_is_put_to_use() -> None:
    """The oracle would say if the two thirds were never met, or always."""
    random = np.random.default_rng(0)
    oracle = Oracle(unit(random.normal(size=(30, 4))))
    grown = [oracle.expanded(one, 10) > oracle.reciprocal(one, 10) for one in range(30)]
    assert any(grown) and not all(grown)


def test_all_of_the_original_distance_is_the_first_stage() -> None:
    vectors = unit(np.random.default_rng(1).normal(size=(12, 6)))
    found = k_reciprocal_distances(vectors, share=1.0)
    plain = 2 - 2 * vectors[1:] @ vectors[0]
    assert found == pytest.approx(plain / plain.max(), abs=1e-5)


def test_a_related_vector_overtakes_a_nearer_stranger() -> None:
    """The stranger is as near as the farthest of the query's group, but has friends of its own."""
    group = [[1, 0.05 * place, 0] for place in range(5)]
    strangers = [[1, 0, 0.19 + 0.01 * place] for place in range(5)]
    vectors = unit(np.array([*group, *strangers]))
    cosines = vectors[1:] @ vectors[0]
    assert cosines[4] > cosines[3]  # the nearest stranger, and the farthest of the group
    found = k_reciprocal_distances(vectors, k1=4, k2=2)
    assert found[3] < found[4]


def test_copies_of_the_query_are_the_nearest() -> None:
    random = np.random.default_rng(2)
    others = unit(random.normal(size=(30, 8)))
    vectors = np.concatenate([others[:1].repeat(4, axis=0), others[1:]])
    found = k_reciprocal_distances(vectors)
    assert found[:3] == pytest.approx(np.zeros(3), abs=1e-4)
    assert found[3:].min() > 0.01


def test_one_candidate_has_a_distance() -> None:
    assert np.isfinite(k_reciprocal_distances(np.eye(2, dtype=np.float32))).all()
