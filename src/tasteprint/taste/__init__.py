"""The second way to know a person: the taste posterior on image embeddings (method.md section 10)."""
