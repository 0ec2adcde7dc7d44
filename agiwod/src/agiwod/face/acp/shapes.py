"""What editors send, as far as it is read: params of requests, and the parts of a prompt. Decides nothing.

Our own models and not those of the package `agent-client-protocol`, which take a second to load; what goes out is plain
JSON data, and the tests hold each frame against that package's models.
"""

from typing import Annotated, Any, Literal

from agiwo_protocol.contract import Name, Wire
from pydantic import Field


class Implementation(Wire):
    """A program: what it calls itself."""

    name: str
    title: str | None = None
    version: str | None = None


class FileSystem(Wire):
    """Which files the editor gives and takes."""

    read_text_file: bool | None = None
    write_text_file: bool | None = None


class Capabilities(Wire):
    """What the editor can do for an agent."""

    fs: FileSystem | None = None
    terminal: bool | None = None


class InitializeParams(Wire):
    """The handshake. Some editors send a date in the place of the version."""

    protocol_version: int | float | str
    client_capabilities: Capabilities | None = None
    client_info: Implementation | None = None


class Pair(Wire):
    """A variable of the environment, or a header."""

    name: str
    value: str


class ServerEntry(Wire):
    """An MCP server of the editor's: a command, or with a `type` an address."""

    name: Name
    type: str = "stdio"
    command: str | None = None
    args: list[str] = Field(default_factory=list[str])
    env: list[Pair] = Field(default_factory=list[Pair])
    url: str | None = None
    headers: list[Pair] = Field(default_factory=list[Pair])


class NewParams(Wire):
    """Where a session works, and whose tools it has."""

    cwd: str
    mcp_servers: list[ServerEntry] | None = None


class OpenParams(NewParams):
    """The same for a session that there is."""

    session_id: Name


class SessionParams(Wire):
    """Names a session."""

    session_id: Name


class ListParams(Wire):
    """Which sessions to list."""

    cwd: str | None = None
    cursor: Name | None = None


class ModeParams(SessionParams):
    """The mode to go on in."""

    mode_id: Name


class OptionParams(SessionParams):
    """An option, and what it is to be."""

    config_id: Name
    value: str | bool


class Text(Wire):
    """Words."""

    type: Literal["text"]
    text: str


class Image(Wire):
    """A picture, as base64."""

    type: Literal["image"]
    data: str
    mime_type: str
    uri: str | None = None


class Audio(Wire):
    """Sound, as base64."""

    type: Literal["audio"]
    data: str
    mime_type: str


class Link(Wire):
    """Something that the agent can read itself."""

    type: Literal["resource_link"]
    uri: str
    name: str


class Content(Wire):
    """Something that the editor has read: text, or base64 of anything else."""

    uri: str
    text: str | None = None
    blob: str | None = None
    mime_type: str | None = None


class Resource(Wire):
    """The same as a part of a prompt."""

    type: Literal["resource"]
    resource: Content


Block = Annotated[Text | Image | Audio | Link | Resource, Field(discriminator="type")]
"""A part of a prompt."""


class PromptParams(SessionParams):
    """What the user says."""

    prompt: list[Block] = Field(min_length=1)


class SteerParams(PromptParams):
    """What the user says to a run that goes on; without `runId` to the one that works for the session."""

    run_id: Name | None = None


class Outcome(Wire):
    """What became of a question."""

    outcome: Literal["selected", "cancelled"]
    option_id: str | None = None


class Permission(Wire):
    """What the user decided."""

    outcome: Outcome


Json = dict[str, Any]
"""What goes out."""
