"""How good predictions are, and beside what: readers of people in, figures with intervals out."""
