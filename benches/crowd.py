#!/usr/bin/env python3
"""Many clients are connected and a part of them works: pgtenant beside PgBouncer, in turns, on a private PostgreSQL.

Most clients are logged in and idle, the others run pgbench's select-only transactions. Prints transactions per second and
latencies with the crowd, the same with 32 clients and nobody else, how many transactions the least and the most
served client had, and the proxy's memory and CPU. Needs what pgbench.py needs, and descriptors for two sockets of each client.

Exits with 1 when a transaction failed, when pgtenant has less than half of its throughput without the crowd, or when
its least served client had less than half of what the middle one had.
"""

import argparse
import glob
import os
import re
import signal
import statistics
import sys
import tempfile
import typing
from collections import Counter
from pathlib import Path

import pgbench as b

FEW = 32


class Run(typing.NamedTuple):
    """One pgbench run: transactions per second, CPU of the proxy in µs for each, latencies in ms, transactions by client."""

    tps: float
    proxy_us: float
    p50: float
    p99: float
    worst: float
    shares: list


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--connected", type=int, default=10_000, help="clients in all (10000)")
    parser.add_argument("--active", type=int, default=1000, help="of those, clients that work (1000)")
    parser.add_argument("--seconds", type=int, default=10, help="length of a round (10)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each proxy (3)")
    parser.add_argument("--mode", choices=b.MODES, default="simple", help="of pgbench (simple)")
    parser.add_argument("--pool", type=int, default=16, help="server connections of each proxy (16)")
    parser.add_argument("--scale", type=int, default=5, help="pgbench scale factor (5)")
    parser.add_argument("--tls", action="store_true", help="TLS between clients and proxies")
    parser.add_argument("--binary", default=b.ROOT / "target/release/pgtenant", help="the proxy (target/release/pgtenant)")
    options = parser.parse_args()
    if not FEW <= options.active <= options.connected:
        parser.error(f"--active: at least {FEW}, and not more than are connected")
    options.only, options.clients, options.idle_clients = ["pgbouncer", "pgtenant"], options.active, options.connected
    options.binary = Path(options.binary).resolve()
    return options


def work(leg, clients, options):
    """One run of pgbench with so many clients. Its time counts while it logs in, too, which takes it 5 to 10 ms a client."""
    before = leg.process.cpu_us()
    with tempfile.TemporaryDirectory(prefix="pgtenant-crowd-") as logs:
        said = b.run([b.need_program("pgbench"), "-n", "-S", "-M", options.mode, "-c", clients, "-j", 2, "-T", options.seconds + clients // 100,
                      "-l", "--log-prefix", f"{logs}/log", "-h", b.HOST, "-p", leg.port, "-U", leg.user, b.DATABASE],
                     env=b.client_environment(leg))
        cpu = leg.process.cpu_us() - before
        lines = [line.split() for path in glob.glob(f"{logs}/log*") for line in open(path)]
    done = int(re.search(r"transactions actually processed: (\d+)", said).group(1))
    failed = re.search(r"number of failed transactions: (\d+)", said)
    if done == 0 or (failed and int(failed.group(1))):
        raise b.Failure(f"{leg.name}: not every transaction succeeded:\n{said}")
    tps = float(re.search(r"tps = ([\d.]+) \((?:without|excluding)", said).group(1))
    latencies = sorted(int(line[2]) / 1000 for line in lines)
    counts = Counter(int(line[0]) for line in lines)
    shares = sorted(counts.get(client, 0) for client in range(clients))
    return Run(tps, cpu / done, latencies[len(latencies) // 2], latencies[len(latencies) * 99 // 100], latencies[-1], shares)


def measure(leg, options):
    """Without the crowd, with it, and the proxy's memory before, with the crowd, and after it worked."""
    leg.start()
    clients = []
    try:
        alone = work(leg, FEW, options)
        base = leg.process.rss_kb()
        tls = b.unverified(options)
        for n in range(options.connected - options.active):
            clients.append(b.Wire(leg.port, leg.user, leg.password, tls))
            if n % 1000 == 999:
                print(f"  {leg.name}: {n + 1} idle clients", flush=True)
        connected = leg.process.rss_kb()
        crowded = work(leg, options.active, options)
        for client in clients[:: max(1, len(clients) // 100)]:
            if client.query("SELECT 1") != [["1"]]:
                raise b.Failure(f"{leg.name}: an idle client got a wrong row")
        return alone, crowded, (base, connected, leg.process.rss_kb())
    finally:
        for client in clients:
            client.close()
        leg.stop()


def tell(name, results, options):
    middle = lambda values: statistics.median(values)
    alone, crowded, memory = zip(*results)
    idle = max(1, options.connected - options.active)
    shares = [(run.shares[0], middle(run.shares), run.shares[-1]) for run in crowded]
    print(f"{name:11}{middle([r.tps for r in alone]):9.0f}/s with {FEW} clients alone; with the crowd {middle([r.tps for r in crowded]):9.0f}/s, "
          f"CPU {middle([r.proxy_us for r in crowded]):.1f} µs, p50 {middle([r.p50 for r in crowded]):.1f} p99 {middle([r.p99 for r in crowded]):.1f} "
          f"longest {max(r.worst for r in crowded):.0f} ms")
    print(f"{'':11}transactions by client, least / middle / most: {' ; '.join(f'{a} / {m:.0f} / {z}' for a, m, z in shares)}; "
          f"memory {middle([m[0] for m in memory]) / 1024:.1f} MB, {middle([m[1] for m in memory]) / 1024:.1f} with the idle ones "
          f"({middle([(m[1] - m[0]) / idle for m in memory]):.2f} kB each), {middle([m[2] for m in memory]) / 1024:.1f} at the end")
    slow = [r for a, r in zip(alone, crowded) if r.tps < a.tps / 2]
    unfair = [s for s in shares if s[0] < s[1] / 2]
    return bool(slow or unfair)


def main():
    options = arguments()
    b.raise_file_limit()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory(prefix="pgtenant-bench-") as directory:
        if entry := b.unprivileged()[1]:
            os.chown(directory, entry.pw_uid, entry.pw_gid)
        print(b.machine(), flush=True)
        cluster = b.Cluster(directory, options)
        try:
            legs = b.make_legs(cluster, directory, options)
            results = {}
            for _ in range(options.rounds):
                for leg in legs:
                    results.setdefault(leg.name, []).append(measure(leg, options))
            failed = [tell(leg.name, results[leg.name], options) and leg.name == "pgtenant" for leg in legs]
        finally:
            cluster.stop()
    if any(failed):
        raise b.Failure("pgtenant collapsed, or was unfair")


if __name__ == "__main__":
    try:
        main()
    except b.Failure as failure:
        sys.exit(f"crowd.py: {failure}")
    except KeyboardInterrupt:
        sys.exit(130)
