"""The description of a service, `/openapi.json`: what every route may answer besides its own."""

# Tested by tests/e2e/server/test_described.py

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute

from cmsearch.server.problems import MEDIA_TYPE

_SAID = {
    HTTPStatus.BAD_REQUEST: "It can't be meant.",
    HTTPStatus.UNAUTHORIZED: "The token is missing, where the service has one.",
    HTTPStatus.FORBIDDEN: "It comes from a page of another site.",
    HTTPStatus.NOT_FOUND: "What it names isn't there.",
    HTTPStatus.REQUEST_TIMEOUT: "It took too long to arrive.",
    HTTPStatus.CONFLICT: "The store is being written, or can't be.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "It is too large.",
    HTTPStatus.MISDIRECTED_REQUEST: "The service isn't called so.",
    HTTPStatus.UNPROCESSABLE_ENTITY: "A value, or a file that was sent, can't be understood.",
    HTTPStatus.TOO_MANY_REQUESTS: "Too much is asked at once; `Retry-After` says when to ask.",
    HTTPStatus.SERVICE_UNAVAILABLE: "The store or its model can't be read.",
}
_REFUSED = frozenset({"401", "403", "421"})
"""What the guard answers."""
_PROBLEM = {
    "type": "object",
    "title": "Problem",
    "description": "What went wrong and what to do, after RFC 9457.",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "examples": ["about:blank"]},
        "title": {"type": "string", "examples": ["Not Found"]},
        "status": {"type": "integer", "examples": [404]},
        "detail": {"type": "string", "examples": ["There is no item 7 in photos."]},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "reason"],
                "properties": {"field": {"type": "string"}, "reason": {"type": "string"}},
            },
        },
    },
}
_SECURITY = {
    "token": {"type": "http", "scheme": "bearer"},
    "cookie": {"type": "apiKey", "in": "cookie", "name": "cmsearch"},
}


def operation_name(route: APIRoute) -> str:
    """What an operation is called, which clients make their functions' names of."""
    return route.name.strip("_")


def describe(app: FastAPI) -> None:
    """Let an app describe the problems that each of its routes may answer, and its token."""
    plain = app.openapi

    def described() -> dict[str, Any]:
        if app.openapi_schema is None:
            _complete(plain())
        assert app.openapi_schema is not None
        return app.openapi_schema

    app.openapi = described  # type: ignore[method-assign]


def _complete(document: dict[str, Any]) -> None:
    """Add the problems to a document, in place of FastAPI's own errors."""
    parts = document.setdefault("components", {})
    schemas = parts.setdefault("schemas", {})
    schemas["Problem"] = _PROBLEM
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    parts["securitySchemes"] = _SECURITY
    document["security"] = [{}, *({name: []} for name in _SECURITY)]
    problems = {str(int(status)): _told(said) for status, said in _SAID.items()}
    document["paths"] = _referring(document["paths"], schemas)
    for path, operations in document["paths"].items():
        is_of_store = path.startswith("/v1/")
        for operation in operations.values():
            answers = operation["responses"]
            answers.pop("422", None)
            for status, problem in problems.items():
                if is_of_store or status in _REFUSED or status in ("413", "503"):
                    answers.setdefault(status, problem)
            for status, answer in answers.items():
                if MEDIA_TYPE in answer.get("content", {}):
                    answers[status] = _told(answer["description"])


def _referring(part: Any, schemas: dict[str, Any]) -> Any:
    """A part of a document with the schemas of objects that have a name in a place of their own, so
    that a client has one class of each.
    """
    if isinstance(part, list):
        return [_referring(one, schemas) for one in part]
    if not isinstance(part, dict):
        return part
    own = {key: _referring(value, schemas) for key, value in part.items()}
    if own.get("type") != "object" or "properties" not in own or "title" not in own:
        return own
    said = {"default": own.pop("default")} if "default" in own else {}
    if schemas.setdefault(own["title"], own) != own:
        return {**own, **said}
    return {"$ref": f"#/components/schemas/{own['title']}", **said}


def _told(said: str) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Problem"}
    return {"description": said, "content": {MEDIA_TYPE: {"schema": schema}}}
