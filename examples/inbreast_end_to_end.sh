#!/usr/bin/env bash
# From the files of INbreast to tables: prepare, train, evaluate, and outline the masses of whole mammograms.
#
#   examples/inbreast_end_to_end.sh OUT [--name value ...]
#
# What follows OUT goes to every run of the bundle, as `--features "[8,16,32,64,64]"`. From the environment:
#   INBREAST  folder of the collection; without it phantoms are made in OUT/INbreast, 300 MB at full size
#   SIZE      columns and rows of the phantoms, "400 500" for a quick look; without it those of INbreast's detectors
#   EPOCHS    of training, 3
# The commands are those of the environment that the package is installed in: `. .venv/bin/activate` first.
set -euo pipefail

out=${1:?usage: examples/inbreast_end_to_end.sh OUT [--name value ...]}
shift
bundle=$(cd "$(dirname "$0")/../bundle" && pwd)
inbreast=${INBREAST:-$out/INbreast}
datalist=$out/datalist.json

run() { # a bundle's configs, one laid over the other, then settings
  local configs=$1
  shift
  python -W ignore -m monai.bundle run --config_file "$configs" --meta_file "$bundle/configs/metadata.json" \
    --logging_file "$bundle/configs/logging.conf" --bundle_root "$bundle" \
    --dataset_dir "$inbreast" --datalist "$datalist" "$@"
}

if [ -z "${INBREAST:-}" ]; then
  # shellcheck disable=SC2086  # two numbers
  monai-rescunet phantom "$inbreast" --layout inbreast ${SIZE:+--size $SIZE}
fi
monai-rescunet prepare inbreast "$inbreast" --out "$datalist" || [ $? -eq 3 ] # 3: done, but for some

train=$bundle/configs/train.yaml
run "$train" --output_dir "$out/train" --fold 0 --max_epochs "${EPOCHS:-3}" "$@"
run "['$train','$bundle/configs/evaluate.yaml']" --output_dir "$out/evaluation" --fold 0 \
  --checkpoint "$out/train/model.pt" "$@"
run "$bundle/configs/inference.yaml" --output_dir "$out/predictions" --checkpoint "$out/train/model.pt" "$@"

monai-rescunet show "$out/predictions/results.csv"
echo "metrics of the held-out fold: $out/evaluation/metrics.json"
