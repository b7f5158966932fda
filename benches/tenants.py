#!/usr/bin/env python3
"""`pgtenant bench` with many tenants through pgtenant, at both levels, and through PgBouncer, in turns, on private servers.

PgBouncer in three ways: a login role for each tenant with ALTER ROLE … SET search_path; one role whose application
sends SET LOCAL search_path; one role with qualified names, where nothing switches and nothing is kept apart. Each has
the same number of server connections. Ratios of one run compare, figures of two runs do not. Needs Linux, Python 3.9,
PostgreSQL's programs, and PgBouncer for what it is compared with.

Exits with 1 when a run fails: an error, or a row of another tenant.
"""

import argparse
import json
import os
import secrets
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pgbench
from pgbench import DATABASE, HOST, ROOT, Cluster, Failure, Process, Wire

PASSWORD = secrets.token_hex(16)
APP = "bench_app"  # the one role of benches/tenants.sql with the rights of all
# Name of the leg, its place, arguments of `pgtenant bench`, user in the URL.
LEGS = {
    "shared": ("pgtenant, shared", "shared", [], ""),
    "dedicated": ("pgtenant, dedicated", "dedicated", [], ""),
    "login": ("PgBouncer, a login each", "pgbouncer", ["--user-pattern", "tenant_{slug}"], ""),
    "set-local": ("PgBouncer, SET LOCAL", "pgbouncer", ["--mode", "set-local"], f"{APP}@"),
    "qualified": ("PgBouncer, qualified", "pgbouncer", ["--mode", "qualified"], f"{APP}@"),
}


def environment(**more):
    """Without what the caller's shell says about other databases."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return {**own, "PGTENANT_BENCH_PASSWORD": PASSWORD, **more}


class PgTenant:
    """The release build on a server of its own, with tenants of its own making at one level, hardened."""

    user = "bench_1"

    def __init__(self, level, cluster, directory, options):
        if not options.binary.exists():
            raise Failure(f"{options.binary} is missing: run `cargo build --release`, or name one with --binary")
        self.cluster, self.directory, self.port = cluster, Path(directory), pgbench.free_port()
        self.config = self.directory / "pgtenant.toml"
        self.config.write_text(
            f'[listen]\naddresses = ["{HOST}:{self.port}"]\nmax_clients = {options.connections + 100}\n'
            f'[server]\nhost = "{HOST}"\nport = {cluster.port}\ndatabase = "{DATABASE}"\n'
            f"[pool]\nmax_server_connections = {options.pool}\n"
            f'[tenants]\nlevel = "{level}"\n'
        )
        self.variables = environment(
            PGTENANT_CONFIG=str(self.config),
            PGTENANT_MASTER_KEY=secrets.token_hex(32),
            PGTENANT_ADMIN_URL=f"postgres://postgres@{HOST}:{cluster.port}/{DATABASE}",
            **{f"PGTENANT_{key.replace('.', '_').upper()}": value for key, value in options.set},
        )
        self.binary = options.binary
        pgbench.run([self.binary, "init", "--harden"], env=self.variables)
        pgbench.run([self.binary, "bench", "--prepare", "--tenants", options.tenants], env=self.variables)

    def start(self):
        self.process = Process("pgtenant", [self.binary, "serve"], self.directory, env=self.variables)
        self.process.wait_ready(lambda: Wire(self.port, self.user, PASSWORD)).close()


class PgBouncer:
    """In transaction mode, with no more server connections for all users together."""

    user = APP

    def __init__(self, _, cluster, directory, options):
        self.cluster, self.directory, self.port = cluster, Path(directory), pgbench.free_port()
        self.config, users = self.directory / "pgbouncer.ini", self.directory / "users.txt"
        names = [APP, *(f"tenant_bench_{number}" for number in range(1, options.tenants + 1))]
        users.write_text("".join(f'"{name}" "{PASSWORD}"\n' for name in names))
        self.config.write_text(f"""
