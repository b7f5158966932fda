#!/usr/bin/env python3
"""What clients see while the proxy is replaced, PostgreSQL is restarted, and a standby is promoted, under load.

Private servers, and clients that work as an application's pool does: they keep their connections, connect again when one is lost, and
write one row in each transaction (BEGIN, INSERT, COMMIT, each on its own). Every row is looked for at the end: what was acknowledged must
be there. The proxy is replaced three times, with pgbench beside that connects anew for each transaction. The rest is done with and
without `PAUSE` and `RESUME` at the console. It is about errors, not speed. Needs Linux, Python 3.9 and PostgreSQL's programs.

Exits with 1 when an acknowledged row is gone, when a row is there that was refused, or when a transaction fails where none may: while the
proxy is replaced, and where it was paused.
"""

import argparse
import base64
import collections
import hashlib
import hmac
import itertools
import os
import re
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pgbench
from pgbench import DATABASE, HOST, ROOT, Failure, Process, Wire, free_port, need_program, run, unprivileged

USER, PASSWORD, OPS = "bench", secrets.token_hex(16), "ops"
STEPS = ("BEGIN", "INSERT INTO ledger VALUES ({})", "COMMIT")


class Lost(Exception):
    """The connection is gone."""


class Session(Wire):
    """Like a driver's connection: an error is read to its end, and a FATAL one is the end."""

    def step(self, sql):
        """Returns (severity, code, message) of an error, or None."""
        try:
            self.send(b"Q", sql.encode() + b"\0")
            error = None
            while True:
                head = self._exactly(5)
                body = self._exactly(int.from_bytes(head[1:], "big") - 4)
                if head[:1] == b"E":
                    fields = {f[:1]: f[1:].decode() for f in body.split(b"\0") if f}
                    error = tuple(fields.get(key, "") for key in (b"V", b"C", b"M"))
                    if error[0] == "FATAL":
                        return error
                elif head[:1] == b"Z":
                    return error
        except (OSError, Failure) as why:
            raise Lost(str(why)) from why


class Ledger:
    """What all clients did."""

    def __init__(self):
        self.numbers, self.acknowledged, self.refused, self.unknown = itertools.count(1), {}, set(), set()
        self.errors = []  # (time, where, what)

    def error(self, where, what):
        self.errors.append((time.monotonic(), where, what))


class Client(threading.Thread):
    def __init__(self, port, ledger, stop):
        super().__init__(daemon=True)
        self.port, self.ledger, self.stop, self.trouble = port, ledger, stop, None

    def run(self):
        try:
            while not self.stop.is_set():
                try:
                    session = Session(self.port, USER, PASSWORD)
                except (OSError, Failure) as why:
                    code = re.match(r"[0-9A-Z]{5}(?=:)", str(why))
                    self.ledger.error("login", code[0] if code else type(why).__name__)
                    time.sleep(0.05)
                    continue
                with_it = True
                while with_it and not self.stop.is_set():
                    with_it = self.transaction(session)
                session.close()
        except Exception as why:  # a defect of this program must not look like a quiet client
            self.trouble = why

    def transaction(self, session):
        """Whether the session goes on."""
        number = next(self.ledger.numbers)
        for at, step in enumerate(STEPS):
            try:
                error = session.step(step.format(number))
            except Lost:
                error = ("FATAL", "closed", "")
            if error is None:
                continue
            where = ("before BEGIN", "in a transaction", "at COMMIT")[at]
            self.ledger.error(where, f"{error[1]} {error[2]}".strip())
            # Whoever loses the connection at COMMIT does not know; whoever is told an error does.
            (self.ledger.unknown if at == 2 and error[0] == "FATAL" else self.ledger.refused).add(number)
            if error[0] == "FATAL":
                return False
            if at > 0:
                session.step("ROLLBACK")
            time.sleep(0.02)
            return True
        self.ledger.acknowledged[number] = time.monotonic()
        return True


