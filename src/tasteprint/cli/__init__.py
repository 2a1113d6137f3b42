"""The commands, a file a group; they wire rooms together and hold no mathematics."""
