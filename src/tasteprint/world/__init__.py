"""The simulated world: people whose true taste is known, the pictures they see, the votes they give."""
