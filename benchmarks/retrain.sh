#!/bin/sh
# Everything behind the model card, from nothing: folds, the shipped training, each collection left out, peers, tables.
#
#     benchmarks/retrain.sh DATA RUNS [fold_0 fold_1 ...]
#
# DATA holds mammo_masses, cbis_mass_crops, cesm_masses and cbis_views. RUNS gets a folder a network, in it `first` and
# `second` for the trainings that it goes on from, and `outlined` for the masses that the second one outlines and the third
# learns from too; a folder that has its model.pt is not trained again. Without names it does all steps, one after the
# other; with names these alone. The shipped weights are `fold_none`.
set -eu
data=$1 runs=$2
shift 2
here=$(cd "$(dirname "$0")/.." && pwd)
cd "$here"
python=${PYTHON:-python}
mkdir -p "$runs"
[ -f "$runs/all.json" ] || "$python" benchmarks/mass_data.py "$data" "$runs/all.json"
for left in mammo_masses cbis_mass_crops cesm_masses; do
    [ -f "$runs/without_$left.json" ] || "$python" benchmarks/mass_data.py "$data" "$runs/without_$left.json" --without "$left"
    [ -f "$runs/only_$left.json" ] || "$python" benchmarks/mass_data.py "$data" "$runs/only_$left.json" --only "$left"
done

first="'bundle/configs/train.yaml'" later="'bundle/configs/train.yaml','bundle/configs/scanners.yaml'"

run() { # folder datalist fold configs [settings]
    [ -f "$1/model.pt" ] && return
    folder=$1 datalist=$2 fold=$3 configs=$4
    shift 4
    "$python" -m monai.bundle run --config_file "[$configs]" --bundle_root bundle --dataset_dir "$data" \
        --datalist "$datalist" --output_dir "$folder" --fold "$fold" --resume true "$@"
}

two() { # folder datalist fold [config of a peer, laid over both trainings] [epochs of the first and of the second]
    run "$1/first" "$2" "$3" "$first${4:+,'$4'}" ${5:+--max_epochs "$5"}
    run "$1/second" "$2" "$3" "$later${4:+,'$4'}" --pretrained "$1/first/model.pt" ${6:+--max_epochs "$6"}
}

third() { # folder datalist fold [config of a peer] [outlined masses of another network]
    outlined=${5:-$1/outlined}
    [ -f "$outlined/datalist.json" ] ||
        "$python" benchmarks/outlined_views.py "$data" "$2" "$1/second/model.pt" "$outlined"
    (
        data=/
        run "$1" "$outlined/datalist.json" "$3" "$later${4:+,'$4'}" --pretrained "$1/second/model.pt" --max_epochs 8
    )
}

step() {
    case $1 in
    fold_[0-9])
        two "$runs/$1" "$runs/all.json" "${1#fold_}"
        third "$runs/$1" "$runs/all.json" "${1#fold_}"
        ;;
    fold_none) # what is shipped: on all masses, from fold 0's first training
        run "$runs/fold_0/first" "$runs/all.json" 0 "$first"
        run "$runs/$1/second" "$runs/all.json" none "$later" --pretrained "$runs/fold_0/first/model.pt"
        third "$runs/$1" "$runs/all.json" none
        ;;
    without_*)
        if [ "$1" = without_cbis_mass_crops ]; then # 165 masses are left, 11 batches an epoch
            two "$runs/$1" "$runs/$1.json" none "" 140 48
            cp "$runs/$1/second/model.pt" "$runs/$1/model.pt" # cbis_views shows CBIS-DDSM's masses too
        else
            two "$runs/$1" "$runs/$1.json" none
            third "$runs/$1" "$runs/$1.json" none
        fi
        "$python" benchmarks/scanner.py "$data" "$runs/only_${1#without_}.json" "$runs/$1/scanner" --checkpoint "$runs/$1/model.pt"
        ;;
    scanner) "$python" benchmarks/scanner.py "$data" "$runs/all.json" "$runs/scanner" --runs "$runs" ;;
    calibrate) # without CBIS-DDSM 165 masses are left: a network of another kind than the one that is shipped
        "$python" benchmarks/calibrate.py "$runs/fold_none/model.pt" "$runs/scanner" \
            "$runs/without_mammo_masses/scanner" "$runs/without_cesm_masses/scanner"
        "$python" benchmarks/fit_unlike.py "$runs/fold_none/model.pt" / "$runs/fold_none/outlined/datalist.json" none \
            --folds "$runs"
        ;;
    unet_fold_[0-9] | segresnet_fold_[0-9])
        name=${1%%_*} own=${1#*_}
        step "$own" # whose outlined masses the peer learns from
        two "$runs/$name/$own" "$runs/all.json" "${1##*_}" "benchmarks/peers/$name.yaml"
        third "$runs/$name/$own" "$runs/all.json" "${1##*_}" "benchmarks/peers/$name.yaml" "$runs/$own/outlined"
        ;;
    card)
        "$python" benchmarks/model_card.py "$data" "$runs/all.json" "$runs" "unet=$runs/unet" "segresnet=$runs/segresnet"
        ;;
    *)
        echo "$1: no such step" >&2
        exit 2
        ;;
    esac
}

[ $# -gt 0 ] || set -- fold_0 fold_1 fold_2 fold_none scanner \
    without_mammo_masses without_cbis_mass_crops without_cesm_masses calibrate \
    unet_fold_0 unet_fold_1 unet_fold_2 segresnet_fold_0 segresnet_fold_1 segresnet_fold_2 card
for each; do step "$each"; done
