#!/usr/bin/env python3
"""What the program does in its work, counted, for scripts/dist.sh, which has the compiler lay it out by that.

    scripts/dist.sh --instrumented && python3 benches/train.py scripts/dist.profdata

Runs an instrumented program (rustc -C profile-generate) on a private server with pgbench: its three protocols, transactions that write, logins, COPY
and large rows, plain and with TLS, and merges what was counted. A profile fits the version of the compiler it was taken with, which is
written beside it, and what has not changed since. It takes llvm-profdata of the compiler: `rustup component add llvm-tools`.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

import pgbench as bench

CLIENTS, SECONDS, MEGABYTES = 32, 4, 50


def work(leg, cluster):
    leg.start()
    try:
        for mode in bench.MODES:
            bench.pgbench(leg, cluster, ("select", mode, CLIENTS), SECONDS)
            bench.pgbench(leg, cluster, ("tpcb", mode, CLIENTS // 4), SECONDS)
        bench.pgbench(leg, cluster, ("select", "connect", CLIENTS // 4), SECONDS)
        for stream in (bench.copy_out, bench.copy_in, bench.one_large_row):
            stream(leg, MEGABYTES)
    finally:
        # An end by SIGTERM writes the counts.
        leg.stop()


def llvm_profdata():
    found = sorted(Path(bench.run(["rustc", "--print", "sysroot"]).strip()).glob("lib/rustlib/*/bin/llvm-profdata"))
    if not found:
        raise bench.Failure("llvm-profdata of the compiler is missing: `rustup component add llvm-tools`")
    return found[0]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("profile", help="the file to write", type=Path)
    parser.add_argument("--binary", default="target/dist-build-instrumented/dist/pgtenant", type=Path)
    options = parser.parse_args()
    merge = llvm_profdata()
    run = argparse.Namespace(binary=options.binary.resolve(), clients=CLIENTS, pool=CLIENTS // 2, idle_clients=0, scale=2, tls=True)
    with tempfile.TemporaryDirectory(prefix="pgtenant-train-") as directory:
        if entry := bench.unprivileged()[1]:
            os.chown(directory, entry.pw_uid, entry.pw_gid)
        cluster = bench.Cluster(directory, run)
        try:
            bench.prepare_role(cluster, True)
            # What `init` and the others of its commands do is not the work that counts.
            os.environ["LLVM_PROFILE_FILE"] = os.devnull
            leg = bench.PgTenant(cluster, directory, run)
            bench.prepare_tables(cluster, run)
            leg.variables["LLVM_PROFILE_FILE"] = f"{directory}/%p.profraw"
            for transport in ({}, leg.environment):
                leg.environment = transport
                work(leg, cluster)
            counted = sorted(Path(directory).glob("*.profraw"))
            if len(counted) != 2:
                raise bench.Failure(f"{options.binary} is not an instrumented program: scripts/dist.sh --instrumented")
            bench.run([merge, "merge", "--sparse", "--output", options.profile, *counted])
            options.profile.with_name(options.profile.name + ".rustc").write_text(bench.run(["rustc", "--version"]))
        finally:
            cluster.stop()
    print(f"{options.profile}: {options.profile.stat().st_size >> 10} kB", file=sys.stderr)


if __name__ == "__main__":
    try:
        main()
    except bench.Failure as failure:
        sys.exit(f"train: {failure}")
