"""The Model Context Protocol as a face: agents are tools, skills prompts, runs resources. Both eras of it."""

# Whole before its parts: another thread may have begun to load it, for a server whose tools agents use.
import mcp as mcp
