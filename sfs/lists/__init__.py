"""Lists of names that others keep: how their lines are written, and reading them from disk."""
