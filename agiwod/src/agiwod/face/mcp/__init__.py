"""The Model Context Protocol as a face: agents are tools, skills prompts, runs resources. Both eras of it."""
