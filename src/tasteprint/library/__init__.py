"""A person's own pictures: found on disk, embedded once, ranked."""
