"""A log looked at before it is built: its first cells, a mapping guessed for it, and what that would give."""
