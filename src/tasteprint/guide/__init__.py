"""Images made for a person: generators, and later how they are guided."""
