"""The model: backbones, preference tokens, losses, and what is kept of a person."""
