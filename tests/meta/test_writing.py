"""Every file is written by `cmsearch.common.files`: no other module opens one to write it, or
renames.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
METHODS = {
    *("write_text", "write_bytes", "touch", "symlink_to", "hardlink_to", "rename", "renames"),
    *("NamedTemporaryFile", "mkstemp", "mktemp", "TemporaryFile", "SpooledTemporaryFile"),
    *("tofile", "savez", "savez_compressed", "savetxt", "save_file", "save_pretrained"),
    *("write_history_file", "fdopen"),
}
"""Names of functions and methods that make a file or a name, whatever they are of."""
FUNCTIONS = {
    *("os.open", "os.replace", "os.link", "os.symlink", "os.mknod", "os.mkfifo", "os.truncate"),
    *("shutil.copy", "shutil.copy2", "shutil.copyfile", "shutil.copytree", "shutil.move"),
    *("np.save", "torch.save"),
}
EXCEPTIONS = {
    "cmsearch/cli.py": {
        *("os.open(os.devnull, os.O_RDWR)", "os.open(os.devnull, os.O_WRONLY)"),
        *("os.fdopen(0)", "os.fdopen(2, 'w')"),
    },
    "cmsearch/commands/editing.py": {
        "readline.write_history_file(Path(own, _NAME))"  # in a folder of a random name
    },
    "cmsearch/models/downloads.py": {  # in the hub's cache, as its client does
        *("place.symlink_to(target)", "shutil.copyfile(blob, place)"),
    },
    "cmsearch/models/receiving.py": {"part.open('ab' if have else 'wb')"},  # to be gone on with
    "cmsearch/models/encoders/lite_export.py": {
        "np.save(file, normalize(image.classes, dim=1).numpy())"
    },
    "cmsearch/models/gazetteer.py": {"np.save(content, array, allow_pickle=…)"},  # in memory
    "cmsearch/common/processors.py": {
        "group.write_text(str(nice), encoding=…)"  # of no file
    },
    "cmsearch/learning/training/saving.py": {"torch.save(whole, file)"},
    "cmsearch/store/making.py": {
        "beside.replace(path / CATALOG)"
    },  # SQLite wrote it, to an unused name
    "cmsearch/store/object_files.py": {"fetched.replace(path)"},  # from a folder of a random name
    "cmsearch/models/encoders/exports.py": {  # folders of random names
        "building.rename(place)",
        "place.rename(building.with_name(f'{building.name}-old'))",
    },
    "cmsearch/server/saving.py": {"archive.open(entry, 'w', force_zip64=…)"},  # in memory
    "cmsearch/show/clips.py": {"av.open(file, 'w', format=…)"},  # a file that is open
    "cmsearch/show/wav.py": {"wave.open(file, 'wb')"},  # in memory
}
MODULES = sorted([*(ROOT / "cmsearch").rglob("*.py"), *(ROOT / "indexer").rglob("*.py")])


def writes(tree: ast.AST) -> Iterator[str]:
    """The calls in a module that open a file to write it, or give one a name."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        function = ast.unparse(node.func)
        name = function.rpartition(".")[2]
        modes = [one.value for one in ast.walk(node) if isinstance(one, ast.Constant)]
        is_open = name == "open" and any(_is_writing(mode) for mode in modes)
        # Of strings and dataclasses it takes more.
        is_replace = name == "replace" and len(node.args) == 1 and not node.keywords
        if name in METHODS or function in FUNCTIONS or is_open or is_replace:
            yield _shown(node)


def _is_writing(mode: object) -> bool:
    return isinstance(mode, str) and 0 < len(mode) <= 4 and bool(set(mode) & set("wax+"))


def _shown(node: ast.Call) -> str:
    arguments = [ast.unparse(one) for one in node.args]
    arguments += [f"{one.arg}=…" for one in node.keywords]
    return f"{ast.unparse(node.func)}({', '.join(arguments)})"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_other_module_writes_files(path: Path) -> None:
    name = path.relative_to(ROOT).as_posix()
    if name == "cmsearch/common/files.py":
        return
    assert set(writes(ast.parse(path.read_text()))) == EXCEPTIONS.get(name, set())


def test_each_way_to_write_is_seen() -> None:
    code = """
open(path, "w"); path.open("xb"); path.open(mode="a"); io.open(path, "r+"); path.replace(other)
os.open(path, flags); path.write_text(""); tempfile.NamedTemporaryFile(); os.replace(a, b)
shutil.copyfile(a, b); path.rename(b); st.save_file(path)
"""
    assert len(list(writes(ast.parse(code)))) == 12
    fine = 'open(path); path.open("rb"); text.replace("a", "w"); replace(hit, rank=1); rows.copy()'
    assert not list(writes(ast.parse(fine)))
