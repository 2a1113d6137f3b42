"""The taste posterior: a person from a few answers by Bayes' rule, on image embeddings."""
