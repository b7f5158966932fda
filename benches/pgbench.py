#!/usr/bin/env python3
"""pgbench through pgtenant, direct, and through PgBouncer, in turns, on a private PostgreSQL.

Prints transactions per second with the ratio to PgBouncer's of the same round, latencies, the CPU time of the proxy and of
PostgreSQL per transaction, memory per idle client, and memory and CPU while a large COPY streams. Machines are
noisy: the ratios of one run compare, the figures of two runs do not. Needs Linux (/proc), Python 3.9 and
PostgreSQL's programs; PgBouncer is measured where it is installed.

Exits with 1 when a client saw an error or a wrong row, or when pgtenant's memory grew while streaming.
"""

import argparse
import base64
import contextlib
import datetime
import glob
import hashlib
import hmac
import itertools
import os
import platform
import pwd
import re
import resource
import secrets
import signal
import socket
import ssl
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time
import typing
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HOST = "127.0.0.1"
DATABASE = "bench"
TENANT = "bench"  # slug, and the user who logs in to pgtenant
ROLE = "tenant_bench"  # the tenant's role and schema on the server
MODES = ("simple", "extended", "prepared")
SCRIPTS = {"select": "select-only", "tpcb": "tpcb-like"}
LEGS = ("direct", "pgbouncer", "pgtenant")
MAX_GROWTH_KB = 16 * 1024  # more than this while streaming is not "constant memory"
PAGE_KB = os.sysconf("SC_PAGE_SIZE") // 1024
TICK_US = 1_000_000 // os.sysconf("SC_CLK_TCK")


class Failure(Exception):
    """Something the reader of the result must know; ends the run."""


# ---------------------------------------------------------------- the wire, as little as the bench needs


class Wire:
    """One client connection: start-up with SCRAM-SHA-256, and simple queries."""

    salted_passwords = {}  # a thousand logins with the same salt hash the password once
    source = None  # the address it comes from, with a port or 0

    def __init__(self, port, user, password, tls=None):
        self.socket = socket.create_connection((HOST, port), timeout=60, source_address=self.source)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            self._encrypt(tls)
        pairs = f"user\0{user}\0database\0{DATABASE}\0application_name\0bench\0\0".encode()
        self.socket.sendall(struct.pack("!II", len(pairs) + 8, 3 << 16) + pairs)
        self._authenticate(password)
        self._until_ready()

    def _encrypt(self, context):
        self.socket.sendall(struct.pack("!II", 8, 80877103))  # SSLRequest
        if self._exactly(1) != b"S":
            raise Failure("there is no TLS")
        self.socket = context.wrap_socket(self.socket)

    def send(self, tag, body):
        self.socket.sendall(tag + struct.pack("!I", len(body) + 4) + body)

    def query(self, sql):
        """Runs one statement and returns its rows as lists of text."""
        self.send(b"Q", sql.encode() + b"\0")
        return self._until_ready()

    def close(self):
        self.socket.close()

    def _exactly(self, size):
        data = b""
        while len(data) < size:
            piece = self.socket.recv(size - len(data))
            if not piece:
                raise Failure("the connection was closed by the other side")
            data += piece
        return data

    def _message(self):
        head = self._exactly(5)
        body = self._exactly(struct.unpack("!I", head[1:])[0] - 4)
        if head[:1] == b"E":
            fields = dict((f[:1], f[1:].decode()) for f in body.split(b"\0") if f)
            raise Failure(f"{fields.get(b'C')}: {fields.get(b'M')}")
        return head[:1], body

    def _until_ready(self):
        rows = []
        while True:
            tag, body = self._message()
            if tag == b"D":
                rows.append(self._row(body))
            elif tag == b"Z":
                return rows

    @staticmethod
    def _row(body):
        columns, at = [], 2
        for _ in range(struct.unpack_from("!H", body)[0]):
            size = struct.unpack_from("!i", body, at)[0]
            at += 4
            columns.append(None if size < 0 else body[at : at + size].decode())
            at += max(size, 0)
        return columns

    def _authenticate(self, password):
        tag, body = self._message()
        kind = struct.unpack_from("!I", body)[0]
        if kind == 0:
            return
        if tag != b"R" or kind != 10 or b"SCRAM-SHA-256\0" not in body[4:]:
            raise Failure(f"the bench can log in with SCRAM-SHA-256 only, the server asked for method {kind}")
        nonce = base64.b64encode(secrets.token_bytes(18)).decode()
        first = f"n=,r={nonce}"
        self.send(b"p", b"SCRAM-SHA-256\0" + struct.pack("!I", len(first) + 3) + b"n,," + first.encode())
        server_first = self._message()[1][4:].decode()
        told = dict(part.split("=", 1) for part in server_first.split(","))
        final = f"c=biws,r={told['r']}"
        salted = self._salted(password, told["s"], int(told["i"]))
        client_key = hmac.digest(salted, b"Client Key", "sha256")
        signed = f"{first},{server_first},{final}".encode()
        signature = hmac.digest(hashlib.sha256(client_key).digest(), signed, "sha256")
        proof = bytes(a ^ b for a, b in zip(client_key, signature))
        self.send(b"p", f"{final},p={base64.b64encode(proof).decode()}".encode())
        self._message()  # SASLFinal
        self._message()  # AuthenticationOk

    @classmethod
    def _salted(cls, password, salt, iterations):
        key = (password, salt, iterations)
        if key not in cls.salted_passwords:
            raw = hashlib.pbkdf2_hmac("sha256", password.encode(), base64.b64decode(salt), iterations)
            cls.salted_passwords[key] = raw
        return cls.salted_passwords[key]


