"""Transcripts of the protocol, held against any server that speaks it. Imports no part of the daemon."""
