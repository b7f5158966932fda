#!/usr/bin/env python3
"""Which functions of the program a transaction runs, for scripts/dist.sh, which lays them side by side in the program.

    scripts/dist.sh && python3 benches/hot_functions.py > scripts/hot-functions.txt

Counts instructions by valgrind's callgrind while pgbench runs in its three protocols, and prints the functions of which any
instruction runs in one transaction of fifty, the often run first. A name is as the linker has it, without the hash that each
build gives it: names last longer than builds. What it found is told on stderr: bytes of code, and pages they are on.
"""

import argparse
import bisect
import collections
import os
import re
import sys
import tempfile
from pathlib import Path

import pgbench as bench

MODES = ("simple", "extended", "prepared")
CLIENTS, SECONDS = 32, 4
# Of the transactions: below the first a function is left out, above the second it comes first.
SELDOM, OFTEN = 0.02, 0.3
LINE, PAGE = 64, 4096


class Counted(bench.PgTenant):
    """As the benchmark has it, on one thread, in callgrind, which counts when it is told to."""

    def start(self):
        self.counts = self.directory / "counts"
        valgrind = [bench.need_program("valgrind"), "--tool=callgrind", "--dump-instr=yes", "--demangle=no",
                    "--instr-atstart=no", f"--callgrind-out-file={self.counts}"]
        self.process = bench.Process(
            "pgtenant", [*valgrind, self.program, "serve", "--config", self.config], self.directory,
            env=self.variables | {"PGTENANT_LISTEN_THREADS": "1"}, cwd=self.directory)
        self.process.wait_ready(lambda: bench.Wire(self.port, self.user, self.password)).close()

    def count(self, on):
        control = [bench.need_program("callgrind_control"), "-i", "on" if on else "off", self.process.child.pid]
        bench.run(control)


def counts_by_address(path):
    """How often each instruction ran (callgrind's format: addresses may be relative to the one before)."""
    counts, address, is_call = collections.Counter(), 0, False
    for line in path.open():
        if line.startswith("calls="):
            # What the next line counts ran in what was called.
            is_call = True
            continue
        found = re.match(r"(0x[0-9a-f]+|[+-]\d+|\*) \S+ (\d+)$", line)
        if not found:
            continue
        where = found[1]
        if where.startswith("0x"):
            address = int(where, 16)
        elif where != "*":
            address += int(where)
        if not is_call:
            counts[address] += int(found[2])
        is_call = False
    return counts


def functions(program):
    """(address, size, name) of all in the program, in order."""
    found = []
    for line in bench.run([bench.need_program("nm"), "--print-size", "--defined-only", program]).splitlines():
        fields = line.split()
        if len(fields) == 4 and fields[2] in "tTwW":
            found.append((int(fields[0], 16), int(fields[1], 16), fields[3]))
    return sorted(found)


def without_hash(name):
    return re.sub(r"17h[0-9a-f]{16}E.*$", "", name)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", default="target/dist-build/dist/pgtenant", type=Path)
    binary = parser.parse_args().binary.resolve()
    options = argparse.Namespace(binary=binary, clients=CLIENTS, pool=CLIENTS // 2, idle_clients=0, scale=1, tls=False,
                                 modes=MODES, scripts=["select"], counts=[CLIENTS])
    known = functions(binary)
    starts = [start for start, _, _ in known]
    share, hot = collections.Counter(), set()
    with tempfile.TemporaryDirectory(prefix="pgtenant-hot-") as directory:
        if entry := bench.unprivileged()[1]:
            os.chown(directory, entry.pw_uid, entry.pw_gid)
        cluster = bench.Cluster(directory, options)
        try:
            bench.prepare_role(cluster, True)
            leg = Counted(cluster, directory, options)
            bench.prepare_tables(cluster, options)
            for mode in MODES:
                leg.start()
                try:
                    bench.pgbench(leg, cluster, ("select", mode, CLIENTS), 1)
                    leg.count(True)
                    done = SECONDS * bench.pgbench(leg, cluster, ("select", mode, CLIENTS), SECONDS).tps
                    leg.count(False)
                finally:
                    leg.stop()
                for address, count in counts_by_address(leg.counts).items():
                    at = bisect.bisect_right(starts, address) - 1
                    if at < 0 or address >= starts[at] + known[at][1]:
                        continue
                    share[known[at]] = max(share[known[at]], count / done)
                    if count >= OFTEN * done:
                        hot.add(address)
        finally:
            cluster.stop()
    chosen = sorted((one for one in share if share[one] >= SELDOM), key=lambda one: (share[one] < OFTEN, one[0]))
    for name in dict.fromkeys(without_hash(name) for _, _, name in chosen):
        print(name)
    print(f"{len(chosen)} functions of {sum(size for _, size, _ in chosen) >> 10} kB; what runs in most transactions is "
          f"{len({at // LINE for at in hot}) * LINE >> 10} kB on {len({at // PAGE for at in hot})} pages", file=sys.stderr)


if __name__ == "__main__":
    try:
        main()
    except bench.Failure as failure:
        sys.exit(f"hot_functions: {failure}")
