"""How good predictions are, and compared with what: predictors of people in, figures with intervals out."""
