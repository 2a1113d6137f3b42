"""The front: commands, and the pages that they write. The only room that wires rooms together."""
