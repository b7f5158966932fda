#!/usr/bin/env python3
"""Many hours in minutes: clients and tenants that come and go, migrations, reloads and faults, all at once, in front of a
private PostgreSQL. Nothing may grow: memory, descriptors, threads, server connections. No row of another tenant may be seen,
and what was acknowledged must be there.

Exits with 1 when something of that is not so. Needs Linux, Python 3.9, PostgreSQL's programs and a built pgtenant.

    cargo build --release && python3 benches/soak.py --minutes 20
"""

import argparse
import contextlib
import os
import random
import secrets
import signal
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import pgbench
from pgbench import DATABASE, HOST, ROOT, Cluster, Failure, Process, Wire

PASSWORD = secrets.token_hex(16)
# What a fault may do to a client (see docs/reliability.md): lost or missing connections, no room, a transaction that is gone.
EXPECTED = ("08", "57", "53", "25P02", "28000")


class Broken(Exception):
    """The connection is gone."""


class Client(Wire):
    """Reads every answer to its end, also behind errors."""

    def ask(self, sql):
        """Rows, the last command's tag, and the SQLSTATE if it failed."""
        try:
            self.send(b"Q", sql.encode() + b"\0")
            rows, tag, code = [], "", None
            while True:
                kind, body = self.message()
                if kind == b"D":
                    rows.append(self._row(body))
                elif kind == b"C":
                    tag = body[:-1].decode()
                elif kind == b"E":
                    code = next(f[1:].decode() for f in body.split(b"\0") if f[:1] == b"C")
                elif kind == b"Z":
                    return rows, tag, code
        except (OSError, Failure) as error:
            raise Broken(str(error)) from error

    def message(self):
        head = self._exactly(5)
        return head[:1], self._exactly(struct.unpack("!I", head[1:])[0] - 4)

    def vanish(self):
        """A reset in place of an end."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()


class Site:
    """The server, the proxy, its tenants, and what was found wrong."""

    def __init__(self, cluster, directory, options):
        self.cluster, self.directory, self.options = cluster, Path(directory), options
        self.port, self.wrong, self.counts = pgbench.free_port(), [], Counter()
        self.lock, self.ended = threading.Lock(), threading.Event()
        self.fixed = [f"fixed_{n}" for n in range(options.tenants)]
        self.coming = set()  # tenants that are made and dropped
        self.ledger = {slug: {} for slug in self.fixed}
        (self.directory / "migrations").mkdir()
        key = self.directory / "master.key"
        key.write_text(secrets.token_hex(32))
        key.chmod(0o600)
        self.config = self.directory / "pgtenant.toml"
        self.configure(options.pool)
        self.command("init", "--harden", *self.admin)
        cluster.psql("CREATE TABLE base_template.marked (token text)")
        for n, slug in enumerate(self.fixed):
            self.create(slug, "shared" if n % 2 else "dedicated")
        self.process = Process("pgtenant", [options.binary, "serve"], self.directory, env=self.environment())
        self.process.wait_ready(lambda: Client(self.port, self.fixed[0], PASSWORD)).close()

    @property
    def admin(self):
        return ["--admin-url", f"postgresql://postgres@{HOST}:{self.cluster.port}/{DATABASE}"]

    def environment(self):
        clean = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        return clean | {"PGTENANT_CONFIG": str(self.config)}

    def configure(self, pool):
        new = self.config.with_suffix(".new")
        new.write_text(f"""
