"""Pictures to pixels, and pixels to embeddings: encoders by name, and what they gave, kept on disk."""
