#!/usr/bin/env bash
# Real votes on screenshots of web pages: for three splits of the raters, train mini on 80 % of them and evaluate on the
# rest, in three ways: by the paper's losses alone, taught by a posterior of the same raters, and so taught from the
# bundled mini on. Log: DATA (see its README for provenance and licence). Results: docs/results/calista*.json.
set -euo pipefail
cd "$(dirname "$0")/.."
DATA=${DATA:-../shared/data/calista_webpages}
SEEDS=${SEEDS:-0 1 2}
OUT=${OUT:-runs/calista}
VARIANTS=${VARIANTS:-taught alone onward}
if [ ! -f "$DATA/choices.csv" ]; then
  echo "The log is not at $DATA: set DATA to its folder. Nothing was run." >&2
  exit 0
fi
make --quiet .venv/installed
# Some twenty-five times through the raters. A learned prior lost to the estimated one on every split (docs/results.md).
SHORT="--set stage1.steps=150 --set stage1.batch_size=16 --set stage2.batch_size=16"
for seed in $SEEDS; do
  data=$OUT/$seed/data
  [ -f "$data/summary.json" ] || .venv/bin/tasteprint data build "$DATA/choices.csv" --mapping calista \
    --out "$data" --validation 0.1 --test 0.2 --seed "$seed"
  .venv/bin/tasteprint train --data "$data" --config posterior --set seed="$seed" --set posterior.encoder=statistics \
    --set posterior.prior=estimated --out "$OUT/$seed/posterior"
  declare -A variants=(
    [alone]="--set teacher.posterior=''"
    [taught]="--set teacher.posterior=$OUT/$seed/posterior"
    [onward]="--set teacher.posterior=$OUT/$seed/posterior --set init_from=mini"
  )
  for variant in $VARIANTS; do
    # shellcheck disable=SC2086
    .venv/bin/tasteprint train --data "$data" --config mini --set seed="$seed" $SHORT ${variants[$variant]} \
      --out "$OUT/$seed/$variant"
    .venv/bin/tasteprint evaluate --model "$OUT/$seed/$variant" --data "$data" --seed "$seed" \
      --baseline "$OUT/$seed/posterior" --out "$OUT/$seed/$variant.json"
  done
done
for variant in $VARIANTS; do
  # shellcheck disable=SC2046
  .venv/bin/python -m experiments.figures "docs/results/calista-$variant.json" experiments/calista.sh \
    $(for seed in $SEEDS; do echo "$OUT/$seed/$variant.json"; done)
done
.venv/bin/python -m experiments.tables
