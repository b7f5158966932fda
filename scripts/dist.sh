#!/bin/sh
# scripts/dist.sh: builds what can be shipped, into target/dist: the program, a list of what it is made of (SBOM), and their checksums.
#
# The program is that of `cargo build --profile dist`, laid out by what was counted of its work (dist.profdata, by benches/train.py), and with the
# functions that a transaction runs side by side (link-hot-first.sh). No path of this machine is in it.
#
# --instrumented: the program that counts, into target/dist-build-instrumented, for benches/train.py.
set -eu

cd "$(dirname "$0")/.."
say() { printf '%s\n' "dist: $*" >&2; }
case ${1-} in
    '') instrumented= ;;
    --instrumented) instrumented=1 ;;
    *) say "unknown argument $1: scripts/dist.sh [--instrumented]"; exit 2 ;;
esac

cargo=$(command -v cargo || printf '%s' "${CARGO_HOME:-$HOME/.cargo}/bin/cargo")
home=${CARGO_HOME:-$HOME/.cargo}
target=target/dist-build
sysroot=$(rustc --print sysroot)

# For Rust, and for the C and assembler of libraries.
RUSTFLAGS="${RUSTFLAGS:-} --remap-path-prefix=$PWD=. --remap-path-prefix=$home=cargo --remap-path-prefix=$sysroot=rust"
CFLAGS="${CFLAGS:-} -ffile-prefix-map=$PWD=. -ffile-prefix-map=$home=cargo"
export RUSTFLAGS CFLAGS CARGO_INCREMENTAL=0

# So that the same sources give the same program and the same list: where one of them has a time in it (mimalloc, in C), it is that of the last change.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 0)}
export SOURCE_DATE_EPOCH

# The profile names functions as one version of the compiler does. Without it the program does the same, and slower.
taken_with=$(cat scripts/dist.profdata.rustc)
if [ -n "$instrumented" ]; then
    target=target/dist-build-instrumented
    RUSTFLAGS="$RUSTFLAGS -C profile-generate"
elif [ "$taken_with" = "$(rustc --version)" ]; then
    RUSTFLAGS="$RUSTFLAGS -C profile-use=$PWD/scripts/dist.profdata"
else
    say "built without scripts/dist.profdata: it was taken with $taken_with, and this is $(rustc --version); benches/train.py writes it anew"
fi

"$cargo" rustc --profile dist --locked --bin pgtenant --target-dir "$target" -- -C "linker=$PWD/scripts/link-hot-first.sh"
[ -z "$instrumented" ] || exit 0

rm -rf target/dist
mkdir -p target/dist
strip --strip-debug -o target/dist/pgtenant "$target/dist/pgtenant"

# What it is made of, in CycloneDX, where the program that writes it is there: `cargo install cargo-cyclonedx`.
if "$cargo" cyclonedx --version >/dev/null 2>&1; then
    "$cargo" cyclonedx --quiet --format json --override-filename pgtenant.cdx --target all
    sed "s#path+file://$PWD#path+file://#g" pgtenant.cdx.json >target/dist/pgtenant.cdx.json
    rm -f pgtenant.cdx.json crates/*/pgtenant.cdx.json
else
    say "cargo-cyclonedx is not installed: no list of what it is made of was written"
fi
(cd target/dist && sha256sum -- * > SHA256SUMS && cat SHA256SUMS)
