"""What `doctor --recall` measures: everything is found where every vector is compared."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner

from cmsearch.store.store import DIRECTORY, Store
from indexer import Indexer
from indexer.commands.doctor import doctor
from indexer.recall import measure
from tests.builders import write_files


def test_all_is_found_where_all_is_compared(tmp_path: Path, fake_model: str) -> None:
    write_files(tmp_path, {f"{n}.txt": f"Paragraph {n} about red things." for n in range(5)})
    Indexer(tmp_path, model=fake_model).run()
    with Store(tmp_path / DIRECTORY) as store:
        (found,) = measure(store)
    assert (str(found.modality), found.vectors) == ("text", 5)
    assert found.queries >= 5
    assert found.recall == {10: 1.0, 100: 1.0}
    assert 0 <= found.p50 <= found.p99
    assert found.bytes > 0
    said = CliRunner().invoke(doctor, ["--recall", "--store", str(tmp_path)])
    assert "100.0% of the nearest 10 and 100.0% of the nearest 100" in said.output
