"""What an agent decides, over the durable context. No clock, no ids, no I/O."""
