"""Models of sentence-transformers give the vectors that the library and transformers give.

All that imports that library, which takes seconds, is tested in this module.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from PIL import Image

import cmsearch
from cmsearch.errors import (
    MediaError,
    ModelError,
    ModelUnavailableError,
    QueryError,
    StoreMismatchError,
    UnknownModelError,
)
from cmsearch.media.readers import make_reader
from cmsearch.models import choices
from cmsearch.models.encoders.st import load
from cmsearch.models.encoders.st_inputs import Form
from cmsearch.models.loading import load_encoder, load_reranker
from cmsearch.models.names import at_dim, canonical_name
from cmsearch.models.sentence_folders import wanted_weights, with_dim
from cmsearch.protocols import Encoder, Reranker
from cmsearch.search.rank.second_stage import Ranking
from cmsearch.store.inventory import take_inventory
from cmsearch.store.store import Store
from cmsearch.types import (
    Candidates,
    EncodedQuery,
    FloatArray,
    Item,
    Modality,
    Part,
    Query,
    QueryPart,
    Reading,
    Role,
)
from indexer import Indexer
from indexer.doctor import examine
from indexer.report import Report
from indexer.sounds import heard
from tests import sounds
from tests.checkpoints import write_clap, write_cross, write_gemma2
from tests.commands import called, python
from tests.conftest import checkpoint, shared
from tests.contract.test_encoder import (  # noqa: F401 - they are run here too
    test_a_vector_does_not_depend_on_its_batch,
    test_every_part_of_a_long_text_matters,
    test_split_loses_nothing_and_keeps_short_texts,
    test_the_space_survives_json_and_loads_the_same_encoder,
    test_threads_get_what_one_gets,
    test_vectors_are_unit_float32_rows_of_the_space,
)
from tests.films import film

EVERYTHING = {Modality.TEXT, Modality.IMAGE, Modality.SOUND, Modality.VIDEO}
RATE = 16_000
CLOSE = 1e-4


@pytest.fixture(scope="module")
def folder() -> Path:
    return shared("tiny-gemma2", write_gemma2)


@pytest.fixture(scope="module")
def encoder(folder: Path) -> Encoder:
    return load_encoder(f"sentence-transformers:{folder}")


@pytest.fixture(autouse=True)
def no_progress() -> Iterator[None]:
    """The bars that transformers shows would be mixed with what pytest says."""
    transformers.utils.logging.disable_progress_bar()
    yield
    transformers.utils.logging.enable_progress_bar()


def pictures(count: int = 3, size: tuple[int, int] = (60, 40)) -> list[Image.Image]:
    random = np.random.default_rng(0)
    return [Image.fromarray(random.integers(0, 256, (*size, 3), np.uint8)) for _ in range(count)]


def contents(modality: Modality, rate: int = RATE) -> list[Any]:
    random = np.random.default_rng(1)
    sounds = [random.uniform(-1, 1, int(n * rate)).astype(np.float32) for n in (1, 2.5)]
    return {
        Modality.TEXT: ["a cat", "two dogs run", "köln"],
        Modality.IMAGE: [*pictures(), *pictures(1, (90, 30))],
        Modality.SOUND: sounds,
        Modality.VIDEO: [tuple(pictures()), tuple(pictures(1))],
    }[modality]


def encoded(
    encoder: Encoder, modality: Modality, some: list[Any], role: Role = Role.DOCUMENT
) -> FloatArray:
    batch = [encoder.prepare(one, modality) for one in some]
    return encoder.encode(batch, modality, role).vectors


def unit(rows: Any) -> FloatArray:
    found = np.asarray(rows, np.float32)
    return found / np.linalg.norm(found, axis=1, keepdims=True)  # type: ignore[no-any-return]


def of_transformers(folder: Path, modality: Modality, content: Any) -> FloatArray:
    """The mean of the last states that transformers' own classes give, at unit length `(1, n)`."""
    processor = transformers.AutoProcessor.from_pretrained(folder)
    model = transformers.EmbeddingGemma2Model.from_pretrained(folder).eval()
    names = {"text": "text", "image": "images", "sound": "audio", "video": "videos"}
    frames = {"videos_kwargs": {"do_sample_frames": False}} if modality is Modality.VIDEO else {}
    given = list(content) if modality is Modality.VIDEO else content
    inputs = processor(**{names[modality]: [given]}, **frames, return_tensors="pt")
    mask = inputs["attention_mask"]
    known = {name: value for name, value in inputs.items() if not name.startswith("num_soft")}
    with torch.no_grad():
        states = model(**known).last_hidden_state
    return unit((states * mask[..., None]).sum(1) / mask.sum(1, keepdim=True))