class Server:
    """A private PostgreSQL that can be stopped, started, copied and promoted."""

    def __init__(self, directory, name, options):
        self.directory, self.data, self.port = Path(directory), Path(directory) / name, free_port()
        self.options, self.drop = options, unprivileged()[0]

    def create(self):
        run([need_program("initdb"), "-D", self.data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "-N"],
            cwd=self.directory, **self.drop)
        self.start()
        self.psql(f"CREATE DATABASE {DATABASE}", "postgres")

    def start(self):
        settings = {
            "listen_addresses": HOST, "port": self.port, "unix_socket_directories": self.directory,
            "max_connections": 100, "fsync": "off", "wal_level": "replica", "max_wal_senders": 4,
            "wal_retrieve_retry_interval": "100ms",  # else commits wait five seconds for a standby whose primary was restarted
        }  # fmt: skip
        arguments = " ".join(f"-c {key}={value}" for key, value in settings.items())
        self._ctl("start", "-w", "-l", self.directory / f"{self.data.name}.log", "-o", arguments)

    def stop(self, how="fast"):
        self._ctl("stop", "-w", "-m", how)

    def standby(self):
        other = Server(self.directory, "standby", self.options)
        run([need_program("pg_basebackup"), "-D", other.data, "-R", "-X", "stream", "-c", "fast", "--no-sync",
             "-d", f"host={HOST} port={self.port} user=postgres application_name=standby"], cwd=self.directory, **self.drop)
        other.start()
        # What is acknowledged has reached the standby, so that a promotion loses none of it.
        self.psql("ALTER SYSTEM SET synchronous_standby_names = '*'", "postgres")
        self.psql("SELECT pg_reload_conf()", "postgres")
        return other

    def promote(self):
        self._ctl("promote", "-w")
        self.psql("ALTER SYSTEM SET synchronous_standby_names = ''", "postgres")
        self.psql("SELECT pg_reload_conf()", "postgres")

    def psql(self, sql, database=DATABASE):
        return run([need_program("psql"), "-XAtq", "-v", "ON_ERROR_STOP=1", "-h", HOST, "-p", self.port, "-U", "postgres",
                    "-d", database, "-c", sql])

    def _ctl(self, *arguments):
        # Its children keep what they inherit open: no pipe may be waited for.
        with open(self.directory / "pg_ctl.log", "ab") as log:
            done = subprocess.run([need_program("pg_ctl"), "-D", str(self.data), *map(str, arguments)], stdin=subprocess.DEVNULL,
                                  stdout=log, stderr=log, cwd=self.directory, **self.drop)
        if done.returncode != 0:
            raise Failure(f"pg_ctl {arguments[0]} failed; see {self.directory}/pg_ctl.log")


def verifier(password):
    """As PostgreSQL keeps it (RFC 5803)."""
    salt = secrets.token_bytes(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, 4096)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    text = [base64.b64encode(part).decode() for part in (salt, stored, server)]
    return f"SCRAM-SHA-256$4096:{text[0]}${text[1]}:{text[2]}"


class Proxy:
    """The release build, which can be replaced while it serves."""

    def __init__(self, primary, others, directory, options):
        self.program, self.directory, self.port, self.process = options.binary, Path(directory), free_port(), None
        if not self.program.exists():
            raise Failure(f"{self.program} is missing: run `cargo build --release`, or name one with --binary")
        users, key = self.directory / "console.users", self.directory / "master.key"
        for path, text in ((users, f'"{OPS}" "{verifier(PASSWORD)}"\n'), (key, secrets.token_hex(32) + "\n")):
            path.write_text(text)
            path.chmod(0o600)
        hosts = ", ".join(f'"{HOST}:{other.port}"' for other in others)
        self.config = self.directory / "pgtenant.toml"
        self.config.write_text(
            f'[listen]\naddresses = ["{HOST}:{self.port}"]\ntakeover_socket = "{self.directory}/takeover"\n'
            f'[server]\nhost = "{HOST}"\nport = {primary.port}\ndatabase = "{DATABASE}"\nfailover_hosts = [{hosts}]\n'
            f"[pool]\nmax_server_connections = {options.pool}\n"
            f'[console]\nadmin_users = ["{OPS}"]\npassword_file = "{users}"\n'
            f'[secrets]\nmaster_key_file = "{key}"\n')
        admin = f"postgres://postgres@{HOST}:{primary.port}/{DATABASE}"
        for arguments, said in ((("init",), ""), (("tenant", "create", USER, "--password-stdin"), PASSWORD + "\n")):
            run([self.program, *arguments], input=said, cwd=self.directory,
                env={**os.environ, "PGTENANT_CONFIG": str(self.config), "PGTENANT_ADMIN_URL": admin})

    def start(self):
        """In the place of the one that serves."""
        old, command = self.process, [self.program, "serve", "--takeover", "--config", self.config]
        name = f"pgtenant-{time.monotonic_ns()}"
        self.process = Process(name, command, self.directory, cwd=self.directory)
        if old:
            old.child.wait(60)
        self.process.wait_ready(lambda: Wire(self.port, USER, PASSWORD)).close()

    def say(self, command):
        run([need_program("psql"), "-XAtq", "-v", "ON_ERROR_STOP=1", "-h", HOST, "-p", self.port, "-U", OPS, "-d", "pgtenant",
             "-c", command], env={**os.environ, "PGPASSWORD": PASSWORD})


