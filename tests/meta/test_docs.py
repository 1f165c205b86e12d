"""What the documents say is what the program does."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cmsearch.cli import cli
from cmsearch.commands.table import COMMANDS, SUMMARIES
from tests.commands import called

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
GROUPS = {f"cmsearch.{kind}s" for kind in ("encoder", "reader", "reranker", "transcriber")}
GROUPS |= {"cmsearch.indexes", "cmsearch.vector_servers"}
"""Of entry points."""
STORES = shutil.ignore_patterns(".cmsearch")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def test_the_page_of_the_command_line_is_made_from_its_help() -> None:
    """In a process of its own: a command keeps the help option of the first call of it."""
    script = [sys.executable, ROOT / "scripts" / "cli_page.py"]
    page = subprocess.run(script, capture_output=True, check=True).stdout.decode()
    assert (ROOT / "docs" / "cli.md").read_text() == page, "run scripts/docs"


def test_every_command_is_documented_with_an_example() -> None:
    assert set(COMMANDS) == set(SUMMARIES)
    page = (ROOT / "docs" / "cli.md").read_text()
    for name in COMMANDS:
        command = cli.get_command(None, name)  # type: ignore[arg-type]
        assert command is not None and command.help is not None
        assert "Example" in command.help
        assert f"## cmsearch {name}\n" in page


@pytest.fixture(scope="module")
def newcomer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the README supposes: two folders, `cat.jpg` and `labels.txt`."""
    folder = tmp_path_factory.mktemp("newcomer")
    shutil.copytree(ROOT / "sample_data" / "photos", folder / "photos")
    shutil.copytree(ROOT / "sample_data", folder / "sample_data", ignore=STORES)
    shutil.copy(folder / "photos" / "tabby_cat.jpg", folder / "cat.jpg")
    (folder / "labels.txt").write_text("cat\ndog\nflowers\n")
    return folder


def test_the_python_of_the_readme_runs(newcomer: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(newcomer)
    assert blocks("python")
    for block in blocks("python"):
        exec(compile(block, "README.md", "exec"), {})


def test_the_commands_of_the_readme_run(newcomer: Path) -> None:
    lines = [line for block in blocks("sh") for line in block.splitlines()]
    commands = [line for line in lines if line.startswith("cmsearch ")]
    assert len(commands) >= 3
    for line in commands:
        result = called(*shlex.split(line.split("|")[0], comments=True)[1:], cwd=newcomer)
        assert result.returncode == 0, f"{line}: {result.stderr}"


def slug(heading: str) -> str:
    """What a heading is linked to by."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def test_links_of_the_documents_lead_somewhere() -> None:
    for page in PAGES:
        for target, place in re.findall(r"\]\(([^)#]*)#?([^)]*)\)", page.read_text()):
            if target.startswith(("http:", "https:")):
                continue
            other = page.parent / target if target else page
            assert other.exists(), f"{page.name} links to {target}"
            if place:
                headings = re.findall(r"^#+ (.*)$", other.read_text(), re.MULTILINE)
                assert place in map(slug, headings), f"{page.name} links to {target}#{place}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.name))
def test_modules_that_the_documents_name_are_there(page: Path) -> None:
    text = page.read_text()
    for path in re.findall(r"(?<![\w/.~-])(?:cmsearch|indexer|scripts)/[\w/]+\.py\b", text):
        assert any((base / path).exists() for base in (ROOT, ROOT / "tests" / "unit")), path
    for name in re.findall(r"(?:from |import |`)((?:cmsearch|indexer)(?:\.\w+)+)", text):
        assert name in GROUPS or is_there(name), name


def is_there(name: str) -> bool:
    """Whether a dotted name is that of a module, or of something that one has."""
    module, _, own = name.rpartition(".")
    if own == "py" or "." not in name:
        return True
    places = [ROOT.joinpath(*name.split(".")), ROOT.joinpath(*module.split("."))]
    if places[0].is_dir() or places[0].with_suffix(".py").exists():
        return True
    inside = places[1] / "__init__.py" if places[1].is_dir() else places[1].with_suffix(".py")
    return inside.exists() and re.search(rf"\b{own}\b", inside.read_text()) is not None


def test_every_dependency_has_its_reason() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    page = (ROOT / "docs" / "dependencies.md").read_text()
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    for requirement in [one for group in groups for one in group]:
        name = re.split(r"[<>=!\[;]", requirement)[0]
        assert name == "cmsearch" or f"`{name}`" in page, name  # `all` names the other extras


def test_the_tests_run_on_the_python_that_is_promised() -> None:
    assert sys.version_info >= (3, 11)
