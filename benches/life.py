#!/usr/bin/env python3
"""What the commands for many tenants take, on a private PostgreSQL: creating them, migrations, drift, verify.

A template with --tables tables (as benches/create.py has them), --tenants tenants made by one command with --jobs at once, then a
migration of all of them, the same again with nothing to do, a look for drift, and the audit with the canary through a running
proxy. Needs Linux, Python 3.9, PostgreSQL's programs and a release build. Exits with 1 when a command fails.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path

import pgbench
from create import Maker
from pgbench import HOST, ROOT, Cluster, Failure, Process, free_port


class Life:
    def __init__(self, cluster, directory, options):
        self.maker = Maker(cluster, directory, options)
        self.options, self.directory, self.cluster = options, Path(directory), cluster

    def command(self, title, *arguments, count=None):
        begin = time.perf_counter()
        said = pgbench.run([self.options.binary, *arguments], env=self.maker.variables)
        took = time.perf_counter() - begin
        each = f", {count / took:.1f} a second, {took / count * 1000:.1f} ms each" if count else ""
        print(f"{title:58} {took:7.2f} s{each}", flush=True)
        return said

    def all(self):
        count, jobs = self.options.tenants, str(self.options.jobs)
        self.maker.in_turn(self.options.sample)
        many = self.directory / "tenants.jsonl"
        many.write_text("".join(json.dumps({"slug": f"many{n}"}) + "\n" for n in range(count)))
        self.command(f"tenant create --from, {count} tenants, {jobs} at once", "tenant", "create", "--from", many, "--jobs", jobs,
                     "--level", self.options.level, count=count)  # fmt: skip
        self.maker.in_turn(self.options.sample)
        files = self.directory / "migrations"
        files.mkdir()
        migrate = ["--directory", files, "--parallel", jobs]
        (files / "1_first.sql").write_text("ALTER TABLE t1 ADD added int; CREATE INDEX ON t2 (name);\n")
        everybody = count + 2 * self.options.sample
        self.command(f"migrate up, {everybody} tenants, {jobs} at once", "migrate", "up", *migrate, count=everybody)
        for _ in range(3):
            self.command("migrate up again, nothing to do", "migrate", "up", *migrate)
        self.command("migrate drift", "migrate", "drift")
        self.command("verify --no-canary: the audit", "verify", "--no-canary")
        self.verify()

    def verify(self):
        port = free_port()
        variables = {**self.maker.variables, "PGTENANT_LISTEN_ADDRESSES": f"{HOST}:{port}"}
        proxy = Process("proxy", [self.options.binary, "serve"], self.directory, env=variables)
        try:
            proxy.wait_ready(lambda: pgbench.socket.create_connection((HOST, port)).close())
            self.command("verify: the audit, and the canary through the proxy", "verify", "--proxy", f"{HOST}:{port}")
        finally:
            proxy.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=Path, default=ROOT / "target/release/pgtenant")
    parser.add_argument("--tables", type=int, default=50, help="of the template")
    parser.add_argument("--tenants", type=int, default=1000, help="made by one command")
    parser.add_argument("--jobs", type=int, default=4)
    parser.add_argument("--sample", type=int, default=20, help="made one after the other before and after")
    parser.add_argument("--level", default="dedicated", choices=["dedicated", "shared"])
    parser.add_argument("--hardened", action="store_true", help="in a hardened database")
    options = parser.parse_args()
    options.clients, options.pool = options.jobs, 10  # places on the server
    if not options.binary.exists():
        raise Failure(f"{options.binary} is missing: run `cargo build --release`, or name one with --binary")
    with tempfile.TemporaryDirectory(prefix="pgtenant-life-") as directory:
        drop = pgbench.unprivileged()[1]
        if drop:
            os.chown(directory, drop.pw_uid, drop.pw_gid)
        print(pgbench.machine(), flush=True)
        cluster = Cluster(directory, options)
        try:
            Life(cluster, directory, options).all()
        finally:
            cluster.stop()


if __name__ == "__main__":
    try:
        main()
    except Failure as failure:
        sys.exit(f"life.py: {failure}")
