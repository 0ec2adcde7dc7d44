"""The nouns of the SDK as frozen data: no behaviour, no I/O."""