[databases]
{DATABASE} = host={HOST} port={cluster.port} dbname={DATABASE}
[pgbouncer]
listen_addr = {HOST}
listen_port = {self.port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {users}
pool_mode = transaction
default_pool_size = {options.pool}
max_db_connections = {options.pool}
max_client_conn = {options.connections + 100}
log_connections = 0
log_disconnections = 0
""")
        if entry := pgbench.unprivileged()[1]:
            for path in (self.config, users):
                os.chown(path, entry.pw_uid, entry.pw_gid)
        sql = ROOT / "benches/tenants.sql"
        pgbench.run([pgbench.need_program("psql"), "-Xq", "-v", "ON_ERROR_STOP=1", "-v", f"tenants={options.tenants}",
                     "-v", f"password={PASSWORD}", "-f", sql, "-h", HOST, "-p", cluster.port, "-U", "postgres", "-d",
                     DATABASE], env=environment())  # fmt: skip

    def start(self):
        self.process = Process("pgbouncer", [pgbench.need_program("pgbouncer"), self.config], self.directory,
                               cwd=self.directory, **pgbench.unprivileged()[0])  # fmt: skip
        self.process.wait_ready(lambda: Wire(self.port, self.user, PASSWORD)).close()


def bench(proxy, user, arguments, options):
    """One run; its JSON with the proxy's CPU per transaction."""
    command = [options.binary, "bench", "--json", "--url", f"postgresql://{user}{HOST}:{proxy.port}/{DATABASE}",
               "--tenants", options.tenants, "--clients", options.clients, "--duration", f"{options.seconds}s",
               "--warmup", f"{options.warmup}s", "--connections", options.connections,
               "--skew", options.skew, "--connect-first", "--protocol", options.protocol, *arguments, *options.more]  # fmt: skip
    before, server_before = proxy.process.cpu_us(), server_use(proxy.cluster)[0]
    with MemoryWatch(proxy, options.watch):
        done = subprocess.run([str(c) for c in command], capture_output=True, text=True, env=environment())
    cpu, (server_cpu, server_kb) = proxy.process.cpu_us() - before, server_use(proxy.cluster)
    try:
        told = json.loads(done.stdout)
    except ValueError:
        raise Failure(f"bench failed: {done.stderr.strip() or done.stdout.strip()}") from None
    if done.returncode != 0:
        raise Failure("; ".join(told["reasons"]) + f"\n{json.dumps(told['errors'])}\n" + "\n".join(told["faults"]))
    # What the warm-up did is in the CPU time too, and so counts as if it went at the same speed.
    seconds = told["seconds"] + told["warmup_seconds"]
    transactions = max(told["transactions"]["per_second"] * seconds, 1)
    told["cpu_us"], told["server_cpu_us"] = cpu / transactions, (server_cpu - server_before) / transactions
    told["server_mb"], told["proxy_mb"] = server_kb / 1024, proxy.process.rss_kb() / 1024
    return told


class MemoryWatch:
    """Prints what the server's processes and the proxy hold every so many seconds of a run; 0 for never."""

    def __init__(self, proxy, seconds):
        self.proxy, self.seconds, self.ended = proxy, seconds, threading.Event()
        self.thread = threading.Thread(target=self.tell, daemon=True)

    def tell(self):
        begun = time.monotonic()
        while not self.ended.wait(self.seconds):
            kilobytes = server_use(self.proxy.cluster)[1]
            print(f"    after {time.monotonic() - begun:5.0f} s  server {kilobytes / 1024:6.0f} MB  "
                  f"proxy {self.proxy.process.rss_kb() / 1024:4.0f} MB", flush=True)

    def __enter__(self):
        if self.seconds:
            self.thread.start()

    def __exit__(self, *_):
        self.ended.set()
        if self.seconds:
            self.thread.join()


def flooded(proxy, options):
    """p50 and p99 of a quiet tenant, 10 transactions a second, in milliseconds: alone, and beside one that floods."""
    quiet, noisy = proxy.directory / "quiet", proxy.directory / "noisy"
    quiet.write_text("bench_2\n")
    noisy.write_text("bench_1\n")

    def command(tenants, clients, seconds, *more):
        return [str(c) for c in (options.binary, "bench", "--json", "--url",
                f"postgresql://{HOST}:{proxy.port}/{DATABASE}", "--tenants-file", tenants, "--clients", clients,
                "--connections", clients, "--duration", f"{seconds}s", "--warmup", "2s", *options.more, *more)]  # fmt: skip

    def measure():
        ran = subprocess.run(command(quiet, 4, options.seconds, "--rate", 10), capture_output=True, text=True,
                             env=environment())  # fmt: skip
        if ran.returncode != 0:
            raise Failure(f"the quiet tenant's run failed: {ran.stderr.strip() or ran.stdout.strip()}")
        told = json.loads(ran.stdout)["transactions"]
        return told["p50_ms"], told["p99_ms"]

    alone = measure()
    flood = subprocess.Popen(command(noisy, options.flood, options.seconds + 20), stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL, env=environment())  # fmt: skip
    try:
        time.sleep(4)
        beside = measure()
        if flood.poll() is not None:
            raise Failure("the flood ended before the quiet tenant was measured")
    finally:
        flood.kill()
        flood.wait()
    return alone, beside


def server_use(cluster):
    """CPU time of the server's processes so far, in microseconds, and their memory that is not shared, in kB."""
    postmaster = cluster.process.child.pid
    ticks = kilobytes = 0
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            if int(entry.name) != postmaster and int(fields[1]) != postmaster:
                continue
            # proc(5): user and system time, and those of children that have ended, which only the postmaster has.
            ticks += sum(map(int, fields[11:15]))
            status = (entry / "status").read_text()
            # One that has just ended has no memory.
            kilobytes += sum(map(int, status.partition("RssAnon:")[2].split()[:1]))
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has ended meanwhile
    return ticks * pgbench.TICK_US, kilobytes


def middle(runs, *path):
    def value(run):
        for name in path:
            run = run[name]
        return run

    return statistics.median(value(run) for run in runs)


def print_table(results):
    names = [name for name, *_ in LEGS.values() if name in results]
    print("\n| median of the rounds | a second | of the last, same round | p50 ms | p99 ms | cold p99 ms | connect p99 ms "
          "| switches a second | misses a second | proxy CPU, µs | server CPU, µs | server MB | proxy MB |")
    print("|---" * 13 + "|")
    last = results[names[-1]]
    for name in names:
        runs = results[name]
        per_second = [run["transactions"]["per_second"] for run in runs]
        ratio = statistics.median(a / b["transactions"]["per_second"] for a, b in zip(per_second, last))
        rate = {key: statistics.median(run[key] / run["seconds"] for run in runs) for key in ("switches", "misses")}
        cold = statistics.median(run["classes"][-1]["p99_ms"] for run in runs)
        print(f"| {name} | {statistics.median(per_second):,.0f} | {ratio:.2f} | "
              f"{middle(runs, 'transactions', 'p50_ms'):.2f} | {middle(runs, 'transactions', 'p99_ms'):.2f} | {cold:.2f} | "
              f"{middle(runs, 'connects', 'p99_ms'):.2f} | {rate['switches']:,.0f} | {rate['misses']:,.1f} | "
              f"{middle(runs, 'cpu_us'):.0f} | {middle(runs, 'server_cpu_us'):.0f} | {middle(runs, 'server_mb'):.0f} | "
              f"{middle(runs, 'proxy_mb'):.0f} |")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
                                     epilog="what follows -- goes to `pgtenant bench` as it is")  # fmt: skip
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=10, help="that count, of each run (10)")
    parser.add_argument("--warmup", type=int, default=3, help="seconds before them (3)")
    parser.add_argument("--tenants", type=int, default=1000)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--connections", type=int, help="kept open to the proxy (two for each tenant, one for each client)")
    parser.add_argument("--pool", type=int, default=32, help="server connections of each proxy (32)")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE",
                        help="a setting of pgtenant's, as in pool.reset=always")  # fmt: skip
    parser.add_argument("--flood", type=int, default=0, metavar="CLIENTS",
                        help="in place of all that: a quiet tenant of pgtenant's, alone and beside one with so many clients")  # fmt: skip
    parser.add_argument("--watch", type=int, default=0, metavar="SECONDS", help="tells the memory every so often")
    parser.add_argument("--legs", default=",".join(LEGS), help=f"({','.join(LEGS)})")
    parser.add_argument("--skew", default="zipf=1.1")
    parser.add_argument("--protocol", default="extended")
    parser.add_argument("--binary", default=ROOT / "target/release/pgtenant", help="(target/release/pgtenant)")
    own = sys.argv[1:]
    more = own.index("--") if "--" in own else len(own)
    options = parser.parse_args(own[:more])
    options.more, options.binary = own[more + 1 :], Path(options.binary).resolve()
    options.connections = options.connections or 2 * options.tenants + options.clients
    options.set = [setting.split("=", 1) for setting in options.set]
    options.legs = options.legs.split(",")
    if unknown := set(options.legs) - set(LEGS):
        parser.error(f"no leg is called {', '.join(unknown)}")
    return options


