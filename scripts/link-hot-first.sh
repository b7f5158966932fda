#!/bin/sh
# A linker for rustc (-C linker=): links as cc does, then once more with the functions of scripts/hot-functions.txt side by side, in
# its order. The list has names without the hash that each build puts behind them; the first link tells how they end in this one.
# It takes a linker with --symbol-ordering-file: LLVM's, which comes with Rust for Linux on x86-64. Where there is another, the order is
# left to it.
set -eu

list=$(dirname "$0")/hot-functions.txt
cc "$@"

program=
previous=
for argument in "$@"; do
    [ "$previous" != -o ] || program=$argument
    previous=$argument
done

order=$(mktemp)
trap 'rm -f "$order"' EXIT
nm --defined-only "$program" | awk '
    FNR == NR { place[$1] = FNR; next }
    { name = $3; sub(/17h[0-9a-f]+E.*$/, "", name) }
    name in place { print place[name], $3 }
' "$list" - | sort -n -u | cut -d " " -f 2 >"$order"
found=$(sed 's/17h[0-9a-f]*E.*$//' "$order" | sort -u | wc -l)
listed=$(wc -l <"$list")
echo "link-hot-first: $found of $listed functions found" >&2
if [ $((found * 10)) -lt $((listed * 7)) ]; then
    echo "link-hot-first: those are few, so the program is slower than it could be; write the list anew (benches/hot_functions.py)" >&2
fi
if ! cc "$@" "-Wl,--symbol-ordering-file=$order" -Wl,--no-warn-symbol-ordering; then
    echo "link-hot-first: this linker takes no order of functions; linked without" >&2
    cc "$@"
fi
