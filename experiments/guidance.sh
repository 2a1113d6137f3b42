#!/usr/bin/env bash
# Do people truly prefer what guidance makes for them? A judge is trained on the painter's pictures, the bundled
# generator is examined by it, then 100 simulated people whom no model has met are guided for, three prompts each.
# About half an hour of one core. JUDGE: where the judge is kept. Further words go to runs/guidance.py.
set -euo pipefail
cd "$(dirname "$0")/.."
JUDGE=${JUDGE:-runs/generator/judge.safetensors}
make --quiet .venv/installed
[ -f "$JUDGE" ] || .venv/bin/python runs/attribute_reader.py --out "$JUDGE"
.venv/bin/python runs/generator_examined.py --judge "$JUDGE"
.venv/bin/python runs/guidance.py --judge "$JUDGE" "$@"
.venv/bin/python runs/tables.py
.venv/bin/python runs/plots.py
