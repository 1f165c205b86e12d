"""The SDK's client of an agents' server, for tests that aren't asynchronous."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from io import BytesIO
from typing import Any

from anyio.from_thread import BlockingPortal, start_blocking_portal
from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from PIL import Image

from tests.processes import command, environment


class Agent:
    """Calls the tools of a server."""

    def __init__(self, portal: BlockingPortal, client: Client) -> None:
        self._portal, self.client = portal, client

    def tools(self) -> dict[str, Any]:
        """The tools by their names."""
        listed = self._portal.call(self.client.list_tools)
        return {tool.name: tool for tool in listed.tools}

    def together(self, *calls: tuple[str, Mapping[str, Any]]) -> list[Any]:
        """The answers of calls that are made at once."""
        made = [
            self._portal.start_task_soon(self.client.call_tool, tool, dict(arguments))
            for tool, arguments in calls
        ]
        return [one.result(60) for one in made]

    def call(self, tool: str, **arguments: Any) -> Any:
        """The answer of a tool as the protocol has it."""
        return self._portal.call(partial(self.client.call_tool, tool, arguments))

    def told(self, tool: str, **arguments: Any) -> Any:
        """The structure that a tool answers with, which its text says too."""
        answer = self.call(tool, **arguments)
        assert not answer.is_error, answer.content
        return answer.structured_content

    def refusal(self, tool: str, **arguments: Any) -> str:
        """Why a tool doesn't answer."""
        answer = self.call(tool, **arguments)
        assert answer.is_error
        (block,) = answer.content
        assert "Traceback" not in block.text
        return str(block.text)


@contextmanager
def agent(transport: Any, **options: Any) -> Iterator[Agent]:
    """An agent over a transport of the SDK, or at an address."""
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(Client(transport, **options)) as client,
    ):
        yield Agent(portal, client)


def over_stdio(*arguments: object) -> Any:
    """A true process of `cmsearch mcp ARGUMENTS`, with the fake models."""
    program, *rest = command("mcp", *arguments)
    return stdio_client(StdioServerParameters(command=program, args=rest, env=environment()))


def picture(block: Any) -> Image.Image:
    """The picture of a block of content."""
    assert block.type == "image"
    image = Image.open(BytesIO(base64.b64decode(block.data)))
    assert Image.MIME[str(image.format)] == block.mime_type
    return image