def connecting_pgbench(proxy, options):
    script = proxy.directory / "connect.sql"
    script.write_text("INSERT INTO beside DEFAULT VALUES;\n")
    script.chmod(0o644)
    command = [need_program("pgbench"), "-n", "-C", "-c", options.connecting, "-j", options.connecting, "-T", options.seconds * 2, "-f", script,
               "-h", HOST, "-p", proxy.port, "-U", USER, DATABASE]
    return subprocess.Popen([str(c) for c in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                            env={**os.environ, "PGPASSWORD": PASSWORD})


def longest_pause(moments):
    return max((b - a for a, b in zip(moments, moments[1:])), default=0)


def show(name, ledger, begin, end):
    """Prints one event's figures; returns how many transactions failed that had begun."""
    committed = sorted(moment for moment in list(ledger.acknowledged.values()) if begin <= moment <= end)
    errors = [error for error in ledger.errors if begin <= error[0] <= end]
    failed = sum(where in ("in a transaction", "at COMMIT") for _, where, _ in errors)
    print(f"\n{name}: {len(committed)} transactions committed, {failed} failed, longest time without a commit "
          f"{longest_pause([begin, *committed]):.2f} s")
    for (where, what), count in collections.Counter((where, what) for _, where, what in errors).most_common():
        times = [moment for moment, *rest in errors if tuple(rest) == (where, what)]
        print(f"  {count:5} {where}: {what} (within {times[-1] - times[0]:.2f} s)")
    return failed


class Trial:
    """Clients at work, and what is done to them."""

    def __init__(self, proxy, options):
        self.proxy, self.options, self.ledger, self.stop, self.wrong = proxy, options, Ledger(), threading.Event(), []
        self.clients = [Client(proxy.port, self.ledger, self.stop) for _ in range(options.clients)]
        for client in self.clients:
            client.start()

    def event(self, name, work, may_fail, before=None, after=None):
        time.sleep(1)
        begin = time.monotonic()
        if before:
            self.proxy.say(before)
        work()
        if after:
            self.proxy.say(after)
        self.until_all_is_well()
        if show(name, self.ledger, begin, time.monotonic()) and not may_fail:
            self.wrong.append(f"{name}: transactions failed")

    def until_all_is_well(self):
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            errors = len(self.ledger.errors)
            count = len(self.ledger.acknowledged)
            time.sleep(self.options.seconds / 2)
            if len(self.ledger.errors) == errors and len(self.ledger.acknowledged) > count:
                return
        raise Failure("the clients did not come back within a minute")

    def end(self, server):
        self.stop.set()
        for client in self.clients:
            client.join(60)
            if client.trouble:
                raise Failure(f"a client of this program broke: {client.trouble!r}")
        there = {int(number) for number in server.psql(f"SELECT id FROM tenant_{USER}.ledger").split()}
        ledger = self.ledger
        gone, strange = ledger.acknowledged.keys() - there, there & ledger.refused
        print(f"\n{len(ledger.acknowledged)} transactions were acknowledged, {len(gone)} of them are gone; of {len(ledger.unknown)} whose "
              f"client does not know, {len(there & ledger.unknown)} are there; of {len(ledger.refused)} refused ones, {len(strange)}")
        if gone or strange:
            self.wrong.append(f"acknowledged and gone: {sorted(gone)[:5]}, refused and there: {sorted(strange)[:5]}")


def replace(trial):
    beside = connecting_pgbench(trial.proxy, trial.options)
    for _ in range(3):
        time.sleep(trial.options.seconds / 4)
        trial.proxy.start()
    said = beside.communicate(timeout=120)[0]
    told = dict(re.findall(r"(number of transactions actually processed|number of failed transactions): (\d+)", said))
    connecting = re.search(r"average connection time = ([\d.]+ ms)", said)
    print(f"\npgbench -C beside it: {', '.join(f'{name} {count}' for name, count in told.items())}, average connection time "
          f"{connecting[1] if connecting else 'unknown'}")
    if beside.returncode != 0 or "aborted" in said or told.get("number of failed transactions", "0") != "0":
        trial.wrong.append(f"pgbench that connects anew failed: {said[-600:]}")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=16, help="clients that keep their connections (16)")
    parser.add_argument("--connecting", type=int, default=4, help="clients of pgbench -C (4)")
    parser.add_argument("--pool", type=int, default=8, help="server connections (8)")
    parser.add_argument("--seconds", type=float, default=4, help="how long it is to be quiet after each event (4)")
    parser.add_argument("--binary", default=ROOT / "target/release/pgtenant", help="the proxy (target/release/pgtenant)")
    options = parser.parse_args()
    options.binary = Path(options.binary).resolve()
    options.seconds = max(2, round(options.seconds))
    return options


