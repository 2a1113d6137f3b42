"""A person's own pictures on disk: found, read, embedded once, near-duplicates grouped."""
