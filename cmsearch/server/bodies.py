"""The bodies of requests: JSON, or a form with it and files."""

# Tested by tests/e2e/server/test_search.py

from __future__ import annotations

from typing import Any, TypeVar

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from starlette.datastructures import UploadFile

from cmsearch.errors import QueryError
from cmsearch.server.requests import Files
from cmsearch.types import Modality

Body = TypeVar("Body", bound=BaseModel)
MOST_FILES = 16
"""Files that may come with a request."""
_DEFINED = "#/$defs/"


async def sent(request: Request, kind: type[Body]) -> tuple[Body, Files]:
    """The body of a request, and the files that came with it: pictures, and as `audio` recordings.

    Raises `QueryError` and `RequestValidationError`.
    """
    told = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if told != "multipart/form-data":
        return _read(await request.body(), kind), ()
    async with request.form(max_files=MOST_FILES, max_fields=MOST_FILES) as form:
        written = form.get("request", "{}")
        if not isinstance(written, str):
            raise QueryError("`request` is the body of a request as JSON, not a file.")
        files = [
            (Modality.SPEECH if name == "audio" else Modality.IMAGE, await one.read())
            for name, one in form.multi_items()
            if isinstance(one, UploadFile)
        ]
    return _read(written, kind), files


def _read(data: bytes | str, kind: type[Body]) -> Body:
    try:
        return kind.model_validate_json(data)
    except ValidationError as error:
        found = [{**one, "loc": ("body", *one["loc"])} for one in error.errors()]
        raise RequestValidationError(found) from error


def described(kind: type[BaseModel], *files: str) -> dict[str, Any]:
    """A body as OpenAPI has it, with the names of the files that may come with it."""
    whole = kind.model_json_schema()
    defined = whole.pop("$defs", {})
    sent = {name: {"type": "string", "format": "binary"} for name in files}
    form = {"request": {"type": "string", "description": "The body as JSON."}, **sent}
    return {
        "required": True,
        "content": {
            "application/json": {"schema": _whole(whole, defined)},
            "multipart/form-data": {"schema": {"type": "object", "properties": form}},
        },
    }


def _whole(schema: Any, defined: dict[str, Any]) -> Any:
    """A schema with what it refers to in its place: a document has no room for definitions."""
    if isinstance(schema, list):
        return [_whole(one, defined) for one in schema]
    if not isinstance(schema, dict):
        return schema
    own = {name: _whole(one, defined) for name, one in schema.items() if name != "$ref"}
    if "$ref" in schema:
        return {**_whole(defined[schema["$ref"].removeprefix(_DEFINED)], defined), **own}
    return own