@pytest.mark.parametrize("modality", sorted(EVERYTHING))
def test_vectors_are_those_of_transformers_and_of_the_library(
    encoder: Encoder, folder: Path, modality: Modality
) -> None:
    from sentence_transformers import SentenceTransformer

    own = encoded(encoder, modality, contents(modality))
    model = SentenceTransformer(str(folder), device="cpu")
    for row, content in zip(own, contents(modality), strict=True):
        given = content
        if modality is Modality.SOUND:
            given = {"array": content, "sampling_rate": RATE}
        elif modality is Modality.VIDEO:
            given = {"array": list(content), "video_metadata": None}
        kwargs = {"video": {"do_sample_frames": False}}
        theirs = unit(model.encode([given], processing_kwargs=kwargs))[0]
        assert np.abs(row - theirs).max() < CLOSE
        assert np.abs(row - of_transformers(folder, modality, content)[0]).max() < CLOSE


def test_it_says_what_the_model_takes(encoder: Encoder) -> None:
    capabilities = encoder.capabilities
    assert capabilities.modalities == EVERYTHING
    assert (capabilities.rate, capabilities.seconds) == (RATE, 30.0)
    assert capabilities.image_size == 401  # a square of 70 soft tokens of 3 x 3 patches of 16
    assert encoder.space.dim == 24


@pytest.mark.parametrize("modality", sorted(EVERYTHING))
def test_a_shorter_vector_is_cut_and_normalised(
    encoder: Encoder, folder: Path, modality: Modality
) -> None:
    shorter = load_encoder(f"sentence-transformers:{folder}@8")
    assert (shorter.space.dim, shorter.space.model) == (8, f"{folder}@8")
    assert shorter.space != encoder.space
    own, whole = (encoded(one, modality, contents(modality)) for one in (shorter, encoder))
    assert np.abs(own - unit(whole[:, :8])).max() < 1e-6
    assert load_encoder(f"sentence-transformers:{folder}@8", space=shorter.space).space.dim == 8


def test_dimensions_that_a_model_cannot_have_are_refused(folder: Path) -> None:
    with pytest.raises(ModelError, match=r"have 24 numbers, so its dimension can't be 25"):
        load(f"{folder}@25")
    with pytest.raises(UnknownModelError, match="0 is no dimension"):
        canonical_name("sentence-transformers:org/name@0")
    assert with_dim("a@b/c") == ("a@b/c", None)
    name = "sentence-transformers:org/name"
    assert at_dim(name, None) == name
    assert at_dim(name, 8) == at_dim(f"{name}@8", 8) == f"{name}@8"
    for model in (None, "lite", "auto"):
        with pytest.raises(UnknownModelError, match="--dim is for Matryoshka models"):
            at_dim(model, 8)
    with pytest.raises(UnknownModelError, match="Give one"):
        at_dim(f"{name}@8", 16)


def test_texts_are_never_addresses(encoder: Encoder, folder: Path, tmp_path: Path) -> None:
    """The library reads, and fetches, pictures that a text looks like the address of."""
    pictures()[0].save(tmp_path / "a.png")
    for text in (str(tmp_path / "a.png"), "http://127.0.0.1:9/a.png", "data:image/png;base64,AA"):
        own = encoded(encoder, Modality.TEXT, [text])
        assert np.abs(own - of_transformers(folder, Modality.TEXT, text)).max() < CLOSE


