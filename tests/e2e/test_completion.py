"""Shells themselves complete values; what an index holds is quoted, and never run."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.builders import write_files
from tests.packets import bag, jpeg, packet
from tests.processes import faked

NAMES = ("Anna Maria", "$(touch pwned)", "`touch pwned`", 'it\'s \\ "so"', "*", "x:y z", "c, d")
_TRY = """
source <({command} completion bash)
complete -p cmsearch
while IFS=$'\\t' read -r line word; do
    COMP_LINE=$line COMP_POINT=${{#line}} COMP_WORDS=(cmsearch search --person "$word") COMP_CWORD=3
    bare=${{word#[\\"\\']}} COMPREPLY=()
    _cmsearch_completion {command} "$bare" --person
    for value in "${{COMPREPLY[@]}}"; do printf '%s\\t%s\\n' "$word" "$value"; done
done
"""


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_bash_puts_any_name_onto_the_line_as_one_word(tmp_path: Path) -> None:
    photos = packet(bag("Iptc4xmpExt:PersonInImage", *NAMES))
    write_files(tmp_path, {"a.jpg": jpeg(xmp=photos)})
    faked("index", tmp_path, "--model", "fake:colours")
    command = Path(sys.executable).with_name("cmsearch")
    typed = ["ann", "\\$", '"\\$', "'$", "'`", '"it', "it", "\\*", "c"]
    lines = "".join(f"cmsearch search --person {one}\t{one}\n" for one in typed)
    ran = subprocess.run(
        ["bash", "-c", _TRY.format(command=shlex.quote(str(command)))],
        input=lines, capture_output=True, text=True, cwd=tmp_path, env=os.environ, check=True,
    )  # fmt: skip
    setting, *answers = ran.stdout.splitlines()
    assert "_cmsearch_completion" in setting and ran.stderr == ""
    found = set()
    for word, value in (answer.split("\t") for answer in answers):
        quote = word[:1] if word[:1] in "'\"" else ""
        found.add(subprocess.run(
            ["bash", "-c", f"printf %s {quote}{value}{quote}"],
            capture_output=True, text=True, cwd=tmp_path, check=True,
        ).stdout)  # fmt: skip
    assert found == set(NAMES) - {"x:y z"}
    assert not (tmp_path / "pwned").exists()
