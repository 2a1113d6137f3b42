#!/usr/bin/env bash
# From nothing to the `mini` and the `mini-posterior` of the package, seeded: the eye, the log of simulated people, the
# posterior, stage 1, stage 2, and a last part with longer histories; then both are measured on people and pictures that
# none of them saw. Under three hours on two cores; killed, it goes on where it was. On a GPU the same commands take it.
set -euo pipefail
cd "$(dirname "$0")/.."
OUT=${OUT:-runs/world}
make --quiet .venv/installed
[ -f "$OUT/eye" ] || { .venv/bin/python -m experiments.train_eye; mkdir -p "$OUT"; touch "$OUT/eye"; }
.venv/bin/python -m experiments.world_log --out "$OUT"
.venv/bin/tasteprint train --data "$OUT/data" --config experiments/mini.toml --out "$OUT/run"
.venv/bin/tasteprint train --data "$OUT/data" --config experiments/mini_longer.toml --set init_from="$OUT/run/model" \
  --set teacher.posterior="$OUT/run/posterior/model" --out "$OUT/longer"
.venv/bin/python -m experiments.ship mini "$OUT/longer/model" "$OUT/run/posterior/model"
.venv/bin/python -m experiments.world --model mini --posterior mini-posterior --data "$OUT/data" \
  --runs "$OUT/run" "$OUT/longer"
.venv/bin/python -m experiments.tables
.venv/bin/python -m experiments.plots
