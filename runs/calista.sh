#!/usr/bin/env bash
# Real votes on screenshots of web pages: for three splits of the raters, train mini on 80 % of them and evaluate on
# the rest. Log: DATA (see its README for provenance and licence). Results: docs/results/calista.json, docs/results.md.
set -euo pipefail
cd "$(dirname "$0")/.."
DATA=${DATA:-../shared/data/calista_webpages}
SEEDS=${SEEDS:-0 1 2}
if [ ! -f "$DATA/choices.csv" ]; then
  echo "The log is not at $DATA: set DATA to its folder. Nothing was run." >&2
  exit 0
fi
make --quiet .venv/installed
for seed in $SEEDS; do
  out=runs/calista/$seed
  [ -f "$out/data/summary.json" ] || .venv/bin/tasteprint data build "$DATA/choices.csv" --mapping calista \
    --out "$out/data" --validation 0.1 --test 0.2 --seed "$seed"
  .venv/bin/tasteprint train --data "$out/data" --config mini --set seed="$seed" --out "$out/run"
  .venv/bin/tasteprint evaluate --model "$out/run" --data "$out/data" --seed "$seed" --out "$out/results.json"
done
# shellcheck disable=SC2086
.venv/bin/python runs/gather.py docs/results/calista.json runs/calista.sh \
  $(for seed in $SEEDS; do echo "runs/calista/$seed/results.json"; done)
.venv/bin/python runs/tables.py
