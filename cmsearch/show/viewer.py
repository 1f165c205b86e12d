"""Showing a file in the system's viewer."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

from cmsearch.errors import CmsearchError, MediaError
from cmsearch.media.readers import kind_at
from cmsearch.store.object_files import bring

PATIENCE = 3.0
"""Seconds in which the system says that it has no viewer; one that still runs is shown."""


def open_in_viewer(path: Path) -> None:
    """Show the file at `path` in the program that the system shows such files with.

    Returns without waiting for it to be closed. An index may come from anywhere and name any file,
    and some are run when they are opened: only kinds that a reader reads are. Raises `MediaError`
    for a file that isn't there or of another kind, `CmsearchError` if nothing shows it.

    `click.launch` doesn't do: on Linux it is content with any start of `xdg-open`, or waits until
    the viewer is closed.
    """
    bring(path)
    try:
        real = path.resolve(strict=True)
    except (OSError, RuntimeError, ValueError) as error:  # a loop of links; a zero byte
        reason = getattr(error, "strerror", None) or error
        raise MediaError(f"{path} can't be opened: {reason}.") from error
    if not real.is_file() or kind_at(real) is None:
        raise MediaError(
            f"{real} is not opened, as it is no file of a kind that can be indexed. Open it by "
            "hand if you trust it."
        )
    if sys.platform == "win32":
        try:
            os.startfile(real)
        except OSError as error:
            raise CmsearchError(f"{real} can't be shown: {error.strerror}.") from error
    else:
        _run("open" if sys.platform == "darwin" else "xdg-open", real)


def _run(name: str, path: Path) -> None:
    """Without a shell, and with an absolute path, so that no name is an option or a command."""
    command = shutil.which(name)
    if command is None:
        raise CmsearchError(
            f"There is no program {name} here, which finds the system's viewer. Install it "
            f"(the package xdg-utils), or open {path} by hand."
        )
    nothing = subprocess.DEVNULL
    try:
        process = subprocess.Popen(
            [command, str(path)],
            stdin=nothing,
            stdout=nothing,
            stderr=nothing,
            start_new_session=True,  # Ctrl-C in the terminal doesn't close the viewer
        )
    except OSError as error:
        raise CmsearchError(f"{command} can't be run: {error.strerror}.") from error
    try:
        code = process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        threading.Thread(target=process.wait, daemon=True).start()
        return
    if code != 0:
        raise CmsearchError(
            f"The system has no viewer for {path}: {name} ended with code {code}. Open it by hand."
        )
