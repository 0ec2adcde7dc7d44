"""Projects: the directories with agents, skills and servers of their own that the user has trusted."""

from agiwo_protocol.contract import Method, Page, Wire


class Project(Wire):
    """A directory that was trusted at `trustedAt`, by its path.

    One that is not `trusted` any more, because it wants something else by now or cannot be read, is left out; the
    `notice` says why. A client works in a project whose path, or one below it, is the `cwd` of its `workspace`.
    """

    root: str
    trusted: bool
    trusted_at: str | None = None
    notice: str | None = None


class ListResult(Wire):
    """A page of projects by path."""

    projects: list[Project]
    next_cursor: str | None = None


LIST = Method("project/list", Page, ListResult, "The projects that the user has trusted.")