def main():
    options = arguments()
    pgbench.raise_file_limit()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that everything is cleaned up
    compares = pgbench.find_program("pgbouncer") is not None
    legs = [LEGS[name] for name in options.legs if LEGS[name][1] != "pgbouncer" or compares]
    size = SimpleNamespace(clients=16, pool=options.pool)
    places, running = {}, []
    print(f"{pgbench.machine()}, {options.tenants} tenants, {options.clients} clients, {options.pool} server connections, "
          f"{options.skew}, {options.protocol}" + ("" if compares else "; PgBouncer is not installed"), flush=True)
    with tempfile.TemporaryDirectory(prefix="pgtenant-tenants-") as directory:
        try:
            for place in dict.fromkeys(leg[1] for leg in legs):
                # A server each: all would name their roles alike.
                home = Path(directory) / place
                home.mkdir()
                if entry := pgbench.unprivileged()[1]:
                    for path in (Path(directory), home):
                        os.chown(path, entry.pw_uid, entry.pw_gid)
                cluster = Cluster(home, size)
                running.append(cluster)
                kind = PgBouncer if place == "pgbouncer" else PgTenant
                places[place] = kind(place, cluster, home, options)
                places[place].start()
                running.append(places[place].process)
            results = {}
            for number in range(options.rounds):
                for name, place, arguments_of_leg, user in legs:
                    if options.flood:
                        if place != "pgbouncer":
                            alone, beside = flooded(places[place], options)
                            print(f"  round {number + 1}  {name:24} quiet tenant, p50 / p99 in ms: alone {alone[0]:.2f} / "
                                  f"{alone[1]:.2f}, beside {options.flood} clients of another {beside[0]:.2f} / "
                                  f"{beside[1]:.2f}", flush=True)  # fmt: skip
                        continue
                    told = bench(places[place], user, arguments_of_leg, options)
                    results.setdefault(name, []).append(told)
                    print(f"  round {number + 1}  {name:24} {told['transactions']['per_second']:9.0f} a second  "
                          f"{told['cpu_us']:6.1f} + {told['server_cpu_us']:6.1f} µs  "
                          f"{told['server_mb']:6.0f} MB", flush=True)
            if results:
                print_table(results)
        finally:
            for process in reversed(running):
                process.stop()
    print(f"\nload at the end {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    try:
        main()
    except Failure as failure:
        sys.exit(f"tenants.py: {failure}")
    except KeyboardInterrupt:
        sys.exit(130)