def measure(directory, options):
    primary = Server(directory, "primary", options)
    primary.create()
    standby = None
    servers = [primary]
    proxy = None
    try:
        standby = primary.standby()
        servers.append(standby)
        proxy = Proxy(primary, [standby], directory, options)
        proxy.start()
        primary.psql(f"CREATE TABLE tenant_{USER}.ledger (id bigint); CREATE TABLE tenant_{USER}.beside (at timestamptz DEFAULT now());"
                     f"GRANT ALL ON ALL TABLES IN SCHEMA tenant_{USER} TO tenant_{USER}")
        trial = Trial(proxy, options)

        def restart(how):
            primary.stop(how)
            primary.start()

        def fail_over(how):
            primary.stop(how)
            servers.remove(primary)
            standby.promote()

        trial.event("the proxy is replaced three times", lambda: replace(trial), may_fail=False)
        trial.event("PostgreSQL is restarted, fast", lambda: restart("fast"), may_fail=True)
        trial.event("PostgreSQL is restarted, immediate", lambda: restart("immediate"), may_fail=True)
        trial.event("PostgreSQL is restarted, fast, while the proxy is paused", lambda: restart("fast"), False, "PAUSE", "RESUME")
        if options.planned:
            trial.event("the standby is promoted while the proxy is paused", lambda: fail_over("fast"), False, "PAUSE", "RESUME")
        else:
            trial.event("the primary crashes and the standby is promoted", lambda: fail_over("immediate"), may_fail=True)
        trial.end(standby)
        if trial.wrong:
            raise Failure("; ".join(trial.wrong))
    finally:
        if proxy and proxy.process:
            proxy.process.stop()
        for server in reversed(servers):
            server.stop("immediate")


def main():
    options = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that everything is cleaned up
    print(f"{pgbench.machine()}, {run([need_program('postgres'), '--version']).strip()}", flush=True)
    for options.planned in (False, True):
        with tempfile.TemporaryDirectory(prefix="pgtenant-restart-") as directory:
            if entry := unprivileged()[1]:
                os.chown(directory, entry.pw_uid, entry.pw_gid)
            measure(directory, options)


if __name__ == "__main__":
    try:
        main()
    except Failure as failure:
        sys.exit(f"restart.py: {failure}")
    except KeyboardInterrupt:
        sys.exit(130)
