"""The Agent Client Protocol as a face, version 1: what editors speak. Its connection is our own peer."""
