"""Measure labels and choices against what captions name, and fit their confidences.

    python -m scripts.bench.labels FOLDER [--store DIR] [--fit]

FOLDER is indexed, has `captions.jsonl`, and `manifest.jsonl` with the `split` of each picture. A
label is true of a picture if any of its captions names it. `--fit` prints the constants of
`cmsearch.annotate.zero_shot` as fitted on the train2017 half alone.
"""

from __future__ import annotations

import argparse
import json
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import cmsearch
from cmsearch.annotate import questions, zero_shot
from cmsearch.annotate.annotation import serving
from cmsearch.annotate.zero_shot import BY_COSINE, WITH_REGIONS, Label, Labeller, probabilities
from cmsearch.search.engine import Engine
from cmsearch.store.catalog import items
from cmsearch.types import Filter, FloatArray, Item, Modality

Truth = NDArray[np.bool_]

CLASSES = {
    "dog": r"(?<!hot )(?:dogs?|pupp(?:y|ies))",
    "cat": r"cats?|kittens?",
    "bear": r"bears?",
    "baseball": r"baseball",
    "pizza": r"pizzas?",
    "cake": r"cakes?|cupcakes?",
    "snow": r"snow\w*|skis?|skiing|skiers?",
    "beach": r"beach(?:es)?|ocean|sea|shore|surf\w*|sand",
    "computer": r"computers?|laptops?|keyboards?",
    "bed": r"beds?|bedrooms?",
    "bathroom": r"bathrooms?|toilets?|restrooms?",
    "kitchen": r"kitchens?|stoves?|ovens?",
    "train": r"trains?",
    "bus": r"bus|buses",
    "truck": r"trucks?",
    "skateboard": r"skateboard\w*|skaters?",
    "vegetables": r"vegetables?|broccoli|carrots?|veggies",
    "fruit": r"fruits?|apples?|bananas?|oranges",
    "street": r"streets?|roads?",
    "flowers": r"flowers?",
}
"""Labels with the words by which captions name them; each names at least 4 of the 159 pictures."""

QUESTIONS = {
    "What animal is in the picture?": {
        "dog": CLASSES["dog"],
        "cat": CLASSES["cat"],
        "bear": CLASSES["bear"],
        "sheep": r"sheep|lambs?",
        "bird": r"birds?|vultures?|canary|geese|ducks?",
        "giraffe": r"giraffes?",
        "elephant": r"elephants?",
        "zebra": r"zebras?",
        "cow": r"cows?|cattle",
        "horse": r"horses?",
    },
    "Which room is it?": {
        "kitchen": CLASSES["kitchen"],
        "bathroom": CLASSES["bathroom"],
        "bedroom": CLASSES["bed"],
        "living room": r"living|couch|sofa",
        "office": r"offices?|desks?|cubicle",
    },
    "What vehicle is there?": {
        "train": CLASSES["train"],
        "bus": CLASSES["bus"],
        "truck": CLASSES["truck"],
        "motorcycle": r"motorcycles?|motorbikes?",
        "bicycle": r"bicycles?|bikes?",
        "boat": r"boats?|ships?",
        "airplane": r"airplanes?|planes?|jets?",
        "car": r"cars?",
    },
    "What sport is it?": {
        "baseball": r"baseball",
        "tennis": r"tennis",
        "skiing": r"skis?|skiing|skiers?|snowboard\w*",
        "skateboarding": CLASSES["skateboard"],
        "surfing": r"surf\w*",
        "frisbee": r"frisbee",
    },
    "What food is there?": {
        "pizza": CLASSES["pizza"],
        "cake": CLASSES["cake"],
        "vegetables": CLASSES["vegetables"],
        "fruit": CLASSES["fruit"],
        "sandwich": r"sandwich\w*|burgers?",
        "doughnut": r"donuts?|doughnuts?",
    },
}
"""Questions with choices. An answer is right if at least two of a picture's captions name it;
pictures of which they name several choices are left out."""


