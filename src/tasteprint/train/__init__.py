"""Training: the eye, the teacher, two stages, in a run folder that survives a kill."""
