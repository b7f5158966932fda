#!/usr/bin/env python3
"""How long the proxy takes to notice hosts that are gone without a word, with its usual settings, and that it cuts off nobody who is
there and does not read. In front of a private PostgreSQL, and of a relay that stands for the server's host.

A socket of a host that is gone has a filter that drops all that arrives before TCP sees it (SO_ATTACH_FILTER): nothing is confirmed,
nothing is closed. Takes four minutes. Exits with 1 when something is not noticed in three, or somebody is cut off. Needs Linux, Python
3.9, PostgreSQL's programs and a built pgtenant.

    cargo build --release && python3 benches/half_open.py
"""

import argparse
import ctypes
import os
import socket
import struct
import sys
import tempfile
import threading
import time
from pathlib import Path

import pgbench
from pgbench import HOST, ROOT, Cluster, Failure
from soak import PASSWORD, Broken, Client, Site

AT_MOST = 180  # seconds
SO_ATTACH_FILTER = 26
RETURN_NOTHING = ctypes.create_string_buffer(struct.pack("HBBI", 0x06, 0, 0, 0))


def vanish(sock):
    program = struct.pack("HxxxxxxP", 1, ctypes.addressof(RETURN_NOTHING))
    sock.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, program)


def log_in(site, slug):
    wire = Client(site.port, slug, PASSWORD)
    wire.socket.settimeout(2 * AT_MOST)
    return wire


class Relay:
    """Between the proxy and PostgreSQL."""

    def __init__(self, real):
        self.real, self.open = real, []
        self.listener = socket.create_server((HOST, 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            near, _ = self.listener.accept()
            far = socket.create_connection((HOST, self.real))
            self.open.append(near)
            for pair in ((near, far), (far, near)):
                threading.Thread(target=self.carry, args=pair, daemon=True).start()

    @staticmethod
    def carry(source, sink):
        try:
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def vanish(self):
        """Whoever is connected speaks to nobody from now on; who comes finds a server. What was said before has been confirmed by
        then: what is not would be sent again, and a host that is gone sends nothing."""
        time.sleep(1)
        for near in self.open:
            vanish(near)
        self.open.clear()


class Roads(Site):
    """A site whose proxy reaches PostgreSQL by a relay."""

    def configure(self, pool):
        cluster, self.relay = self.cluster, Relay(self.cluster.port)
        try:
            self.cluster = argparse.Namespace(port=self.relay.port)
            super().configure(pool)
        finally:
            self.cluster = cluster

    def transactions(self, slug):
        return int(self.cluster.psql(f"SELECT count(*) FROM pg_stat_activity WHERE usename = 'tenant_{slug}' AND xact_start IS NOT NULL"))

    def measure_until(self, what, happened):
        begin = time.monotonic()
        while not happened():
            if time.monotonic() - begin > AT_MOST:
                self.complain(f"{what}: not noticed in {AT_MOST} s")
                return
            time.sleep(0.2)
        print(f"{what}: {time.monotonic() - begin:.0f} s", flush=True)


def answered(site, wire, sql, wanted, what):
    """Asks, and says when the error of a server that is gone came."""
    begin = time.monotonic()
    try:
        code = wire.ask(sql)[2]
    except Broken as error:
        code = f"the end ({error})"
    print(f"{what}: {code} after {time.monotonic() - begin:.0f} s", flush=True)
    if code != wanted or time.monotonic() - begin > AT_MOST:
        site.complain(what)


def clients(site):
    """Two that are gone in a transaction, one of them with an answer on its way; and one that stops reading a result of 200 MB."""
    silent, asking, stopped = (log_in(site, site.fixed[0]) for _ in range(3))
    silent.ask("BEGIN")
    vanish(silent.socket)
    asking.ask("BEGIN")
    asking.send(b"Q", b"SELECT pg_sleep(1)\0")
    vanish(asking.socket)
    stopped.send(b"Q", b"SELECT repeat('x', 1000) FROM generate_series(1, 200000)\0")
    time.sleep(1)
    both = threading.Thread(target=site.measure_until, args=(
        "clients gone in a transaction, one of two with an answer on its way: rolled back", lambda: site.transactions(site.fixed[0]) <= 1))
    both.start()
    time.sleep(AT_MOST)
    both.join()
    try:
        rows, wire = 0, stopped
        while (kind := wire.message()[0]) != b"Z":
            rows += kind == b"D"
        print(f"a client that read nothing for {AT_MOST} s: {rows} rows", flush=True)
    except (OSError, Failure) as error:
        site.complain(f"a client that did not read for {AT_MOST} s: {error}")


def servers(site):
    """Of three connections whose host is gone one waits for an answer, one is asked, and one is left alone."""
    slug = site.fixed[1]
    waits, asks, idle = (log_in(site, slug) for _ in range(3))
    sleeping = [threading.Thread(target=wire.ask, args=("SELECT pg_sleep(2)",)) for wire in (asks, idle)]
    waiting = threading.Thread(target=answered, args=(site, waits, "SELECT pg_sleep(400)", "08006",
                               "server gone while it worked"))
    for thread in (*sleeping, waiting):
        thread.start()
    for thread in sleeping:
        thread.join()
    site.relay.vanish()
    answered(site, asks, "SELECT 1", "08006", "server gone before it was asked")
    waiting.join()
    time.sleep(5)
    answered(site, idle, "SELECT 1", None, "the next one asks")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=Path, default=ROOT / "target/release/pgtenant")
    options = parser.parse_args()
    options.tenants, options.pool, options.clients = 2, 8, 20
    with tempfile.TemporaryDirectory(prefix="pgtenant-half-open-", dir="/tmp") as directory:
        os.chmod(directory, 0o755)
        if entry := pgbench.unprivileged()[1]:
            os.chown(directory, entry.pw_uid, entry.pw_gid)
        cluster, site = Cluster(directory, options), None
        try:
            site = Roads(cluster, directory, options)
            servers(site)
            clients(site)
        except Failure as failure:
            sys.exit(f"half_open: {failure}")
        finally:
            if site and hasattr(site, "process"):
                site.process.stop()
            cluster.stop()
    sys.exit(f"half_open: {len(site.wrong)} things are wrong" if site.wrong else None)


if __name__ == "__main__":
    main()
