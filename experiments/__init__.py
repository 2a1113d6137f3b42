"""What remakes the figures, tables and pictures of `docs/`, one command a module: `python -m experiments.NAME`.

Enters: the package `tasteprint`. Leaves: files in `docs/` and `runs/`. Nothing in `tasteprint` imports this.
"""
