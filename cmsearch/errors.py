"""The errors of cmsearch: each says what went wrong, where, and what to do next.

    CmsearchError                    1
    ├── StoreError                   1   a store can't be used
    │   ├── StoreNotFoundError       1   there is none
    │   ├── StoreMismatchError       1   it was made with another model
    │   ├── StoreReadOnlyError       1   its directory can't be written
    │   ├── StoreLockedError         1   another process is writing it
    │   └── StoreUnavailableError    1   the server that has it doesn't answer
    ├── ModelError                   1   a model can't be used
    │   ├── UnknownModelError        2   no such name
    │   ├── ModelUnavailableError    1   its weights are not here, or not what they should be
    │   └── LicenceError             1   its licence forbids commerce, to which nobody agreed yet
    ├── MediaError                   1   a file can't be read
    ├── PluginError                  1   what another package adds can't be used
    └── QueryError                   2   a search, or a call, that can't be meant
        └── CursorError              2   a page of a search that nobody remembers

The number is the exit code that the command line ends with.
"""

# Tested by tests/e2e/test_cli.py


class CmsearchError(Exception):
    """The head of the tree."""

    exit_code = 1


class StoreError(CmsearchError):
    """A store can't be opened, read or written."""


class StoreNotFoundError(StoreError):
    """There is no store at, or above, the given folder."""


class StoreMismatchError(StoreError):
    """The store holds the vectors of another model than the one asked for."""


class StoreReadOnlyError(StoreError):
    """The store's directory can't be written, or not without a word that it is trusted."""

    def __init__(self, path: object, reason: str | None = None) -> None:
        super().__init__(reason or f"{path} can't be written. Name another place with --store DIR.")


class StoreLockedError(StoreError):
    """Another process is writing the store."""


class StoreUnavailableError(StoreError):
    """The server that has the store doesn't answer."""


class ModelError(CmsearchError):
    """A model can't be loaded or run."""


class UnknownModelError(ModelError):
    """The name stands for no model."""

    exit_code = 2


class ModelUnavailableError(ModelError):
    """The model's weights are missing, damaged, or can't be fetched."""


class LicenceError(ModelError):
    """The model's weights would be fetched under a licence that has to be agreed to first."""

    def __init__(self, model: str, licence: str) -> None:
        self.statement = (
            f"The weights of {model} are under the licence {licence}, which forbids commercial use."
        )
        super().__init__(
            f"{self.statement} Nothing was fetched. If you use them within it, say so: with --yes, "
            "or at a terminal, where it is asked."
        )


class MediaError(CmsearchError):
    """A file is not what its name says, is damaged, or is too large."""


class PluginError(CmsearchError):
    """What another package adds can't be loaded."""


class QueryError(CmsearchError):
    """A query can't be answered as it was asked."""

    exit_code = 2


class CursorError(QueryError):
    """The search that a cursor goes on with isn't remembered."""


def brief(error: BaseException) -> str:
    """The first line of an error's message, as a sentence."""
    said = str(error).strip() or type(error).__name__
    return said.split("\n")[0][:300].rstrip(".") + "."
