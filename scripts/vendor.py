"""Bring the libraries of the page into the tree, as its list says: scripts/vendor.py [--update].

`cmsearch/server/page/vendor/versions.json` has of each package its version, the digest that npm
gives of it, its licence, and which of its files are taken. `--update` asks npm for the newest
versions and writes their digests; without it what comes has to be what the list says.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import re
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[1] / "cmsearch" / "server" / "page" / "vendor"
LIST = FOLDER / "versions.json"
_BARE = re.compile(r'(from|import) *"([a-z][a-z/-]*)"')
_MAPS = re.compile(r"\n?//# sourceMappingURL=\S*\s*$")


def main() -> None:
    """Bring all of the list."""
    parser = argparse.ArgumentParser(description="Bring the libraries of the page into the tree.")
    parser.add_argument("--update", action="store_true", help="take the newest versions")
    is_update = parser.parse_args().update
    packages: dict[str, dict[str, Any]] = json.loads(LIST.read_text())
    with tempfile.TemporaryDirectory() as scratch:
        for name, package in packages.items():
            version = "latest" if is_update else package["version"]
            _bring(name, version, package, Path(scratch), is_update=is_update)
    LIST.write_text(json.dumps(packages, indent=2) + "\n")


def _bring(
    name: str,
    version: str,
    package: dict[str, Any],
    scratch: Path,
    *,
    is_update: bool,
) -> None:
    packed = ["npm", "pack", "--json", f"--pack-destination={scratch}", f"{name}@{version}"]
    told = json.loads(subprocess.run(packed, check=True, capture_output=True).stdout)[0]
    data = (scratch / told["filename"]).read_bytes()
    digest = "sha512-" + base64.b64encode(hashlib.sha512(data).digest()).decode()
    if is_update:
        package |= {"version": told["version"], "integrity": digest}
    elif digest != package["integrity"]:
        raise SystemExit(f"{name} {version} isn't what the list says: its digest is {digest}.")
    package["sha256"] = {}
    with tarfile.open(scratch / told["filename"]) as archive:
        for source, target in package["files"].items():
            member = archive.extractfile(f"package/{source}")
            assert member is not None, f"{name} has no {source}"
            text = _MAPS.sub("\n", member.read().decode())
            text = _BARE.sub(r'\1"./\2.js"', text)  # no page has an import map without a script
            (FOLDER / target).write_text(text)
            package["sha256"][target] = hashlib.sha256(text.encode()).hexdigest()


if __name__ == "__main__":
    main()