[listen]
addresses = ["{HOST}:{self.port}"]
max_clients = 2000
[server]
host = "{HOST}"
port = {self.cluster.port}
database = "{DATABASE}"
[guard]
cache_bytes = "2MiB"  # it fills: what grows longer than that is looked for here
[pool]
max_server_connections = {pool}
[secrets]
master_key_file = "master.key"
[migrations]
directory = "migrations"
[log]
filter = "warn"
""")
        new.replace(self.config)  # whoever reads it meanwhile finds the one or the other

    def command(self, *words, stdin=None):
        done = subprocess.run([str(self.options.binary), *words], input=stdin, capture_output=True, text=True,
                              env=self.environment(), cwd=self.directory)  # fmt: skip
        if done.returncode != 0:
            raise Failure(f"pgtenant {' '.join(words[:2])}: {done.stderr.strip()[-500:]}")
        return done.stdout

    def create(self, slug, level):
        self.command("tenant", "create", slug, "--password-stdin", "--level", level, *self.admin, stdin=PASSWORD + "\n")

    def complain(self, what):
        with self.lock:
            if len(self.wrong) < 20:
                print(f"WRONG: {what}", flush=True)
            self.wrong.append(what)

    def count(self, what, more=1):
        with self.lock:
            self.counts[what] += more

    def measure(self):
        pid = self.process.child.pid
        sql = f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{DATABASE}' AND backend_type = 'client backend'"
        return SimpleNamespace(
            rss=self.process.rss_kb() / 1024,
            descriptors=len(os.listdir(f"/proc/{pid}/fd")),
            threads=len(os.listdir(f"/proc/{pid}/task")),
            connections=int(self.cluster.psql(sql)) - 1,
        )


def client(site, number):
    """Logs in as somebody, has some transactions, leaves in one way or another; again and again."""
    dice = random.Random(number)
    while not site.ended.is_set():
        with site.lock:
            slug = dice.choice(site.fixed + sorted(site.coming))
        try:
            wire = Client(site.port, slug, PASSWORD)
        except (OSError, Failure) as error:
            site.count("refused logins")
            if slug in site.fixed and not any(code in str(error) for code in EXPECTED) and "closed" not in str(error):
                site.complain(f"login as {slug}: {error}")
            continue
        site.count("logins")
        with contextlib.suppress(Broken):
            for _ in range(dice.randrange(1, 40)):
                if site.ended.is_set() or not transaction(site, wire, slug, dice):
                    break
        wire.vanish() if dice.random() < 0.3 else wire.close()


def transaction(site, wire, slug, dice):
    """Whether the client may go on."""
    site.count("transactions")
    kind, token = dice.randrange(10), f"{slug} {dice.getrandbits(64):016x}"
    if kind < 3:
        return write(site, wire, slug, token, f"INSERT INTO marked VALUES ('{token}') RETURNING token", "INSERT 0 1")
    if kind == 3:
        note(site, slug, token, "unknown")
        for sql in ("BEGIN", f"INSERT INTO marked VALUES ('{token}')"):
            if check(site, slug, sql, wire.ask(sql)) is None:
                return False
        if dice.random() < 0.3:
            wire.ask("ROLLBACK")
            note(site, slug, token, "undone")
            return True
        _, tag, code = wire.ask("COMMIT")
        note(site, slug, token, "committed" if code is None and tag == "COMMIT" else "unknown")
        return code is None
    sql = (
        "SELECT token FROM marked ORDER BY random() LIMIT 20",
        f"SET application_name = '{slug} {number_of(dice)}'",
        f"SELECT set_config('app.user', '{slug}', false), current_setting('application_name')",
        f"CREATE TEMP TABLE IF NOT EXISTS mine AS SELECT '{slug}' AS token; SELECT token FROM mine",
        "SELECT 1 / (SELECT 0)",
        "DISCARD ALL",
        "LISTEN news; NOTIFY news, 'x'; UNLISTEN *",
        "SELECT repeat('x', 200000)",
        "SELECT * FROM tenant_fixed_0.marked, tenant_fixed_1.marked",
    )[dice.randrange(9)]
    return check(site, slug, sql, wire.ask(sql)) is not None


def number_of(dice):
    return dice.randrange(1000)


def note(site, slug, token, fate):
    if slug in site.ledger:
        with site.lock:
            site.ledger[slug][token] = fate


def write(site, wire, slug, token, sql, expected):
    note(site, slug, token, "unknown")
    answer = wire.ask(sql)
    rows = check(site, slug, sql, answer)
    if rows is not None and answer[1] == expected and answer[2] is None:
        if rows != [[token]]:
            site.complain(f"{slug} wrote {token} and was told {rows}")
        note(site, slug, token, "committed")
    return rows is not None


def check(site, slug, sql, answer):
    """The rows, unless the client cannot go on. Every token in them must be the tenant's own."""
    rows, _, code = answer
    for value in (value for row in rows for value in row if value):
        if value.startswith(("fixed_", "coming_")) and value.split(" ")[0] != slug:
            site.complain(f"{slug} saw {value!r} by {sql}")
    if code is None or code in ("22012", "42501", "42P01"):
        return rows
    site.count(f"errors {code}")
    if not code.startswith(EXPECTED) and slug in site.fixed:
        site.complain(f"{slug}: {code} by {sql}")
    return None


