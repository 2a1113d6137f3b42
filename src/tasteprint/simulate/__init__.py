"""People whose true taste is known, the pictures they see, the votes they give, the best that could be known."""
