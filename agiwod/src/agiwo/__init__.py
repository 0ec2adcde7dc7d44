"""agiwo: an SDK for LLM agents: streaming first, durable, without a daemon."""