# ---------------------------------------------------------------- what disturbs


def tenants_come_and_go(site, dice, n):
    slug = f"coming_{n}"
    site.create(slug, dice.choice(["shared", "dedicated"]))
    with site.lock:
        site.coming.add(slug)
        old = min(site.coming, key=lambda name: int(name.split("_")[1])) if len(site.coming) > 5 else None
        site.coming.discard(old)
    if old:
        site.command("tenant", "drop", old, "--now", "--yes", "--no-backup", *site.admin)
        site.count("tenants dropped")
    site.count("tenants made")


def migrations(site, _dice, n):
    (site.directory / "migrations" / f"{n + 1:04}_soak.sql").write_text(
        f"CREATE TABLE migrated_{n} (id int);\nALTER TABLE marked ADD COLUMN c{n} int;\nALTER TABLE marked DROP COLUMN c{n};\n"
        if n % 2 else f"CREATE INDEX marked_{n} ON marked (token);\nDROP INDEX marked_{n};\n"
    )  # fmt: skip
    with contextlib.suppress(Failure):  # a tenant that is dropped meanwhile
        site.command("migrate", "up", *site.admin)
    site.count("migrations")


def reloads(site, dice, _n):
    site.configure(site.options.pool - dice.randrange(3))
    site.process.child.send_signal(signal.SIGHUP)
    site.count("reloads")


def faults(site, dice, _n):
    what = dice.choice(["pg_terminate_backend(pid)", "pg_cancel_backend(pid)"])
    limit = dice.choice([1, 3, 50])
    site.cluster.psql(
        f"SELECT {what} FROM pg_stat_activity WHERE datname = '{DATABASE}' AND backend_type = 'client backend' "
        f"AND pid <> pg_backend_pid() AND usename <> 'postgres' ORDER BY random() LIMIT {limit}"
    )
    site.count("faults")


def floods(site, dice, _n):
    """Connections that say nothing, half of something, or a cancel request for nobody."""
    pieces = [b"", b"\0\0\0\x30\0\x03\0\0user", struct.pack("!IIII", 16, 80877102, 4711, 4711), b"\xff" * 64]
    sockets = []
    for _ in range(dice.randrange(20, 120)):
        with contextlib.suppress(OSError):
            one = socket.create_connection((HOST, site.port), timeout=5)
            one.sendall(dice.choice(pieces))
            sockets.append(one)
    for one in sockets:
        one.close()
    site.count("stray connections", len(sockets))


def every(site, seconds, act):
    """Does it again and again until the end."""
    dice, n = random.Random(act.__name__), 0
    while not site.ended.wait(seconds):
        try:
            act(site, dice, n)
        except Exception as error:  # noqa: BLE001
            if site.process.child.poll() is not None:
                return
            site.complain(f"{act.__name__}: {error}")
        n += 1


# ---------------------------------------------------------------- the run


