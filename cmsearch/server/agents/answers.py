"""Answers of agents' tools as the protocol has them: pictures, and what they are as text and as
structure, since some clients drop the ones or the other.
"""

# Tested by tests/e2e/server/test_agents.py

from __future__ import annotations

import base64
import json
import logging

from mcp.types import CallToolResult, ContentBlock, ImageContent, TextContent
from PIL import Image
from pydantic import ValidationError

from cmsearch.common.text import printable
from cmsearch.errors import CmsearchError
from cmsearch.server.agents.results import Result
from cmsearch.show.numbered_sheet import jpeg

log = logging.getLogger("cmsearch")


def answered(result: Result, *pictures: Image.Image) -> CallToolResult:
    """The answer that a result is, with what was drawn before it."""
    fields = result.model_dump(mode="json", exclude_none=True)
    shown: list[ContentBlock] = [
        ImageContent(
            type="image", data=base64.b64encode(jpeg(one)).decode(), mime_type="image/jpeg"
        )
        for one in pictures
    ]
    text = json.dumps(fields, ensure_ascii=False)
    return CallToolResult(
        content=[*shown, TextContent(type="text", text=text)], structured_content=fields
    )


def refused(error: BaseException) -> CallToolResult:
    """The answer that an error is, in the words of the command line."""
    return CallToolResult(
        content=[TextContent(type="text", text=printable(_words(error)))], is_error=True
    )


def _words(error: BaseException) -> str:
    if isinstance(error, CmsearchError):
        return str(error)
    if isinstance(error, ValidationError):
        told = [
            f"{'.'.join(map(str, one['loc'])) or 'the arguments'}: {one['msg']}"
            for one in error.errors(include_url=False, include_input=False)[:5]
        ]
        return f"The call can't be understood: {'; '.join(told)}."
    log.error("A tool failed: %s: %s", type(error).__name__, error)
    return f"{type(error).__name__}: the log of the server has more."
