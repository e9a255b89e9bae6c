#!/usr/bin/env bash
# Builds the fuzz targets with the nightly compiler and runs each of them, or those that are named:
#
#     tests/fuzz/run.sh [--seconds N] [--seed N] [--build] [target...]
#
# Every target begins with its seeds (seeds/) and with what earlier runs found (corpus/ in the target directory). A find ends
# the run; it is kept in finds/, and `run.sh --again FILE target` repeats it. The last line of each target tells how often it
# was run, how many edges were covered, and how many inputs are worth keeping.
set -euo pipefail
cd "$(dirname "$0")"

seconds=60
# Another one in each run, unless it is given.
seed=0
only_build=
again=
targets=()
while [ $# -gt 0 ]; do
    case "$1" in
        --seconds) seconds=$2; shift ;;
        --seed) seed=$2; shift ;;
        --build) only_build=1 ;;
        --again) again=$(realpath "$2"); shift ;;
        -h | --help) sed -n 's/^# \{0,1\}//p' "$0"; exit 0 ;;
        -*) echo "there is no option $1" >&2; exit 2 ;;
        *) targets+=("$1") ;;
    esac
    shift
done
if [ ${#targets[@]} = 0 ]; then
    mapfile -t targets < <(sed -n 's/^path = "targets\/\(.*\)\.rs"$/\1/p' Cargo.toml)
fi

host=$(rustc +nightly -vV | sed -n 's/^host: //p')
# What `cargo fuzz` sets: edges are counted, comparisons are seen, and memory is watched.
export RUSTFLAGS="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
-Cllvm-args=-sanitizer-coverage-trace-compares -Zsanitizer=address -Ccodegen-units=1 --cfg fuzzing"
target_dir=${CARGO_TARGET_DIR:-$PWD/target}/fuzz
cargo +nightly build --locked --release --target "$host" --target-dir "$target_dir" "${targets[@]/#/--bin=}"
[ -z "$only_build" ] || exit 0

# Stores are made and thrown away by the hundred: in memory, where there is such a place, and large enough.
free=$(df --output=avail /dev/shm 2>/dev/null | tail -1) || free=0
if [ -z "${TMPDIR:-}" ] && [ -w /dev/shm ] && [ "$free" -gt 1000000 ]; then
    TMPDIR=$(mktemp -d -p /dev/shm)
    export TMPDIR
    trap 'rm -rf "$TMPDIR"' EXIT
fi
# Handles and stores of one process live as long as it does.
export ASAN_OPTIONS=detect_leaks=0
for target in "${targets[@]}"; do
    program=$target_dir/$host/release/$target
    if [ -n "$again" ]; then
        "$program" "$again"
        continue
    fi
    corpus=$target_dir/corpus/$target
    mkdir -p "$corpus" "$target_dir/finds"
    log=$target_dir/$target.log
    words=()
    [ ! -f "words/$target" ] || words=(-dict="words/$target")
    if ! "$program" "$corpus" "seeds/$target" -seed="$seed" -max_total_time="$seconds" -max_len=8192 -timeout=30 -rss_limit_mb=4096 \
        -print_final_stats=1 -artifact_prefix="$target_dir/finds/$target-" "${words[@]}" >"$log" 2>&1; then
        tail -60 "$log"
        echo "$target: a find, kept in $target_dir/finds" >&2
        exit 1
    fi
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    edges=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$log" | tail -1)
    kept=$(find "$corpus" -type f | wc -l)
    echo "$target: $runs runs in $seconds s, $edges edges, $kept inputs kept"
done
