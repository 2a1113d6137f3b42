#!/usr/bin/env bash
# Do people truly prefer what guidance makes for them? A judge is trained on the painter's pictures, the bundled
# generator is examined by it, then 100 simulated people whom no model has met are guided for, three prompts each.
# About half an hour of one core. JUDGE: where the judge is kept. Further words go to experiments/guidance.py.
set -euo pipefail
cd "$(dirname "$0")/.."
JUDGE=${JUDGE:-runs/generator/judge.safetensors}
make --quiet .venv/installed
[ -f "$JUDGE" ] || .venv/bin/python -m experiments.judge train --out "$JUDGE"
.venv/bin/python -m experiments.judge examine --judge "$JUDGE"
.venv/bin/python -m experiments.guidance --judge "$JUDGE" "$@"
.venv/bin/python -m experiments.tables
.venv/bin/python -m experiments.plots
