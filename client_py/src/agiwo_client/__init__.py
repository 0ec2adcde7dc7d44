"""A thin client for agiwod."""
