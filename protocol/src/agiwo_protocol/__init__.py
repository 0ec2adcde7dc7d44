"""The wire of agiwod: envelopes, framing, and the contract of every method and event."""