def test_marks_of_media_in_a_text_stand_for_nothing(encoder: Encoder) -> None:
    found = encoded(encoder, Modality.TEXT, ["<|image|> a cat <|audio|> <|video|>", "a cat"])
    assert np.isfinite(found).all()


@pytest.mark.parametrize(
    ("modality", "some"),
    [
        (Modality.IMAGE, [Image.new("RGB", size) for size in ((1, 1), (1, 3000), (3000, 2))]),
        (Modality.SOUND, [np.zeros(1, np.float32), np.ones(RATE // 2, np.float32)]),
        (Modality.VIDEO, [tuple(pictures(40))]),  # more than the context has room for
    ],
)
def test_odd_media_have_vectors(encoder: Encoder, modality: Modality, some: list[Any]) -> None:
    found = encoded(encoder, modality, some)
    assert np.linalg.norm(found, axis=1) == pytest.approx(np.ones(len(some)), abs=1e-5)
    alone = np.concatenate([encoded(encoder, modality, [one]) for one in some])
    assert np.abs(found - alone).max() < 1e-5


def test_what_is_nearest_to_a_film_has_fewer_pictures_or_the_only_one_twice() -> None:
    taken = Form((Modality.VIDEO,), image_size=64, rate=0, seconds=0.0, marks=())
    for count, tried in ((1, [1, 2]), (2, [2, 1]), (5, [5, 3, 2, 1])):
        given = taken.given(tuple(pictures(count)), Modality.VIDEO)
        assert [len(one["video"]["array"]) for one in taken.nearest(given)] == tried


def test_queries_and_documents_have_their_prompts(tmp_path: Path, folder: Path) -> None:
    shutil.copytree(folder, tmp_path / "model")
    prompts = {"query": "a dog: ", "document": "a photo: "}
    write_modules(tmp_path / "model", prompts=prompts)
    encoder = load(str(tmp_path / "model"))
    plain = load(str(folder))
    for role, prompt in ((Role.QUERY, "a dog: "), (Role.DOCUMENT, "a photo: ")):
        own = encoded(encoder, Modality.TEXT, ["a cat"], role)
        assert np.abs(own - encoded(plain, Modality.TEXT, [f"{prompt}a cat"])).max() < CLOSE
    assert plain.space.recipe != encoder.space.recipe
    assert plain.space.weights == encoder.space.weights


def write_modules(folder: Path, kind: str = "Transformer", **config: Any) -> None:
    """Make a folder of transformers one of the library, with a pooling of the mean."""
    name = "sentence_transformers.sentence_transformer.modules"
    types = (
        kind if "." in kind else f"sentence_transformers.base.modules.{kind}",
        f"{name}.Pooling",
    )
    listed = [
        {"idx": number, "name": str(number), "path": path, "type": one}
        for number, (one, path) in enumerate(zip(types, ("", "1_Pooling"), strict=True))
    ]
    (folder / "modules.json").write_text(json.dumps(listed))
    (folder / "config_sentence_transformers.json").write_text(json.dumps(config))
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling/config.json").write_text(
        json.dumps({"embedding_dimension": 16, "pooling_mode": "mean"})
    )
    names = ("text", "image", "audio", "video")
    how = {"method": "forward", "method_output_name": "last_hidden_state"}
    (folder / "sentence_bert_config.json").write_text(
        json.dumps(
            {
                "transformer_task": "feature-extraction",
                "modality_config": dict.fromkeys(names, how),
                "module_output_name": "token_embeddings",
            }
        )
    )


def test_changed_weights_are_another_space(tmp_path: Path, folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    changed = tmp_path / "model"
    shutil.copytree(folder, changed)
    before = load(str(changed)).space
    weights = load_file(changed / "model.safetensors")
    weights["language_model.norm.weight"] += 1
    save_file(weights, changed / "model.safetensors", {"format": "pt"})
    with pytest.raises(StoreMismatchError, match="are not those that the index was made with"):
        load(str(changed), space=before)


def _without_weights(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def _foreign_module(folder: Path) -> None:
    write_modules(folder, "custom_st.Transformer")
    (folder / "custom_st.py").write_text("raise SystemExit('code of a model was run')")


def _odd_module(folder: Path) -> None:
    write_modules(folder, "BoW")


def _outside(folder: Path) -> None:
    write_modules(folder)
    listed = json.loads((folder / "modules.json").read_text())
    listed[1]["path"] = "../1_Pooling"
    (folder / "modules.json").write_text(json.dumps(listed))


def _foreign_model(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    config |= {"model_type": "jina_clip", "auto_map": {"AutoModel": "modeling.JinaCLIPModel"}}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "modeling.py").write_text("raise SystemExit('code of a model was run')")


def _lacking(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    del weights["language_model.norm.weight"]
    save_file(weights, folder / "model.safetensors", {"format": "pt"})


def _no_json(folder: Path) -> None:
    (folder / "modules.json").write_text("[")


@pytest.mark.parametrize(
    ("damage", "kind", "words"),
    [
        (_without_weights, ModelUnavailableError, "pytorch_model.bin, a format that may hold code"),
        (_foreign_module, ModelError, "custom_st.Transformer.*never run here"),
        (_foreign_model, ModelError, "modeling.JinaCLIPModel.*never run here"),
        (_odd_module, ModelError, "has a module BoW, which isn't taken"),
        (_outside, ModelUnavailableError, "outside of it"),
        (_lacking, ModelUnavailableError, "weights of .* are incomplete"),
        (_no_json, ModelUnavailableError, r"modules\.json can't be read"),
    ],
)
def test_models_that_are_not_loaded(
    damage: Callable[[Path], None],
    kind: type[ModelError],
    words: str,
    tmp_path: Path,
    folder: Path,
) -> None:
    shutil.copytree(folder, tmp_path / "model")
    damage(tmp_path / "model")
    with pytest.raises(kind, match=words):
        load(str(tmp_path / "model"))


def test_places_without_a_model_are_told(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailableError, match=r"neither modules\.json nor config\.json"):
        load(str(tmp_path))
    with pytest.raises(ModelUnavailableError, match="not on this machine"):
        load("org/name")
    with pytest.raises(UnknownModelError, match="There is no model sentence-transformers:a b"):
        canonical_name("sentence-transformers:a b")


def test_a_model_of_texts_alone_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="takes text alone"):
        load(str(write_cross(tmp_path)))


def test_the_library_is_needed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with pytest.raises(ModelUnavailableError, match=r"pip install 'cmsearch\[st\]'"):
        load(str(folder))


@pytest.mark.parametrize("device", ["abacus", "openvino", "onnx"])
def test_devices_that_torch_does_not_have_are_told(folder: Path, device: str) -> None:
    with pytest.raises(ModelError, match=f"device '{device}' can't be used: .* run in torch"):
        load(str(folder), device=device)


def test_weights_of_modules_alone_are_fetched(tmp_path: Path, folder: Path) -> None:
    """A repository may hold those of each step of a training too."""
    shutil.copytree(folder, tmp_path / "model")
    write_modules(tmp_path / "model")
    wanted = wanted_weights(tmp_path / "model")
    assert {"model.safetensors", "1_Pooling/model.safetensors"} < set(wanted)
    assert not any(one.startswith(("*", "/", ".")) for one in wanted)


@pytest.mark.parametrize("kind", ["naflex", "gemma", "clip"])
def test_two_towers_give_what_transformers_gives(kind: str) -> None:
    """Texts that aren't masked are padded as the models were trained."""
    folder = checkpoint(kind)
    encoder = load(str(folder))
    assert encoder.capabilities.modalities == {Modality.TEXT, Modality.IMAGE}
    model = transformers.AutoModel.from_pretrained(folder).eval()
    processor = transformers.AutoProcessor.from_pretrained(folder)
    texts = contents(Modality.TEXT)[:2]
    inputs = processor.tokenizer(texts, padding="max_length", max_length=24, return_tensors="pt")
    with torch.no_grad():
        read = model.get_text_features(**inputs).pooler_output
        seen = [
            model.get_image_features(**processor(images=one, return_tensors="pt")).pooler_output[0]
            for one in pictures()
        ]
    assert np.abs(encoded(encoder, Modality.TEXT, texts) - unit(read)).max() < CLOSE
    own = encoded(encoder, Modality.IMAGE, list(pictures()))
    assert np.abs(own - unit(torch.stack(seen))).max() < CLOSE


def test_sound_gives_what_transformers_gives(tiny_clap: Path) -> None:
    encoder = load(str(tiny_clap))
    assert encoder.capabilities.modalities == {Modality.TEXT, Modality.SOUND}
    own = encoded(encoder, Modality.SOUND, contents(Modality.SOUND, 48_000))
    model = transformers.ClapModel.from_pretrained(tiny_clap).eval()
    extractor = transformers.ClapFeatureExtractor.from_pretrained(tiny_clap)
    mel = extractor(contents(Modality.SOUND, 48_000), sampling_rate=48_000, return_tensors="pt")
    with torch.no_grad():
        theirs = model.get_audio_features(**mel).pooler_output
    assert np.abs(own - unit(theirs)).max() < CLOSE
    with pytest.raises(ModelError, match="but no image"):
        encoder.prepare(pictures()[0], Modality.IMAGE)


def test_of_a_batch_no_sound_is_longer_by_chance() -> None:
    """As the extractor of a CLAP that fuses parts of longer sounds would have it."""
    folder = shared("tiny-clap-fused", partial(write_clap, fused=True))
    some = contents(Modality.SOUND, 48_000) * 3
    own = encoded(load(str(folder)), Modality.SOUND, some)
    model = transformers.ClapModel.from_pretrained(folder).eval()
    extractor = transformers.ClapFeatureExtractor.from_pretrained(folder)
    mel = extractor(some, sampling_rate=48_000, return_tensors="pt")
    mel["is_longer"] = torch.zeros_like(mel["is_longer"])
    with torch.no_grad():
        theirs = model.get_audio_features(**mel).pooler_output
    assert np.abs(own - unit(theirs)).max() < CLOSE


def run(media: Path, model: str, **options: Any) -> Report:
    return Indexer(media, model=f"sentence-transformers:{model}", asr="none", **options).run()


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory, folder: Path) -> Path:
    """A folder of all media, indexed by one model; and two recordings and films to ask with."""
    place = tmp_path_factory.mktemp("st") / "media"
    place.mkdir()
    for number, picture in enumerate(pictures()):
        picture.save(place / f"{number}.png")
        (place / f"{number}.txt").write_text(f"a cat runs {number}\n")
        shown = film((("red", "green", "blue")[number],), style="matroska")
        (place / f"{number}.mkv").write_bytes(shown)
        (place / f"{number}.wav").write_bytes(sounds.wav(sounds.noise(1 + number)))
    run(place, str(folder))
    return place


def query_of(modality: Modality, place: Path) -> Query:
    content = {
        Modality.TEXT: "a cat",
        Modality.IMAGE: place / "0.png",
        Modality.SOUND: place / "0.wav",
        Modality.VIDEO: place / "0.mkv",
    }[modality]
    return Query((QueryPart(content, modality),))


@pytest.mark.parametrize("asked", sorted(EVERYTHING))
def test_one_index_has_all_media_in_one_space(media: Path, asked: Modality) -> None:
    with cmsearch.open(media) as engine:
        view = engine.store.view()
        assert view.sounds is None and set(view.indexes) == EVERYTHING
        assert set(engine.modalities) == EVERYTHING
        for target in EVERYTHING:
            hits = engine.search(query_of(asked, media), target=target.value, k=9)
            own = 0 if asked is Modality.TEXT or asked is not target else 1
            assert len(hits) == 3 - own, (asked, target)
            assert {hit.modality for hit in hits} == {target}
        mixed = engine.search(query_of(asked, media), k=20)
        assert len({hit.modality for hit in mixed}) >= 3
        relevance = [hit.relevance for hit in mixed]
        assert relevance == sorted(relevance, reverse=True)


def test_stored_vectors_are_those_of_the_model(media: Path, encoder: Encoder) -> None:
    with cmsearch.open(media) as engine:
        assert engine.space == encoder.space
        hits = engine.search("a cat", target="video", k=3) + engine.search(
            "a cat", target="sound", k=3
        )
        text = encoded(encoder, Modality.TEXT, ["a cat"], Role.QUERY)[0]
        reading = Reading(
            encoder.capabilities.image_size,
            sounds=lambda path: heard(path, encoder=encoder, note=lambda what: None),
        )
        for hit in hits:
            reader = make_reader("video" if hit.path.suffix == ".mkv" else "audio")
            (part,) = (
                one
                for one in reader.read(hit.path, reading)
                if isinstance(one, Part) and one.modality is hit.modality
            )
            own = part.content
            if hit.modality is Modality.VIDEO:
                own = encoded(encoder, Modality.VIDEO, [own])[0]
            assert hit.cosine == pytest.approx(float(own @ text), abs=2e-3)  # kept in 16 bits


def test_pictures_recordings_and_films_are_asked_with_by_their_files(media: Path) -> None:
    with cmsearch.open(media) as engine:
        for name, target in (("1.wav", "sound"), ("1.mkv", "video")):
            (hit, *_) = engine.search(image=media / name, target="image", k=1)
            assert hit.modality is Modality.IMAGE
            others = engine.search(image=media / name, target=target, k=9)
            assert {hit.path.name for hit in others} == {f"{n}{name[1:]}" for n in (0, 2)}
        (hit,) = engine.search(image=media / "1.png", target="sound", k=1)
        assert hit.modality is Modality.SOUND
        with pytest.raises(MediaError, match="can't be searched with"):
            engine.search(Query((QueryPart(media / "1.png", Modality.SOUND),)))
        with pytest.raises(QueryError, match="a path, not bytes"):
            engine.search(Query((QueryPart(b"", Modality.SOUND),)))


def test_the_command_line_asks_with_films_and_recordings(media: Path) -> None:
    """Alone, and with a text."""
    for asked in (
        ("--image", "1.mkv"),
        ("--image", "1.mkv", "--text", "a cat"),
        ("--image", "1.wav", "--text", "2:a cat"),
    ):
        own = Path(asked[1]).suffix
        for target, suffix in (("video", ".mkv"), ("sound", ".wav"), ("image", ".png")):
            options = ("--for", target, "--format", "json", "-k", "9")
            result = called("search", *asked, *options, cwd=media)
            assert result.returncode == 0, result.stderr
            sources = [json.loads(line)["source"] for line in result.stdout.splitlines()]
            assert all("@" in one for one in sources) is (suffix != ".png")
            names = {f"{number}{suffix}" for number in ((0, 2) if suffix == own else (0, 1, 2))}
            assert {one.partition("@")[0] for one in sources} == names, (asked, target)


def test_sound_is_passed_over_when_told(media: Path, tmp_path: Path, folder: Path) -> None:
    own = Path(shutil.copytree(media, tmp_path / "media"))
    assert run(own, str(folder)).unchanged == 12
    assert "sound" not in run(own, str(folder), sound="none").items
    report = run(own, str(folder))  # it goes on so
    assert (report.unchanged, report.items.get("sound")) == (12, None)
    assert run(own, str(folder), sound="model").items["sound"] == 3
    with Store(own / ".cmsearch") as store:
        assert examine(store, samples=9) == []


def test_a_shorter_model_takes_its_place_with_all_media(
    media: Path, tmp_path: Path, folder: Path
) -> None:
    own = Path(shutil.copytree(media, tmp_path / "media"))
    report = run(own, f"{folder}@8")
    assert report.waiting == 0
    with cmsearch.open(own) as engine:
        assert engine.space.dim == 8
        assert engine.sizes == dict.fromkeys(sorted(EVERYTHING, key=list(Modality).index), 3)
        assert engine.store.view().sounds is None
        assert take_inventory(engine.store).serving.dim == 8  # type: ignore[union-attr]


def test_a_model_of_sound_stands_beside_one_of_pictures(
    tmp_path: Path, tiny_clap: Path, fake_model: str
) -> None:
    (tmp_path / "a.wav").write_bytes(sounds.wav(sounds.noise(2)))
    name = f"sentence-transformers:{tiny_clap}"
    Indexer(tmp_path, model=fake_model, sound=name, asr="none").run()
    with cmsearch.open(tmp_path) as engine:
        (hit,) = engine.search("noise", target="sound")
        assert hit.path.name == "a.wav"
        assert take_inventory(engine.store).sound == name
    with pytest.raises(ModelError, match="takes no pictures"):
        Indexer(tmp_path, model=name, asr="none").run()


@pytest.fixture(scope="module")
def cross() -> Path:
    return shared("tiny-cross", write_cross)


def judged(reranker: Reranker, query: EncodedQuery, texts: Sequence[str | None]) -> FloatArray:
    items = [
        Item(n, f"{n}.txt", Modality.TEXT, "passage", text, None, "", str(n), None)
        for n, text in enumerate(texts)
    ]
    none = np.zeros(0, np.float32)
    paths = [Path(item.path) for item in items]
    candidates = Candidates(items, none, paths, vectors=lambda: none, tokens=lambda: [])
    return reranker.score(query, candidates)


def test_texts_are_judged_as_by_the_library(cross: Path, tmp_path: Path) -> None:
    from sentence_transformers import CrossEncoder

    reranker = load_reranker(f"st:{cross}")
    assert reranker.directions == {(Modality.TEXT, Modality.TEXT)}
    pictures()[0].save(tmp_path / "a.png")
    texts = ["a cat", "two dogs run", "http://127.0.0.1:9/a.png", str(tmp_path / "a.png"), "dog"]
    query = EncodedQuery(Modality.TEXT, "a cat", np.zeros(2, np.float32))
    own = judged(reranker, query, [*texts, None])
    model = CrossEncoder(str(cross), device="cpu", local_files_only=True)
    theirs = model.predict([("a cat", text) for text in texts], activation_fn=torch.nn.Sigmoid())
    assert np.abs(own[:-1] - theirs).max() < CLOSE
    assert own[-1] == 0
    assert 0 < reranker.cost(1) < reranker.cost(10) < 60
    with pytest.raises(QueryError, match="doesn't compare image with text"):
        judged(reranker, EncodedQuery(Modality.IMAGE, None, query.vector), texts)


def test_a_model_reranks_texts_within_the_budget(media: Path, cross: Path) -> None:
    name = f"st:{cross}"
    with cmsearch.open(media) as engine:
        plain = engine.search("a cat", target="text", ranking=Ranking(rerank="none"))
        judged = engine.search("a cat", target="text", ranking=Ranking(rerank=name))
        assert {hit.text for hit in judged} == {hit.text for hit in plain}
        assert all("st" in hit.stages for hit in judged)
        assert not any("st" in hit.stages for hit in plain)
        late = engine.search("a cat", target="text", ranking=Ranking(rerank=name, budget=0))
        assert [hit.source for hit in late] == [hit.source for hit in plain]
        seen = engine.search("a cat", target="image", ranking=Ranking(rerank=name))
        assert seen and not any("st" in hit.stages for hit in seen)  # it reads texts alone


def test_rerankers_that_are_none(cross: Path, folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UnknownModelError, match="Name a CrossEncoder model"):
        load_reranker("st")
    with pytest.raises(ModelUnavailableError, match=r"can't be loaded|incomplete"):
        load_reranker(f"st:{folder}")
    shutil.copytree(cross, tmp_path / "model")
    config = json.loads((tmp_path / "model/config.json").read_text())
    config |= {
        "id2label": {str(n): str(n) for n in range(3)},
        "label2id": {str(n): n for n in range(3)},
    }
    (tmp_path / "model/config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError):
        load_reranker(f"st:{tmp_path / 'model'}")


TEMPLATE = """{% for message in messages %}{% for part in message['content'] %}\
{% if part['type'] == 'text' %}{{ part['text'] }}{% else %}<|{{ part['type'] }}|>{% endif %}\
{% endfor %}{% endfor %}"""


def test_a_picture_and_a_text_are_one_input_where_the_model_takes_both(
    tmp_path: Path, folder: Path
) -> None:
    own = Path(shutil.copytree(folder, tmp_path / "model"))
    (own / "chat_template.jinja").write_text(TEMPLATE)
    (tmp_path / "media").mkdir()
    for number, picture in enumerate(pictures()):
        picture.save(tmp_path / "media" / f"{number}.png")
    run(tmp_path / "media", str(own))
    with cmsearch.open(tmp_path / "media") as engine:
        assert engine.fuses and engine.encoder.capabilities.modalities == EVERYTHING
        for modality in EVERYTHING:
            found = encoded(engine.encoder, modality, contents(modality))
            assert found.shape == (len(contents(modality)), 24)
        fused = engine.transform(image=pictures()[0], text="a cat")
        processor = transformers.AutoProcessor.from_pretrained(own)
        inputs = processor(images=[[pictures()[0]]], text=["<|image|>a cat"], return_tensors="pt")
        mask = inputs["attention_mask"]
        known = {name: value for name, value in inputs.items() if not name.startswith("num_soft")}
        model = transformers.EmbeddingGemma2Model.from_pretrained(own).eval()
        with torch.no_grad():
            states = model(**known).last_hidden_state
        theirs = unit((states * mask[..., None]).sum(1) / mask.sum(1, keepdim=True))[0]
        assert np.abs(fused.vector - theirs).max() < CLOSE
        asked = Query((QueryPart(pictures()[0], Modality.IMAGE), QueryPart("a cat")))
        (hit,) = engine.search(asked, target="image", k=1, ranking=Ranking(match="picture"))
        assert hit.modality is Modality.IMAGE


def test_the_row_of_the_largest_is_what_its_classes_make() -> None:
    row = choices.find("sentence-transformers:google/embeddinggemma-2")
    config = transformers.EmbeddingGemma2Config(
        vision_config={"model_type": "gemma4_vision"}, audio_config={"model_type": "gemma4_audio"}
    )
    with torch.device("meta"):
        count = sum(one.numel() for one in transformers.EmbeddingGemma2Model(config).parameters())
    assert row is not None
    assert (row.dim, row.parameters) == (config.text_config.embedding_dim, round(count / 1e6, 1))
    assert row.megabytes == round(4 * count / 1e6)
    size = transformers.Gemma4ImageProcessor().max_soft_tokens ** 0.5 * 16 * 3
    assert row.image_size == round(size)


def test_names_and_rows_cost_no_import() -> None:
    code = """
import sys
from cmsearch.models.encoders import st
from cmsearch.models.names import canonical_name
canonical_name("sentence-transformers:google/embeddinggemma-2@256")
print(sorted({"torch", "transformers", "sentence_transformers"} & set(sys.modules)))
"""
    assert python(code).strip() == "[]"
