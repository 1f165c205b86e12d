"""Of a hub that lies nothing is kept or loaded, and what was broken off is gone on with."""

from __future__ import annotations

import logging
import pickle
import shutil
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from huggingface_hub import constants, try_to_load_from_cache

from cmsearch.errors import LicenceError, ModelError, ModelUnavailableError, UnknownModelError
from cmsearch.models import hub as models_hub
from cmsearch.models import licences, receiving
from cmsearch.models.checkpoints import checkpoint, fetch_files
from tests.lying_hub import COMMIT, Hub, empty_hub, running

__all__ = ["empty_hub"]

WEIGHTS = np.random.default_rng(0).bytes(300_000)
FILES = {"config.json": b'{"model_type": "clip"}', "model.safetensors": WEIGHTS}
NAMES = ("config.json", "model.safetensors")


@pytest.fixture
def hub(empty_hub: Hub) -> Hub:
    """A hub with `org/model`."""
    empty_hub.repositories["org/model"] = dict(FILES)
    return empty_hub


def kept() -> dict[str, bytes]:
    """What the hub's client finds in the cache."""
    found = {name: try_to_load_from_cache("org/model", name) for name in NAMES}
    return {name: Path(path).read_bytes() for name, path in found.items() if isinstance(path, str)}


def left() -> list[Path]:
    return [*Path(constants.HF_HUB_CACHE).rglob("*.incomplete")]


def refused(said: str, kind: type[ModelError] = ModelUnavailableError) -> None:
    """Fetching fails with clear words, and the weights aren't here."""
    with pytest.raises(kind, match=said):
        fetch_files("org/model", NAMES)
    assert "model.safetensors" not in kept()


def test_files_are_fetched_once_into_the_cache_of_the_hubs_client(hub: Hub) -> None:
    folder = fetch_files("org/model", NAMES)
    assert kept() == FILES and left() == []
    assert folder.name == COMMIT and (folder / "config.json").is_symlink()
    hub.asked.clear()
    assert fetch_files("org/model", NAMES) == folder
    assert [path for path, _, _ in hub.asked] == ["api/models/org/model"]


def test_a_file_that_breaks_off_is_gone_on_with(hub: Hub) -> None:
    hub.lies["model.safetensors"] = ["short", "short", "broken", "whole"]
    fetch_files("org/model", NAMES)
    assert kept() == FILES
    ranges = [begin for path, begin, _ in hub.asked if path.endswith(".safetensors")]
    assert ranges == ["", "bytes=150000-", "bytes=225000-", "bytes=225000-"]


def test_the_next_run_goes_on_where_the_last_one_stopped(hub: Hub) -> None:
    hub.lies["model.safetensors"] = ["short", "broken"]
    refused("0.1 of 0.3 MB are here, and the next try goes on")
    hub.lies.clear()
    fetch_files("org/model", NAMES)
    assert kept() == FILES and left() == []
    assert hub.asked[-1][1] == "bytes=150000-"


def test_a_hub_that_knows_no_ranges_sends_the_whole(hub: Hub) -> None:
    hub.lies["model.safetensors"] = ["short", "deaf"]
    fetch_files("org/model", NAMES)
    assert kept() == FILES


def test_what_was_left_by_somebody_else_is_made_anew(hub: Hub) -> None:
    hub.lies["model.safetensors"] = ["short", "broken"]
    refused("next try")
    (part,) = left()
    part.write_bytes(bytes(150_000))
    hub.lies.clear()
    fetch_files("org/model", NAMES)
    assert kept() == FILES


@pytest.mark.parametrize(
    ("lie", "said"),
    [
        ("other", "isn't what the model hub announced: its digest is another"),
        ("endless", "longer than the 300000 bytes"),
        ("gone", "answers with the code 404"),
        ("broken", "answers with the code 500"),
        ("round", "sends us round and round"),
        ("unsafe", "sends us to file://"),
    ],
)
def test_a_lie_is_told_and_nothing_of_it_is_kept(hub: Hub, lie: str, said: str) -> None:
    hub.lies["model.safetensors"] = [lie]
    refused(said)
    assert left() == []


def test_a_hub_that_sends_nearly_nothing_is_left(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receiving, "STALL_SECONDS", 0.3)
    hub.lies["model.safetensors"] = ["slow"]
    refused("less than 1000 bytes a second")


def test_a_hub_that_always_breaks_off_is_left(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receiving, "MOST_TRIES", 3)
    hub.lies["model.safetensors"] = ["short"]
    refused("0.3 of 0.3 MB are here, and the next try goes on")


def test_elsewhere_gets_no_token_and_counts_by_the_digest(hub: Hub) -> None:
    with running(Hub({"org/model": {"model.safetensors": WEIGHTS}})) as other:
        hub.elsewhere = other.address
        hub.lies["model.safetensors"] = ["elsewhere"]
        other.lies["model.safetensors"] = ["other"]
        refused("its digest is another")
        other.lies.clear()
        fetch_files("org/model", NAMES)
        assert kept() == FILES
        assert {token for _, _, token in other.asked} == {""}
        assert {token for _, _, token in hub.asked} == {"Bearer hf_secret"}


@pytest.mark.parametrize(
    ("listing", "said"),
    [
        ("endless", "list of the files of org/model doesn't end"),
        ("broken", "answers with the code 500"),
        ("nonsense", "answer about org/model can't be read"),
    ],
)
def test_a_list_that_is_none(hub: Hub, listing: str, said: str) -> None:
    hub.listing = listing
    refused(said)


