"""agiwod: the daemon that serves agiwo agents over JSON-RPC."""
