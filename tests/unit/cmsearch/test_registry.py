"""The names by which models and plug-ins go."""

from __future__ import annotations

from pathlib import Path

import pytest

from cmsearch import registry as registries
from cmsearch.errors import UnknownModelError
from cmsearch.media.readers import make_reader, readers
from cmsearch.models.names import SHORT_NAMES, canonical_name
from cmsearch.models.plugins import encoders, rerankers
from cmsearch.models.spaces import model_name
from cmsearch.registry import Registry
from cmsearch.store.index.plugins import indexes
from cmsearch.types import Space

LAION = "open_clip:ViT-B-32/laion2b_s34b_b79k"


@pytest.mark.parametrize(
    "name",
    [
        "ViT-B-32/laion2b_s34b_b79k",
        "open_clip:ViT-B-32/laion2b_s34b_b79k",
        "open_clip/ViT-B-32/laion2b_s34b_b79k",
        "ViT-B-32__laion2b-s34b-b79k",
        "ViT-B-32__laion2b_s34b_b79k",
        "ViT-B-32::laion2b_s34b_b79k",
        "open_clip:ViT-B-32::laion2b-s34b-b79k",
        "open_clip:ViT-B-32__laion2b-s34b-b79k",
        "ViT-B-32/LAION2B_s34B_b79K",
        "  ViT-B-32/laion2b_s34b_b79k\n",
    ],
)
def test_one_model_has_one_name(name: str) -> None:
    assert canonical_name(name) == LAION


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("lite", "lite"),
        ("lite:", "lite"),
        ("clip", SHORT_NAMES["clip"]),
        ("best", SHORT_NAMES["best"]),
        ("hf-hub:timm/ViT-B-16-SigLIP2", "open_clip:hf-hub:timm/ViT-B-16-SigLIP2"),
        ("open_clip:hf-hub:timm/ViT-B-16-SigLIP2", "open_clip:hf-hub:timm/ViT-B-16-SigLIP2"),
        ("open_clip/hf-hub:timm/ViT-B-16-SigLIP2", "open_clip:hf-hub:timm/ViT-B-16-SigLIP2"),
        ("hf-hub: org/repo__with__marks", "open_clip:hf-hub:org/repo__with__marks"),
        ("ViT-B-32-quickgelu/openai", "open_clip:ViT-B-32-quickgelu/openai"),
    ],
)
def test_canonical_names(name: str, expected: str) -> None:
    assert canonical_name(name) == expected


@pytest.mark.parametrize("name", SHORT_NAMES.values())
def test_short_names_stand_for_canonical_ones(name: str) -> None:
    assert canonical_name(name) == name


@pytest.mark.parametrize("place", ["model", "./model", "a/../model"])
def test_a_local_directory_is_made_absolute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.chdir(tmp_path)
    expected = f"open_clip:local-dir:{tmp_path.resolve() / 'model'}"
    for name in (f"local-dir:{place}", f"open_clip:local-dir:{place}", f"local-dir: {place} "):
        assert canonical_name(name) == expected


def test_a_local_directory_may_be_at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    expected = f"open_clip:local-dir:{tmp_path.resolve() / 'model'}"
    assert canonical_name("local-dir:~/model") == expected


@pytest.mark.parametrize("name", ["org/name", "org/Name-2_b.c", "name", " org/name "])
def test_a_model_of_transformers_is_named_as_on_the_hub(name: str) -> None:
    assert canonical_name(f"transformers:{name}") == f"transformers:{name.strip()}"


@pytest.mark.parametrize("place", ["./model", "../{0}/model", "~/model", "{1}/a/../model"])
def test_a_folder_of_transformers_is_made_absolute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    expected = f"transformers:{tmp_path.resolve() / 'model'}"
    place = place.format(tmp_path.name, tmp_path)
    assert canonical_name(f"transformers:{place}") == expected
    assert canonical_name(expected) == expected


@pytest.mark.parametrize("path", ["a.pt", "./B-C.pt", "runs/a.pt", "my__own.pt", "runs/1::2.pt"])
@pytest.mark.parametrize("separator", ["/", "::", "__"])
def test_a_checkpoint_is_made_absolute_and_keeps_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, separator: str
) -> None:
    monkeypatch.chdir(tmp_path)
    expected = f"open_clip:ViT-B-32/{(tmp_path / path).resolve()}"
    assert canonical_name(f"ViT-B-32{separator}{path}") == expected
    assert canonical_name(expected) == expected


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        "ViT-B-32",
        "ViT-B-32/",
        "/laion2b",
        "open_clip",
        "open_clip:",
        "open_clip:ViT-B-32",
        "nonsense",
        "nonsense:word",
        "hf-hub:",
        "hf-hub: ",
        "local-dir:",
        "local-dir:~there_is_no_such_user/model",
        "transformers",
        "transformers: ",
        "transformers:org/",
        "transformers:a/b/c",
        "transformers:a b",
        "transformers:~there_is_no_such_user/model",
    ],
)
def test_unknown_names(name: str) -> None:
    with pytest.raises(UnknownModelError):
        canonical_name(name)


@pytest.mark.parametrize("name", ["lite", LAION, "open_clip:hf-hub:org/repo", "transformers:a/b"])
def test_a_space_knows_the_name_of_its_model(name: str) -> None:
    encoder, _, model = name.partition(":")
    assert model_name(Space(encoder, model, "0", "", 4)) == name


@pytest.mark.parametrize(
    "registry", [encoders, indexes, readers, rerankers], ids=lambda one: one.group
)
def test_every_row_can_be_imported(registry: Registry) -> None:
    assert all(callable(registry.load(name)) for name in registry.rows())


def test_for_a_built_in_name_no_package_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "lite" in encoders
    assert "nothing" not in encoders
    monkeypatch.setattr(registries, "_points", lambda _: pytest.fail("packages were looked at"))
    assert "lite" in encoders
    assert canonical_name("lite") == "lite"


def test_a_name_that_is_not_there() -> None:
    with pytest.raises(KeyError):
        indexes.load("nothing")


@pytest.mark.parametrize("kind", readers.rows())
def test_readers_are_made_by_their_kind(kind: str) -> None:
    assert all(suffix.startswith(".") for suffix in make_reader(kind).suffixes)