# ---------------------------------------------------------------- processes


def find_program(name):
    """PATH first, then where packages put PostgreSQL's programs, the newest version first."""
    places = [os.environ.get("PGTENANT_PG_BIN"), *os.environ.get("PATH", "").split(os.pathsep), "/usr/sbin"]
    versions = glob.glob("/usr/lib/postgresql/*/bin") + glob.glob("/usr/pgsql-*/bin")
    places += sorted(versions, key=lambda path: [int(n) for n in re.findall(r"\d+", path)], reverse=True)
    for place in filter(None, places):
        path = os.path.join(place, name)
        # Debian's wrappers choose a version by themselves; take the programs of one version.
        if os.access(path, os.X_OK) and "pg_wrapper" not in os.path.realpath(path):
            return path
    return None


def need_program(name):
    path = find_program(name)
    if path is None:
        raise Failure(f"{name} is missing: run scripts/setup.sh demo, or set PGTENANT_PG_BIN to its directory")
    return path


def unprivileged():
    """Arguments for subprocess that drop root, which PostgreSQL and PgBouncer refuse to run as."""
    if os.geteuid() != 0:
        return {}, None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}, entry
    raise Failure("running as root, and there is neither a user `postgres` nor `nobody` to switch to")


def free_port():
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        return listener.getsockname()[1]


def run(command, **options):
    """Runs a command to its end and returns its output; a failure shows what it said."""
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, **options)
    if done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip())[-2000:]
        raise Failure(f"{Path(command[0]).name} {command[1]} … failed with {done.returncode}: {said}")
    return done.stdout