class Pictures:
    """The pictures of a store with their vectors, tokens and captions, and which are train2017."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self.engine = engine
        with serving(engine) as (view, encoder):
            self.view, self.encoder = view, encoder
        catalog = engine.store.catalog
        numbers = items.embedding_ids(catalog, self.view.space_id, Modality.IMAGE, None, Filter())
        stored = items.contents(catalog, numbers.tolist(), self.encoder.space.dim)
        by_number = items.of_embeddings(catalog, numbers.tolist())
        self.items: list[Item] = [by_number[number] for number in numbers.tolist()]
        self.vectors: FloatArray = np.stack([stored[one][0] for one in numbers.tolist()])
        self.tokens = [stored[one][1] for one in numbers.tolist()]
        self._captions: dict[str, list[str]] = defaultdict(list)
        for line in _lines(folder / "captions.jsonl"):
            self._captions[line["image"]].append(line["caption"].lower())
        splits = {line["file"]: line["split"] for line in _lines(folder / "manifest.jsonl")}
        train = np.array([splits[one.path] == "train2017" for one in self.items])
        self.halves = {"train2017": train, "val2017": ~train, "all": np.ones_like(train)}

    def truth(self, named: Mapping[str, str], times: int) -> Truth:
        """Which labels `(n, l)` at least so many captions of each picture name."""
        patterns = [re.compile(rf"\b(?:{words})\b") for words in named.values()]
        rows = [self._captions[item.path] for item in self.items]
        return np.array(
            [[sum(bool(one.search(text)) for text in row) >= times for one in patterns]
             for row in rows]
        )  # fmt: skip

    @cache  # noqa: B019  # one set of pictures lives as long as the process
    def asked(self, question: str) -> Labeller:
        return self.labeller(list(QUESTIONS[question]), question)

    def labeller(self, names: Sequence[str], context: str = "") -> Labeller:
        labels = [Label(name) for name in names]
        return Labeller(self.engine.store, self.view, self.encoder, labels, context)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--store", type=Path)
    parser.add_argument("--fit", action="store_true")
    arguments = parser.parse_args()
    with cmsearch.open(arguments.store or arguments.folder) as engine:
        pictures = Pictures(engine, arguments.folder)
        labeller = pictures.labeller(list(CLASSES))
        truth = pictures.truth(CLASSES, 1)
        if arguments.fit:
            _fit(pictures, labeller, truth)
            return
        _print_labels(pictures, labeller, truth)
        _print_choices(pictures)


def average_precision(scores: FloatArray, relevant: Truth) -> float:
    """Of one ranking, by its scores `(n,)`: the mean of the precisions at the relevant ones."""
    found = relevant[np.argsort(-scores, kind="stable")]
    precision = np.cumsum(found) / np.arange(1, len(found) + 1)
    return float(precision[found].mean())


def mean_average_precision(scores: FloatArray, truth: Truth) -> float:
    """The mean over labels of the average precision with which each ranks the pictures."""
    return float(np.mean([average_precision(*one) for one in zip(scores.T, truth.T, strict=True)]))


def calibration_error(confidences: FloatArray, right: Truth) -> float:
    """The expected calibration error in ten bins of equal width (Guo et al. 2017)."""
    bins = np.minimum((10 * confidences).astype(int), 9)
    gaps = [abs(confidences[bins == one].sum() - right[bins == one].sum()) for one in range(10)]
    return float(sum(gaps) / len(confidences))


def _print_labels(pictures: Pictures, labeller: Labeller, truth: Truth) -> None:
    plain = _plain(pictures, list(CLASSES))
    scores = labeller.scores(pictures.vectors, pictures.tokens)
    confident = probabilities(labeller.logits(pictures.vectors, pictures.tokens))
    named = dict(zip(CLASSES, truth.sum(0).tolist(), strict=True))
    print(f"{len(named)} labels, of pictures named: {named}")
    prompted = labeller.cosines(pictures.vectors)
    for name, half in pictures.halves.items():
        each = [mean_average_precision(one[half], truth[half]) for one in (plain, prompted, scores)]
        print(
            f"{name:10} {half.sum():3} pictures  mAP: cosine {each[0]:.3f}  "
            f"prompts averaged {each[1]:.3f}  labels {each[2]:.3f}"
        )
    for name, half in pictures.halves.items():
        flat, right = confident[half].ravel(), truth[half].ravel()
        sure = flat >= 0.5
        print(
            f"{name:10} calibration error {calibration_error(flat, right):.3f}  at confidence 0.5: "
            f"{sure.sum()} labels, precision {right[sure].mean():.2f}, "
            f"recall {right[sure].sum() / right.sum():.2f}; all in one ranking: AP "
            f"{average_precision(scores[half].ravel(), right):.3f} without hubness, "
            f"{average_precision(flat, right):.3f} with"
        )
    singles = zip(CLASSES, scores.T, truth.T, strict=True)
    rows = [f"{name} {average_precision(own, true):.2f}" for name, own, true in singles]
    print(f"average precision: {', '.join(rows)}")


def _plain(pictures: Pictures, names: Sequence[str]) -> FloatArray:
    """Cosines with the bare names."""
    cosines: FloatArray = pictures.vectors @ pictures.engine.embed(list(names)).T
    return cosines


def _print_choices(pictures: Pictures) -> None:
    for context in (True, False):
        print(f"questions, {'in' if context else 'not in'} the prompts:")
        answers = [_answers(pictures, one, context) for one in QUESTIONS]
        for name in pictures.halves:
            given, true = (np.concatenate([one[name][i] for one in answers]) for i in (0, 1))
            sure = np.concatenate([one[name][2] for one in answers])
            none = np.concatenate([one[name][3] for one in answers])
            right = given == true
            print(
                f"{name:10} {len(given)} answers, right {right.mean():.3f}; of {(~none).sum()} "
                f"with a choice {right[~none].mean():.3f}; none of these: precision "
                f"{none[given == -1].mean():.3f}, recall {(given == -1)[none].mean():.3f}; "
                f"calibration error {calibration_error(sure, right):.3f}"
            )


def _answers(
    pictures: Pictures, question: str, context: bool
) -> dict[str, tuple[NDArray[np.int64], NDArray[np.int64], FloatArray, Truth]]:
    """By half: the answers, the right ones (-1 for none), the confidences, whether it is none."""
    labeller = pictures.labeller(list(QUESTIONS[question]), question if context else "")
    truth = pictures.truth(QUESTIONS[question], 2)
    shares = questions.joint(labeller.logits(pictures.vectors, pictures.tokens))
    given = np.where(shares.argmax(1) == truth.shape[1], -1, shares.argmax(1))
    true = np.where(truth.any(1), truth.argmax(1), -1)
    clear = truth.sum(1) <= 1
    found = {}
    for name, half in pictures.halves.items():
        kept = half & clear
        found[name] = given[kept], true[kept], shares.max(1)[kept], true[kept] == -1
    return found


def _fit(pictures: Pictures, labeller: Labeller, truth: Truth) -> None:
    """Logistic regression of what is true on a label's score and hubness, by Newton's method."""
    train = pictures.halves["train2017"]
    count = len(pictures.items)
    usual = float(labeller.hubness.mean())
    hubness = (count * labeller.hubness + zero_shot.USUAL * usual) / (count + zero_shot.USUAL)
    print(f"usual {usual:.2f}")
    none = [(tokens[:0], weights[:0]) for tokens, weights in pictures.tokens]
    for name, tokens in (("with regions", pictures.tokens), ("by cosine", none)):
        scores = labeller.scores(pictures.vectors, tokens)[train]
        features = np.stack([scores.ravel(), np.tile(hubness, len(scores)), np.ones(scores.size)])
        weights = np.zeros(3)
        for _ in range(50):
            shares = 1 / (1 + np.exp(-weights @ features))
            gradient = features @ (shares - truth[train].ravel()) + 1e-3 * weights
            hessian = features * (shares * (1 - shares)) @ features.T + 1e-3 * np.eye(3)
            weights -= np.linalg.solve(hessian, gradient)
        slope, against, offset = weights
        print(f"{name}: slope {slope:.2f}, hubness {-against:.2f}, offset {offset:.2f}")
    print(f"now: {WITH_REGIONS}, {BY_COSINE}, {questions.NONE}, {questions.TEMPERATURE}")
    _fit_choices(pictures)


def _fit_choices(pictures: Pictures) -> None:
    """The log-odds of none and the temperature with the least log-loss, by a grid."""
    loss = {}
    for none, temperature in product(np.arange(-3, 2.1, 0.25), (0.5, 0.75, 1.0, 1.25, 1.5)):
        questions.NONE, questions.TEMPERATURE = float(none), float(temperature)
        loss[none, temperature] = _log_loss(pictures)
    none, temperature = min(loss, key=loss.__getitem__)
    print(f"choices: none {none:.2f}, temperature {temperature:.2f}")


def _log_loss(pictures: Pictures) -> float:
    train = pictures.halves["train2017"]
    found = []
    for question, named in QUESTIONS.items():
        truth = pictures.truth(named, 2)
        kept = train & (truth.sum(1) <= 1)
        labeller = pictures.asked(question)
        shares = questions.joint(labeller.logits(pictures.vectors, pictures.tokens))[kept]
        right = np.where(truth.any(1), truth.argmax(1), truth.shape[1])[kept]
        found.append(-np.log(shares[np.arange(len(right)), right]))
    return float(np.concatenate(found).mean())


def _lines(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


if __name__ == "__main__":
    main()
