"""Engines: what runs programs durably."""