def run(site, options):
    def start(work, *words):
        thread = threading.Thread(target=work, args=words, daemon=True)
        thread.start()
        return thread

    threads = [start(client, site, number) for number in range(options.clients)]
    disturbing = [(7, tenants_come_and_go), (20, migrations), (5, reloads), (4, faults), (9, floods)]
    threads += [start(every, site, seconds, act) for seconds, act in disturbing]
    begun, samples = time.monotonic(), []
    while time.monotonic() - begun < options.minutes * 60 and site.process.child.poll() is None:
        time.sleep(10)
        now = site.measure()
        samples.append(now)
        print(f"{time.monotonic() - begun:6.0f} s  {now.rss:6.1f} MB  {now.descriptors:4} descriptors  {now.threads} threads  "
              f"{now.connections:3} server connections  {site.counts['transactions']:8} transactions", flush=True)  # fmt: skip
    site.ended.set()
    for thread in threads:
        thread.join(60)
    return samples


def judge(site, samples, options):
    """What grew, what was lost, what nobody wrote."""
    if site.process.child.poll() is not None:
        raise Failure("the proxy ended: " + site.process.log_path.read_text(errors="replace")[-2000:])
    third = max(len(samples) // 3, 1)
    # Without the first third: caches fill.
    early, late = samples[third : 2 * third] or samples, samples[-third:]
    for what in ("rss", "descriptors", "threads", "connections"):
        before, after = (statistics.median(getattr(sample, what) for sample in part) for part in (early, late))
        print(f"{what}: median of the second third {before:.1f}, of the last third {after:.1f}")
        if after > before * 1.25 + 10:
            site.complain(f"{what} grew from {before:.1f} to {after:.1f}")
    deadline = time.monotonic() + 30
    while (rest := site.measure()).descriptors > options.pool + 40 and time.monotonic() < deadline:
        time.sleep(0.5)
    print(f"at rest: {rest.rss:.1f} MB, {rest.descriptors} descriptors, {rest.threads} threads, {rest.connections} server connections")
    if rest.descriptors > options.pool + 40 or rest.connections > options.pool + 8:
        site.complain(f"not given back: {rest}")
    for slug, ledger in site.ledger.items():
        lines = site.cluster.psql(f"SELECT token, count(*) FROM tenant_{slug}.marked GROUP BY token").splitlines()
        found = dict(line.rsplit("|", 1) for line in lines)
        for token, fate in ledger.items():
            there = found.pop(token, None)
            if (fate == "committed" and there != "1") or (fate == "undone" and there) or there not in (None, "1"):
                site.complain(f"{token} is {fate} and is there {there or 0} times")
        if found:
            site.complain(f"rows of {slug} that nobody wrote: {list(found)[:5]}")
    fates = Counter(fate for ledger in site.ledger.values() for fate in ledger.values())
    print(f"tokens: {dict(fates)}; {dict(site.counts)}")
    log = site.process.log_path.read_text(errors="replace")
    for word in ("panicked", "internal error", "another tenant"):
        if word in log:
            site.complain(f"the log has {word!r}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=Path, default=ROOT / "target/release/pgtenant")
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--clients", type=int, default=40)
    parser.add_argument("--tenants", type=int, default=10)
    parser.add_argument("--pool", type=int, default=12)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="pgtenant-soak-", dir="/tmp") as directory:
        os.chmod(directory, 0o755)
        if entry := pgbench.unprivileged()[1]:
            os.chown(directory, entry.pw_uid, entry.pw_gid)
        cluster = Cluster(directory, options)
        site = None
        try:
            site = Site(cluster, directory, options)
            judge(site, run(site, options), options)
        except Failure as failure:
            sys.exit(f"soak: {failure}")
        finally:
            if site and hasattr(site, "process"):
                site.process.stop()
            cluster.stop()
    sys.exit(f"soak: {len(site.wrong)} things are wrong" if site.wrong else None)


if __name__ == "__main__":
    main()
