#!/usr/bin/env bash
# rustdoc as `RUSTDOC=scripts/rustdoc-for-doctests.sh cargo test --doc` runs it: where cargo has it look for tests in the documentation, it
# writes the documentation. `cargo doc` would have every library compiled once more for that, only to know its types; for
# tests cargo hands over those that are there.
set -euo pipefail

is_test=
arguments=()
while [[ $# -gt 0 ]]; do
    case $1 in
        --test) is_test=1 ;;
        --test-run-directory | --test-args | --test-runtool | --test-runtool-arg) shift ;;
        --test-run-directory=* | --test-args=* | --test-runtool=* | --no-run | --nocapture) ;;
        *) arguments+=("$1") ;;
    esac
    shift
done
# Cargo also asks for its version.
[[ -z $is_test ]] || arguments+=(--out-dir target/doc)
exec rustdoc "${arguments[@]}"
