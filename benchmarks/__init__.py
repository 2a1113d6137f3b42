"""What things cost: our way beside the published one, in one process; run a module with `python -m`."""
