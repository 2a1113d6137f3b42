"""The taste posterior: a person from a few answers, in closed form, on image embeddings."""
