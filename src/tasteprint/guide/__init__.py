"""Pictures made for a person: text-to-image generators, and how the noise that they begin from is optimised."""
