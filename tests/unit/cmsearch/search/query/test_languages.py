"""A query in another language than English is told, and one in English is left alone."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import pytest

import cmsearch
from cmsearch.commands.finding import found_by
from cmsearch.models.choices import find, for_many_languages, short_name
from cmsearch.search.query.languages import OTHER, advice, language_of
from cmsearch.types import Query, QueryPart

OTHERS = {
    "zwei Kinder spielen mit einem Ball": "German", "Katze auf dem Sofa": "German",
    "deux enfants avec un ballon": "French", "une vieille voiture devant la maison": "French",
    "dos niños con una pelota": "Spanish", "un perro en la playa": OTHER,
    "un cane sulla spiaggia": "Italian", "um cachorro na praia": "Portuguese",
    "een hond op het strand": "Dutch", "två barn med en boll": "Swedish",
    "kot śpi na kanapie obok psa": "Polish", "sahilde bir köpek": "Turkish",
    "seekor anjing di pantai": "Indonesian or Malay", "một con chó trên bãi biển": "Vietnamese",
    "собака на пляже": "a language in Cyrillic letters", "кот": "a language in Cyrillic letters",
    "海滩上的狗": "Chinese", "犬": "Chinese", "ビーチの犬": "Japanese", "강아지": "Korean",
    "كلب على الشاطئ": "Arabic", "חתול": "Hebrew", "समुद्र तट": "Hindi", "σκύλος": "Greek",
    "สุนัข": "Thai",
}  # fmt: skip
ENGLISH = (
    "dog", "strand", "pasta", "café au lait", "crème brûlée", "piñata and jalapeño", "coq au vin",
    "Big Sur", "los angeles", "rio de janeiro", "Plaza de la Reina", "día de los muertos",
    "Notre Dame de Paris", "Unter den Linden", "Vincent van Gogh", "doppelgänger", "Una Stubbs",
    "penne alla vodka", "med student", "para athlete", "con artist", "club med",
    "a man is in a van",
    "T-shirt with 東京 on it", "π", "Ω symbol", "IMG 1234", "", "?!", "…", "MIT campus", "pod bay",
    "vis-à-vis", "uno cards on the table", "met gala", "op art", "till dawn", "sous vide salmon",
)  # fmt: skip


@pytest.mark.parametrize("text", OTHERS)
def test_other_languages_are_told(text: str) -> None:
    assert language_of(text) == OTHERS[text]


@pytest.mark.parametrize("text", ENGLISH)
def test_english_and_names_are_left_alone(text: str) -> None:
    assert language_of(text) is None


@pytest.mark.parametrize("name", ["background_captions.txt", "bare_places.txt"])
def test_no_caption_and_no_place_is_taken_for_another_language(name: str) -> None:
    lines = files("cmsearch.search.query").joinpath(name).read_text().splitlines()
    assert len(lines) > 100
    assert [line for line in lines if language_of(line)] == []


def test_a_search_says_which_model_was_made_for_the_language(sample: Path) -> None:
    with cmsearch.open(sample) as engine:
        german = Query((QueryPart("ein Hund und eine Katze"),))
        told = found_by(engine, german, {"k": 1}).advice
        assert "seems to be German" in told and "--model best" in told and "lite was" in told
        assert found_by(engine, Query((QueryPart("a dog and a cat"),)), {"k": 1}).advice == ""
        assert advice((QueryPart("犬"), QueryPart("dog")), engine.spaces)


def test_nothing_is_said_of_models_that_nobody_knows(tmp_path: Path, fake_model: str) -> None:
    from indexer import Indexer
    from tests.builders import write_picture

    write_picture(tmp_path / "red.png", "red")
    Indexer(tmp_path, model=fake_model).run()
    with cmsearch.open(tmp_path) as engine:
        assert advice((QueryPart("ein Hund und eine Katze"),), engine.spaces) == ""


def test_the_model_for_many_languages_has_a_short_name() -> None:
    model = for_many_languages()
    assert model.languages == "multilingual" and find(model.name) is model
    assert short_name(model.name) == "best"
