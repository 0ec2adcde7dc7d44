"""What the daemon can do: one inner API that every face translates. Knows no wire."""
