"""The native protocol: JSON-RPC 2.0 over the runtime."""
