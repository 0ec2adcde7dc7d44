"""agiwod: the daemon that serves agiwo agents over JSON-RPC."""

__version__ = "0.1.0"
"""What `agiwod --version` says. Here because asking the installation for it takes longer than a handshake."""
