"""The other daemons over the same store: who they are, and the conversations with them."""
