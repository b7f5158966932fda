#!/bin/sh
# fuzz/run.sh TARGET|all SECONDS: libFuzzer over tests/corpus/fuzz, see README.md. Ends with 1 where an input broke a promise.
set -eu

cd "$(dirname "$0")/.."
[ $# -eq 2 ] || { sed -n '2s/^# //p' "$0" >&2; exit 2; }
targets=$1
[ "$targets" != all ] || targets=$(ls tests/corpus/fuzz)

# Leaks are not looked for: what is remembered of statements lives as long as the process.
for target in $targets; do
    mkdir -p "fuzz/corpus/$target"
    echo "==== $target"
    cargo +nightly fuzz run "$target" "fuzz/corpus/$target" "tests/corpus/fuzz/$target" -- \
        -max_total_time="$2" -max_len=4096 -timeout=20 -rss_limit_mb=4096 -detect_leaks=0 -print_final_stats=1
done
