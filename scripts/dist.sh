#!/bin/sh
# scripts/dist.sh: builds what can be shipped, into target/dist: the program, a list of what it is made of (SBOM), and their checksums.
#
# The program is that of `cargo build --profile dist`, with the functions that a transaction runs side by side (link-hot-first.sh).
# No path of this machine is in it.
set -eu

cd "$(dirname "$0")/.."
say() { printf '%s\n' "dist: $*" >&2; }

cargo=$(command -v cargo || printf '%s' "${CARGO_HOME:-$HOME/.cargo}/bin/cargo")
home=${CARGO_HOME:-$HOME/.cargo}
target=target/dist-build
sysroot=$(rustc --print sysroot)

# For Rust, and for the C and assembler of libraries.
RUSTFLAGS="${RUSTFLAGS:-} --remap-path-prefix=$PWD=. --remap-path-prefix=$home=cargo --remap-path-prefix=$sysroot=rust"
CFLAGS="${CFLAGS:-} -ffile-prefix-map=$PWD=. -ffile-prefix-map=$home=cargo"
export RUSTFLAGS CFLAGS CARGO_INCREMENTAL=0

"$cargo" rustc --profile dist --locked --bin pgtenant --target-dir "$target" -- -C "linker=$PWD/scripts/link-hot-first.sh"

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