class Process:
    """A server that runs until stop(), with its log in a file."""

    def __init__(self, name, command, directory, **options):
        self.name, self.log_path = name, Path(directory) / f"{name}.log"
        with open(self.log_path, "ab") as log:
            self.child = subprocess.Popen(
                [str(c) for c in command], stdin=subprocess.DEVNULL, stdout=log, stderr=log, **options
            )

    def wait_ready(self, connect):
        deadline = time.monotonic() + 30
        while True:
            try:
                return connect()
            except (OSError, Failure) as error:
                if self.child.poll() is not None or time.monotonic() > deadline:
                    tail = self.log_path.read_text(errors="replace")[-2000:]
                    raise Failure(f"{self.name} did not come up ({error}); its log ends:\n{tail}") from error
            time.sleep(0.05)

    def stop(self, how=signal.SIGTERM):
        if self.child.poll() is None:
            self.child.send_signal(how)
            try:
                self.child.wait(20)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()

    def cpu_us(self):
        """User and system time of all its threads so far, in microseconds (proc(5), stat fields 14, 15)."""
        fields = Path(f"/proc/{self.child.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) * TICK_US

    def rss_kb(self):
        return int(Path(f"/proc/{self.child.pid}/statm").read_text().split()[1]) * PAGE_KB


# ---------------------------------------------------------------- what is measured


class Cluster:
    """A private PostgreSQL on a free port. Logins are trusted: only connections in use are measured."""

    def __init__(self, directory, options):
        self.port, drop = free_port(), unprivileged()[0]
        data = Path(directory) / "data"
        run([need_program("initdb"), "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "-N"],
            cwd=directory, **drop)
        settings = {
            "listen_addresses": HOST, "port": self.port, "unix_socket_directories": directory,
            "max_connections": options.clients + options.pool + 60, "shared_buffers": "256MB", "fsync": "off",
            "max_wal_size": "4GB",
        }  # fmt: skip
        arguments = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
        self.process = Process("postgres", [need_program("postgres"), "-D", data, *arguments], directory,
                               cwd=directory, **drop)
        self.process.wait_ready(lambda: self.psql("SELECT 1", database="postgres"))
        self.psql(f"CREATE DATABASE {DATABASE}", database="postgres")

    def psql(self, sql, database=DATABASE):
        return run([need_program("psql"), "-XAtq", "-v", "ON_ERROR_STOP=1", "-h", HOST, "-p", self.port,
                    "-U", "postgres", "-d", database, "-c", sql])

    def cpu_us(self):
        """User and system time of all its processes so far, also of those that have ended, in microseconds."""
        pid, total = self.process.child.pid, 0
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        for process, fields in [(str(pid), (11, 12, 13, 14)), *((child, (11, 12)) for child in children)]:
            with contextlib.suppress(OSError):  # one that has just ended is in its parent's figures
                stat = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
                total += sum(int(stat[field]) for field in fields)
        return total * TICK_US

    def stop(self):
        self.process.stop(signal.SIGINT)  # fast shutdown: does not wait for clients


class Direct:
    """pgbench without a proxy, as the same confined role."""

    name, process = "direct", None

    def __init__(self, cluster):
        self.port, self.user, self.password = cluster.port, ROLE, "unused"
        self.environment = {"PGOPTIONS": f"-c search_path={ROLE}"}

    def start(self):
        pass

    stop = start

    def supports(self, _mode):
        return True


class PgBouncer:
    """PgBouncer in transaction mode with the same number of server connections."""

    name, environment = "pgbouncer", {}

    def __init__(self, cluster, directory, options):
        self.program, self.directory = find_program("pgbouncer"), Path(directory)
        self.port, self.user, self.password = free_port(), ROLE, secrets.token_hex(16)
        said = run([self.program, "--version"])
        self.version = tuple(int(n) for n in re.search(r"(\d+)\.(\d+)", said).groups())
        named = "max_prepared_statements = 200" if self.version >= (1, 21) else ""
        self.config = self.directory / "pgbouncer.ini"
        users = self.directory / "pgbouncer-users.txt"
        users.write_text(f'"{self.user}" "{self.password}"\n')
        self.config.write_text(f"""
[databases]
{DATABASE} = host={HOST} port={cluster.port} dbname={DATABASE} connect_query='SET search_path TO {ROLE}'
[pgbouncer]
listen_addr = {HOST}
listen_port = {self.port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {users}
pool_mode = transaction
default_pool_size = {options.pool}
max_client_conn = {options.idle_clients + options.clients + 100}
{named}
""")
        if options.tls:
            certificate, key = make_certificate(directory)
            with self.config.open("a") as file:
                file.write(f"client_tls_sslmode = prefer\nclient_tls_cert_file = {certificate}\n"
                           f"client_tls_key_file = {key}\n")
            self.environment = {"PGSSLMODE": "require"}
        if entry := unprivileged()[1]:
            for path in (self.config, users):
                os.chown(path, entry.pw_uid, entry.pw_gid)
        self.process = None

    def start(self):
        self.process = Process("pgbouncer", [self.program, self.config], self.directory, cwd=self.directory,
                               **unprivileged()[0])
        self.process.wait_ready(lambda: Wire(self.port, self.user, self.password)).close()

    def stop(self):
        self.process.stop()

    def supports(self, mode):
        return mode != "prepared" or self.version >= (1, 21)


def unverified(options):
    """As pgbench has it with sslmode=require; nothing without --tls."""
    if not options.tls:
        return None
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def make_certificate(directory):
    """One certificate and key for both proxies; pgbench does not verify it (sslmode=require)."""
    certificate, key = Path(directory) / "bench.crt", Path(directory) / "bench.key"
    if not certificate.exists():
        run([need_program("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
             "-days", "2", "-subj", "/CN=localhost", "-keyout", key, "-out", certificate])
        key.chmod(0o600)
        if entry := unprivileged()[1]:
            for path in (certificate, key):
                os.chown(path, entry.pw_uid, entry.pw_gid)
    return certificate, key


class PgTenant:
    """The release build, set up with its own commands; the tenant's user logs in."""

    name, environment = "pgtenant", {}

    def __init__(self, cluster, directory, options):
        self.program, self.directory = Path(options.binary), Path(directory)
        if not self.program.exists():
            raise Failure(f"{self.program} is missing: run `cargo build --release`, or name one with --binary")
        self.port, self.user, self.password = free_port(), TENANT, secrets.token_hex(16)
        self.config = self.directory / "pgtenant.toml"
        self.config.write_text(f"""
[listen]
max_clients = {options.idle_clients + options.clients + 100}

[pool]
max_server_connections = {options.pool}
max_server_connections_per_tenant = {options.pool}
""")
        self.variables = {
            **os.environ,
            "PGTENANT_CONFIG": str(self.config),
            "PGTENANT_MASTER_KEY": secrets.token_hex(32),
            "PGTENANT_ADMIN_URL": f"postgres://postgres@{HOST}:{cluster.port}/{DATABASE}",
            "PGTENANT_SERVER_HOST": HOST,
            "PGTENANT_SERVER_PORT": str(cluster.port),
            "PGTENANT_SERVER_DATABASE": DATABASE,
            "PGTENANT_LISTEN_ADDRESSES": f"{HOST}:{self.port}",
        }
        if options.tls:
            certificate, key = make_certificate(directory)
            self.variables |= {"PGTENANT_LISTEN_TLS_CERTIFICATE": str(certificate), "PGTENANT_LISTEN_TLS_KEY": str(key)}
            self.environment = {"PGSSLMODE": "require"}
        self._command("init")
        self._command("tenant", "create", TENANT, "--password-stdin", input=self.password + "\n")
        self.process = None

    def _command(self, *arguments, **options):
        run([self.program, *arguments], env=self.variables, cwd=self.directory, **options)

    def start(self):
        self.process = Process("pgtenant", [self.program, "serve", "--config", self.config], self.directory,
                               env=self.variables, cwd=self.directory)
        self.process.wait_ready(lambda: Wire(self.port, self.user, self.password)).close()

    def stop(self):
        self.process.stop()

    def supports(self, _mode):
        return True


# ---------------------------------------------------------------- the measurements


def client_environment(leg):
    return {**os.environ, "PGPASSWORD": leg.password, "PGSSLMODE": "disable", "PGGSSENCMODE": "disable",
            **leg.environment}


def check_rows(leg, scale):
    """The leg reaches the confined role's own tables, whole."""
    command = [need_program("psql"), "-XAt", "-h", HOST, "-p", leg.port, "-U", leg.user, "-d", DATABASE, "-c",
               "SELECT current_user, count(*), sum(aid) FROM pgbench_accounts"]
    rows = scale * 100_000
    wanted = f"{ROLE}|{rows}|{rows * (rows + 1) // 2}"
    answer = run(command, env=client_environment(leg)).strip()
    if answer != wanted:
        raise Failure(f"{leg.name}: wrong row: {answer!r} instead of {wanted!r}")


class Round(typing.NamedTuple):
    """One leg's figures of one round: transactions per second, µs of CPU per transaction, latencies in ms."""

    tps: float
    proxy_us: float
    server_us: float
    p50: float
    p99: float

    def total_us(self):
        return self.proxy_us + self.server_us


def generator_threads(script, mode, clients):
    """How many threads pgbench gets. It prepares statements by calls that wait: a client that has to wait for a server
    connection stops all of its thread, also those who hold one in a transaction. Then only a thread for each goes on."""
    return clients if (script, mode) == ("tpcb", "prepared") else min(2, clients)


def pgbench(leg, cluster, what, seconds):
    """One round of (script, mode, clients)."""
    script, mode, clients = what
    how = ["-C", "-M", "simple"] if mode == "connect" else ["-M", mode]
    before = (leg.process.cpu_us() if leg.process else 0, cluster.cpu_us())
    with tempfile.TemporaryDirectory(prefix="pgtenant-latency-") as logs:
        said = run([need_program("pgbench"), "-n", "-b", SCRIPTS[script], *how, "-c", clients, "-j", generator_threads(*what),
                    "-T", seconds, "-l", "--log-prefix", f"{logs}/log", "-h", HOST, "-p", leg.port, "-U", leg.user, DATABASE],
                   env=client_environment(leg))
        after = (leg.process.cpu_us() if leg.process else 0, cluster.cpu_us())
        latencies = sorted(int(line.split()[2]) for path in glob.glob(f"{logs}/log*") for line in open(path))
    done = int(re.search(r"transactions actually processed: (\d+)", said).group(1))
    failed = re.search(r"number of failed transactions: (\d+)", said)
    if done == 0 or not latencies or (failed and int(failed.group(1))):
        raise Failure(f"{leg.name} -M {mode}: not every transaction succeeded:\n{said}")
    tps = float(re.search(r"tps = ([\d.]+) \((?:without|excluding|including reconnection)", said).group(1))
    proxy, server = ((end - begin) / done for begin, end in zip(before, after))
    return Round(tps, proxy, server, latencies[len(latencies) // 2] / 1000, latencies[len(latencies) * 99 // 100] / 1000)


def throughput(legs, cluster, options):
    """Rounds of everything and all legs; the order of the legs turns with each round."""
    for leg in legs:  # opens the server connections, fills the caches
        pgbench(leg, cluster, ("select", "simple", options.clients), 1)
    results = {}
    kinds = list(itertools.product(options.scripts, options.modes, options.counts))
    for round_number in range(options.rounds):
        for what in kinds:
            turn = round_number % len(legs)
            for leg in legs[turn:] + legs[:turn]:
                if not leg.supports(what[1]):
                    continue
                one = pgbench(leg, cluster, what, options.seconds)
                results.setdefault((what, leg.name), []).append(one)
                print(f"  round {round_number + 1}  {what[0]:7}{what[1]:9}{what[2]:4} {leg.name:10} {one.tps:9.0f} tps  "
                      f"CPU {one.proxy_us:6.1f} + {one.server_us:6.1f} µs  p50 {one.p50:.2f} p99 {one.p99:.2f} ms", flush=True)
    return results


def spread(values, form):
    return " / ".join(form.format(v) for v in (min(values), statistics.median(values), max(values)))


def print_throughput(results, options):
    """Each leg beside PgBouncer, or beside the direct connection where that is not measured, of the same round."""
    beside = "pgbouncer" if "pgbouncer" in options.only and find_program("pgbouncer") else "direct"
    print(f"\nmin / median / max of {options.rounds} rounds; of {beside}: in the same round; CPU in µs per transaction")
    print(f"{'':21}{'leg':11}{'tps':26}{'of ' + beside:22}{'proxy CPU':28}{'proxy and server CPU':30}{'p50 ms':26}p99 ms")
    for what in itertools.product(options.scripts, options.modes, options.counts):
        for name in LEGS:
            rounds, others = results.get((what, name)), results.get((what, beside))
            if not rounds:
                continue
            ratios = [one.tps / other.tps for one, other in zip(rounds, others)] if others else []
            print(f"{what[0]:7}{what[1]:9}{what[2]:4} {name:11}{spread([one.tps for one in rounds], '{:.0f}'):26}"
                  f"{spread(ratios, '{:.2f}') if ratios else '-':22}"
                  f"{'-' if name == 'direct' else spread([one.proxy_us for one in rounds], '{:.1f}'):28}"
                  f"{spread([one.total_us() for one in rounds], '{:.1f}'):30}"
                  f"{spread([one.p50 for one in rounds], '{:.2f}'):26}{spread([one.p99 for one in rounds], '{:.2f}')}")


def idle_memory(leg, options):
    """Resident memory for each of many clients: logged in, then idle again after a query each."""
    leg.start()
    clients, count, tls = [], options.idle_clients, unverified(options)
    try:
        base = leg.process.rss_kb()
        for _ in range(count):
            clients.append(Wire(leg.port, leg.user, leg.password, tls))
        connected = leg.process.rss_kb()
        for client in clients:
            if client.query("SELECT 1") != [["1"]]:
                raise Failure(f"{leg.name}: wrong row from SELECT 1")
        used = leg.process.rss_kb()
        print(f"{leg.name:11}{base / 1024:8.1f} MB without clients, {connected / 1024:8.1f} MB with {count} "
              f"({(connected - base) / count:.2f} kB each), {(used - base) / count:.2f} kB each after a query",
              flush=True)
    finally:
        for client in clients:
            client.close()
        leg.stop()


class Peak:
    """The largest resident memory of a process while the block runs, sampled every 10 ms."""

    def __init__(self, process):
        self.process, self.done = process, threading.Event()

    def __enter__(self):
        self.before = self.largest = self.process.rss_kb()
        self.cpu = self.process.cpu_us()
        self.thread = threading.Thread(target=self._sample)
        self.thread.start()
        return self

    def _sample(self):
        while not self.done.wait(0.01):
            with contextlib.suppress(OSError):
                self.largest = max(self.largest, self.process.rss_kb())

    def __exit__(self, *_):
        self.done.set()
        self.thread.join()
        self.cpu = self.process.cpu_us() - self.cpu


def copy_out(leg, megabytes):
    sql = f"COPY (SELECT repeat('x', 999) FROM generate_series(1, {megabytes * 1000})) TO STDOUT"
    subprocess.run(stream_command(leg, sql), env=client_environment(leg), stdout=subprocess.DEVNULL, check=True)


def copy_in(leg, megabytes):
    block = (b"x" * 999 + b"\n") * 1000
    child = subprocess.Popen(stream_command(leg, "COPY bench_stream FROM STDIN"), env=client_environment(leg),
                             stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    with child.stdin:
        for _ in range(megabytes):
            child.stdin.write(block)
    if child.wait() != 0:
        raise Failure(f"{leg.name}: COPY FROM STDIN failed")


def one_large_row(leg, megabytes):
    sql = f"SELECT repeat('x', {min(megabytes, 100) * 1_000_000})"
    subprocess.run(stream_command(leg, sql), env=client_environment(leg), stdout=subprocess.DEVNULL, check=True)


def reader_that_stops(leg, megabytes):
    """Asks for everything and reads nothing for two seconds, then leaves: the proxy must not take it in."""
    client = Wire(leg.port, leg.user, leg.password)
    sql = f"SELECT repeat('x', 1000) FROM generate_series(1, {megabytes * 1000})"
    client.send(b"Q", sql.encode() + b"\0")
    time.sleep(2)
    client.close()


def stream_command(leg, sql):
    return [need_program("psql"), "-XAtq", "-v", "ON_ERROR_STOP=1", "-h", HOST, "-p", str(leg.port), "-U", leg.user,
            "-d", DATABASE, "-c", sql]


def streaming(leg, cluster, options):
    """Peak memory and CPU while much data goes through; returns the growth in kB."""
    leg.start()
    worst = 0
    try:
        check_rows(leg, options.scale)  # one connection has been used: buffers and caches are there
        for title, action in (("COPY TO STDOUT", copy_out), ("COPY FROM STDIN", copy_in),
                              ("one row of 100 MB", one_large_row), ("reader that stops", reader_that_stops)):
            cluster.psql("TRUNCATE tenant_bench.bench_stream")
            with Peak(leg.process) as peak:
                action(leg, options.megabytes)
            if action is copy_in:
                rows = cluster.psql("SELECT count(*), min(length(x)) FROM tenant_bench.bench_stream").strip()
                if rows != f"{options.megabytes * 1000}|999":
                    raise Failure(f"{leg.name}: COPY FROM STDIN stored {rows}")
            moved = {one_large_row: min(options.megabytes, 100), reader_that_stops: 0}.get(action, options.megabytes)
            cost = f"{peak.cpu / moved:7.0f} µs/MB" if moved else ""
            print(f"{leg.name:11}{title:19}{peak.before / 1024:8.1f} MB before, {peak.largest / 1024:8.1f} MB peak, "
                  f"{(peak.largest - peak.before) / 1024:+6.1f} MB {cost}", flush=True)
            worst = max(worst, peak.largest - peak.before)
    finally:
        leg.stop()
    return worst


# ---------------------------------------------------------------- the run


def prepare_role(cluster, by_pgtenant):
    """Without pgtenant there is nobody else to make the confined role and its schema."""
    if not by_pgtenant:
        cluster.psql(f"CREATE ROLE {ROLE} LOGIN; CREATE SCHEMA {ROLE}; GRANT USAGE, CREATE ON SCHEMA {ROLE} TO {ROLE}")


def prepare_tables(cluster, options):
    direct = Direct(cluster)
    run([need_program("pgbench"), "-i", "-q", "-s", options.scale, "-h", HOST, "-p", cluster.port, "-U", ROLE, DATABASE],
        env=client_environment(direct))
    run(stream_command(direct, "CREATE UNLOGGED TABLE bench_stream (x text)"), env=client_environment(direct))


def machine():
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    load = " ".join(f"{value:.1f}" for value in os.getloadavg())
    return (f"{datetime.datetime.now():%Y-%m-%d %H:%M}, {os.cpu_count()} × {model.group(1) if model else '?'}, "
            f"Linux {platform.release()}, load {load}")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="rounds of every mode and leg (3)")
    parser.add_argument("--seconds", type=int, default=5, help="length of one round (5)")
    parser.add_argument("--clients", default="32", help="numbers of pgbench clients, for example 1,8,32,128 (32)")
    parser.add_argument("--scripts", default="select", help="pgbench's own: of select,tpcb (select)")
    parser.add_argument("--pool", type=int, default=16, help="server connections of each proxy (16)")
    parser.add_argument("--scale", type=int, default=10, help="pgbench scale factor (10)")
    parser.add_argument("--idle-clients", type=int, default=1000, help="clients of the memory figure (1000)")
    parser.add_argument("--megabytes", type=int, default=1000, help="size of the streams (1000)")
    parser.add_argument("--modes", default=",".join(MODES), help="of simple,extended,prepared; connect logs in anew for every transaction")
    parser.add_argument("--tls", action="store_true", help="TLS between pgbench and the proxies, with one certificate")
    parser.add_argument("--only", default=",".join(LEGS), help="of direct,pgbouncer,pgtenant")
    parser.add_argument("--skip", default="", help="of throughput,idle,stream")
    parser.add_argument("--binary", default=ROOT / "target/release/pgtenant", help="the proxy (target/release/pgtenant)")
    options = parser.parse_args()
    for name, allowed in (("modes", [*MODES, "connect"]), ("scripts", SCRIPTS), ("only", LEGS), ("skip", ("throughput", "idle", "stream"))):
        chosen = [word for word in getattr(options, name).split(",") if word]
        if unknown := set(chosen) - set(allowed):
            parser.error(f"--{name}: {', '.join(unknown)} is not one of {', '.join(allowed)}")
        setattr(options, name, chosen)
    if not re.fullmatch(r"[1-9]\d{0,4}(,[1-9]\d{0,4})*", options.clients):
        parser.error("--clients: give one number or several with commas between them")
    options.counts = [int(count) for count in options.clients.split(",")]
    options.clients = max(options.counts)
    options.binary = Path(options.binary).resolve()
    return options


def make_legs(cluster, directory, options):
    legs = []
    prepare_role(cluster, "pgtenant" in options.only)
    if "pgtenant" in options.only:
        legs.append(PgTenant(cluster, directory, options))
    prepare_tables(cluster, options)
    if "pgbouncer" in options.only:
        if find_program("pgbouncer"):
            bouncer = PgBouncer(cluster, directory, options)
            print(f"pgbouncer {'.'.join(map(str, bouncer.version))}"
                  + ("" if bouncer.supports("prepared") else ", without prepared mode (needs 1.21)"))
            legs.append(bouncer)
        else:
            print("pgbouncer is not installed: measured without it")
    if "direct" in options.only:
        legs.append(Direct(cluster))
    return sorted(legs, key=lambda leg: LEGS.index(leg.name))


def measure(cluster, legs, options):
    proxies = [leg for leg in legs if leg.name != "direct"]
    if "throughput" not in options.skip:
        print(f"\n{options.seconds} s a round, {options.pool} server connections")
        try:
            for leg in legs:
                leg.start()
                check_rows(leg, options.scale)
            print_throughput(throughput(legs, cluster, options), options)
        finally:
            for leg in proxies:
                if leg.process:
                    leg.stop()
    if "idle" not in options.skip:
        print("\nmemory (resident) with idle clients")
        for leg in proxies:
            idle_memory(leg, options)
    growths = {}
    if "stream" not in options.skip:
        print(f"\nmemory (resident) and CPU while {options.megabytes} MB stream")
        for leg in proxies:
            growths[leg.name] = streaming(leg, cluster, options)
    grown = growths.get("pgtenant", 0)
    if grown > MAX_GROWTH_KB:
        raise Failure(f"pgtenant grew by {grown // 1024} MB while streaming; {MAX_GROWTH_KB // 1024} MB are allowed")


def raise_file_limit():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def main():
    options = arguments()
    raise_file_limit()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that everything is cleaned up
    with tempfile.TemporaryDirectory(prefix="pgtenant-bench-") as directory:
        if entry := unprivileged()[1]:
            os.chown(directory, entry.pw_uid, entry.pw_gid)
        print(f"{machine()}, {run([need_program('postgres'), '--version']).strip()}", flush=True)
        cluster = Cluster(directory, options)
        try:
            measure(cluster, make_legs(cluster, directory, options), options)
        finally:
            cluster.stop()
    print(f"\nload at the end {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    try:
        main()
    except Failure as failure:
        sys.exit(f"pgbench.py: {failure}")
    except KeyboardInterrupt:
        sys.exit(130)
