#!/usr/bin/env python3
"""The proxy under a wall clock that jumps hours forwards and back while clients work, in front of a private PostgreSQL whose
clock does not. Nobody may be cut off or kept waiting for it, time limits must hold to the second, and what is valid for a time
by the clock, a token, must be taken or refused by it.

The clock is libfaketime's (Debian's package libfaketime), which leaves the monotonic one alone, as a real jump does. Exits with 1
when something is not so. Needs Linux, Python 3.9, PostgreSQL's programs, openssl and a built pgtenant.

    cargo build --release && python3 benches/clock_jumps.py
"""

import argparse
import glob
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pgbench
from pgbench import DATABASE, HOST, ROOT, Cluster, Failure, Process, need_program
from soak import PASSWORD, Broken, Client, Site

JUMPS = ("+6h", "-6h", "+0", "+3d", "-3d", "+0")
IN_TRANSACTION = 4  # seconds that a client may be idle in a transaction
LIMITS = {
    "PGTENANT_LIMITS_IDLE_IN_TRANSACTION_TIMEOUT": f"{IN_TRANSACTION}s",
    "PGTENANT_LIMITS_STATEMENT_TIMEOUT": "1min",
    "PGTENANT_LIMITS_CLIENT_IDLE_TIMEOUT": "1h",
    "PGTENANT_POOL_IDLE_TIMEOUT": "1h",
    "PGTENANT_POOL_MAX_LIFETIME": "1h",
}


class Faked(Site):
    """A site whose proxy has a clock of its own."""

    def environment(self):
        key = self.directory / "issue.pem"
        own = LIMITS | {"PGTENANT_LISTEN_UNIX_SOCKET_DIR": str(self.directory)}
        return super().environment() | own | ({"PGTENANT_AUTH_ISSUE_KEY": str(key)} if key.exists() else {})

    def begin_again(self, library):
        self.process.stop()
        self.clock = self.directory / "clock"
        self.jump("+0")
        faked = {"LD_PRELOAD": library, "FAKETIME_TIMESTAMP_FILE": str(self.clock), "FAKETIME_NO_CACHE": "1",
                 "FAKETIME_DONT_FAKE_MONOTONIC": "1", "DONT_FAKE_MONOTONIC": "1"}  # fmt: skip
        self.process = Process("pgtenant", [self.options.binary, "serve"], self.directory, env=self.environment() | faked)
        self.process.wait_ready(lambda: Client(self.port, self.fixed[0], PASSWORD)).close()

    def jump(self, to):
        new = self.clock.with_suffix(".new")
        new.write_text(to + "\n")
        new.replace(self.clock)

    def token(self):
        key = self.directory / "issue.pem"
        pgbench.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", key])
        key.chmod(0o600)
        return self.command("token", "issue", "--tenant", self.fixed[0], "--scope", "read_write", "--expires", "30m").strip()

    def takes(self, token):
        """Whether a new client gets in with it."""
        words = ["psql", "-XAtq", "-h", str(self.directory), "-p", str(self.port), "-U", f"token.{self.fixed[0]}", "-d", DATABASE, "-c", "select 1"]
        clean = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        done = subprocess.run(words, env=clean | {"PGPASSWORD": token}, capture_output=True, text=True)
        if done.returncode != 0 and "authentication failed" not in done.stderr:
            self.complain(f"a login with a token: {done.stderr.strip()}")
        return done.returncode == 0


def work(site, slug, number):
    """Writes and reads back, and keeps the longest wait."""
    wire, longest, n = Client(site.port, slug, PASSWORD), 0.0, 0
    while not site.ended.is_set():
        token, n = f"{slug} {number} {n}", n + 1
        begin = time.monotonic()
        try:
            rows, _, code = wire.ask(f"INSERT INTO marked VALUES ('{token}') RETURNING token")
        except Broken as error:
            site.complain(f"a client of {slug} at work was cut off: {error}")
            return
        longest = max(longest, time.monotonic() - begin)
        if code is not None or rows != [[token]]:
            site.complain(f"a client of {slug} got {rows} {code}")
        with site.lock:
            site.counts["rows"] += 1
            site.counts["longest ms"] = max(site.counts["longest ms"], round(longest * 1000))


def sleeps(site):
    """A statement that goes on across the jump."""
    wire = Client(site.port, site.fixed[0], PASSWORD)
    begin = time.monotonic()
    _, _, code = wire.ask("SELECT pg_sleep(3)")
    if code is not None or not 3 <= time.monotonic() - begin < 6:
        site.complain(f"a statement of 3 s ended with {code} after {time.monotonic() - begin:.1f} s")


def idles(site):
    """A transaction that is left alone across the jump, until its limit."""
    wire = Client(site.port, site.fixed[1], PASSWORD)
    wire.ask("BEGIN")
    begin = time.monotonic()
    wire.socket.settimeout(30)
    try:
        wire.message()
    except (OSError, Failure) as error:
        site.complain(f"an idle transaction ended without a word: {error}")
    took = time.monotonic() - begin
    if not IN_TRANSACTION - 0.5 < took < IN_TRANSACTION + 3:
        site.complain(f"an idle transaction was ended after {took:.1f} s in place of {IN_TRANSACTION}")
    site.count(f"idle transactions ended after {round(took)} s")


def run(site, library):
    token = site.token()
    site.begin_again(library)
    silent = [Client(site.port, slug, PASSWORD) for slug in site.fixed]
    workers = [threading.Thread(target=work, args=(site, slug, n)) for slug in site.fixed for n in range(3)]
    for worker in workers:
        worker.start()
    for to in JUMPS:
        across = [threading.Thread(target=what, args=(site,)) for what in (sleeps, idles)]
        for one in across:
            one.start()
        time.sleep(1)
        site.jump(to)
        takes = site.takes(token)
        print(f"clock at {to}: a token of 30 minutes is {'taken' if takes else 'refused'}", flush=True)
        if takes != (to == "+0"):
            site.complain(f"the token's fate at {to}")
        for one in across:
            one.join()
        for wire in silent:
            if wire.ask("SELECT 1")[0] != [["1"]]:
                site.complain("a silent client")
    site.ended.set()
    for worker in workers:
        worker.join()
    rows = sum(int(site.cluster.psql(f"SELECT count(*) FROM tenant_{slug}.marked")) for slug in site.fixed)
    if rows != site.counts["rows"]:
        site.complain(f"{rows} rows in place of {site.counts['rows']}")
    print(", ".join(f"{name} {count}" for name, count in sorted(site.counts.items())))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=Path, default=ROOT / "target/release/pgtenant")
    options = parser.parse_args()
    options.tenants, options.pool, options.clients = 2, 12, 20
    library = next(iter(glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")), None)
    if library is None:
        sys.exit("clock_jumps: libfaketime is missing (apt-get install libfaketime)")
    need_program("psql")
    with tempfile.TemporaryDirectory(prefix="pgtenant-clock-", dir="/tmp") as directory:
        os.chmod(directory, 0o755)
        if entry := pgbench.unprivileged()[1]:
            os.chown(directory, entry.pw_uid, entry.pw_gid)
        cluster, site = Cluster(directory, options), None
        try:
            site = Faked(cluster, directory, options)
            run(site, library)
        except Failure as failure:
            sys.exit(f"clock_jumps: {failure}")
        finally:
            if site and hasattr(site, "process"):
                site.process.stop()
            cluster.stop()
    sys.exit(f"clock_jumps: {len(site.wrong)} things are wrong" if site.wrong else None)


if __name__ == "__main__":
    main()