@pytest.mark.parametrize(
    "announced",
    [
        {"size": -1},
        {"size": "many"},
        {"lfs": {"sha256": "../../../../etc/passwd"}},
        {"lfs": {"sha256": "0" * 63}},
        {"rfilename": "../../evil/model.safetensors"},
        {"rfilename": "/tmp/model.safetensors"},
        {"rfilename": "a\\..\\model.safetensors"},
    ],
)
def test_a_list_that_leads_out_of_the_cache(hub: Hub, announced: dict[str, object]) -> None:
    hub.announced["model.safetensors"] = announced
    refused("model hub")
    assert hub.asked[-1][0] == "api/models/org/model"


def test_a_list_without_sizes_is_asked_about_each_file(hub: Hub) -> None:
    hub.announced["model.safetensors"] = {"size": None, "lfs": None, "blobId": None}
    fetch_files("org/model", NAMES)
    assert kept() == FILES


def test_a_disk_without_room_is_told_before_anything_is_fetched(hub: Hub) -> None:
    hub.announced["model.safetensors"] = {"size": 10**18}
    refused("needs 1,000,000,000,000 MB more, and .* has room for")
    assert [path for path, _, _ in hub.asked] == ["api/models/org/model"]


def test_a_repository_that_there_is_not(hub: Hub) -> None:
    with pytest.raises(UnknownModelError, match="no model 'org/modle'"):
        fetch_files("org/modle", NAMES)


def test_offline_nothing_is_asked(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    refused("org/model")
    assert models_hub.megabytes("org/model", 5, "model.safetensors") is None
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    with models_hub.nothing_asked():
        refused("org/model")
    assert hub.asked == []


def test_the_first_of_several_names_is_taken(hub: Hub) -> None:
    hub.repositories["org/model"]["weights.bin"] = b"others"
    folder = fetch_files("org/model", (), ("model.safetensors", "weights.bin"))
    assert [one.name for one in folder.iterdir()] == ["model.safetensors"]


@pytest.mark.parametrize("licence", ["cc-by-nc-4.0", "apple-amlr", "CC-BY-NC-SA-4.0"])
def test_a_licence_that_forbids_commerce_is_agreed_to_first(
    hub: Hub, licence: str, caplog: pytest.LogCaptureFixture
) -> None:
    hub.licence = licence
    refused(f"licence {licence}, which forbids commercial use. .* --yes", LicenceError)
    with licences.agreed(), caplog.at_level(logging.WARNING, "cmsearch"):
        fetch_files("org/model", NAMES)
    assert kept() == FILES and "forbids commercial use" in caplog.text


def test_a_licence_that_the_hub_does_not_tell_is_known_by_the_name(hub: Hub) -> None:
    hub.licence = ""
    hub.repositories["org/MobileCLIP9"] = dict(FILES)
    with pytest.raises(LicenceError, match="apple-amlr"):
        fetch_files("org/MobileCLIP9", NAMES)
    fetch_files("org/model", NAMES)


@pytest.mark.parametrize("licence", ["mit", "apache-2.0", "cc-by-4.0", "openrail", "other", ""])
def test_other_licences_need_no_agreement(licence: str) -> None:
    assert not licences.forbids(licence)


class Evil:
    """Unpickled, it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (self.path,))


def test_a_pickle_is_no_safetensors(hub: Hub, tiny_naflex: Path, tmp_path: Path) -> None:
    """What is loaded is checked by the loader; here that no code of a pickle is run by it."""
    from cmsearch.models.encoders.transformers import load

    published = {one.name: one.read_bytes() for one in tiny_naflex.iterdir()}
    published["model.safetensors"] = pickle.dumps(Evil(tmp_path / "evil"))
    hub.repositories["org/model"] = published
    with pytest.raises(ModelUnavailableError, match="org/model"):
        load("org/model", download=True)
    assert not (tmp_path / "evil").exists()


def test_code_of_a_repository_is_neither_fetched_nor_run(
    hub: Hub, tiny_naflex: Path, tmp_path: Path
) -> None:
    published = {one.name: one.read_bytes() for one in tiny_naflex.iterdir()}
    published["config.json"] = b'{"model_type": "evil", "auto_map": {"AutoModel": "evil.Model"}}'
    published["evil.py"] = f"open({str(tmp_path / 'evil')!r}, 'w')".encode()
    hub.repositories["org/model"] = published
    with pytest.raises(ModelError, match="of type 'evil'"):
        checkpoint("org/model", ("clip",), download=True)
    assert not any("evil.py" in path for path, _, _ in hub.asked)


def test_two_states_of_a_repository_share_what_is_the_same(hub: Hub) -> None:
    folder = fetch_files("org/model", NAMES)
    shutil.rmtree(folder)
    hub.asked.clear()
    fetch_files("org/model", NAMES)
    assert kept() == FILES and len(hub.asked) == 1


def test_the_stack_is_left_as_it_was() -> None:
    before = constants.HF_HUB_OFFLINE
    with ExitStack() as stack:
        stack.enter_context(models_hub.nothing_asked())
        stack.enter_context(models_hub.nothing_asked())
        assert constants.HF_HUB_OFFLINE is True
    assert constants.HF_HUB_OFFLINE is before
