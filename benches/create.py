#!/usr/bin/env python3
"""Milliseconds to create a tenant, as the number of tenants grows, on a private PostgreSQL.

Each tenant is one run of `pgtenant tenant create`: process, login, the clone of the template, and its check. Tells the median of
one after the other at the start and at the end, and how many a second come into being several at once in between. Needs Linux, Python 3.9, PostgreSQL's programs and a release build.

Exits with 1 when a tenant could not be made, or when the last ones took more than --worse times as long as the first.
"""

import argparse
import os
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pgbench
from pgbench import DATABASE, HOST, ROOT, Cluster, Failure
from tenants import environment

# What an application's table has: a serial key, a foreign key, an index, a check, defaults; in each tenth place code as well.
TABLE = """
CREATE TABLE base_template.t{n} (
    id bigserial PRIMARY KEY, parent bigint {parent}, name text NOT NULL CHECK (name <> ''), state base_template.state
    DEFAULT 'new', amount numeric(12,2) DEFAULT 0, created_at timestamptz NOT NULL DEFAULT now(), doc jsonb);
CREATE INDEX ON base_template.t{n} (parent); CREATE INDEX ON base_template.t{n} (lower(name));
COMMENT ON TABLE base_template.t{n} IS 'table {n}';
"""
CODE = """
CREATE VIEW base_template.v{n} AS SELECT id, name FROM base_template.t{n} WHERE state <> 'old';
CREATE TRIGGER touch BEFORE UPDATE ON base_template.t{n} FOR EACH ROW EXECUTE FUNCTION base_template.touch();
"""


def template(tables):
    parts = [
        "CREATE TYPE base_template.state AS ENUM ('new', 'old');"
        "CREATE FUNCTION base_template.touch() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN NEW; END$$;"
    ]
    for n in range(tables):
        parent = f"REFERENCES base_template.t{n - 1}" if n else ""
        parts.append(TABLE.format(n=n, parent=parent))
        if n % 10 == 0:
            parts.append(CODE.format(n=n))
    return "".join(parts)


class Maker:
    def __init__(self, cluster, directory, options):
        self.options, self.cluster = options, cluster
        config = Path(directory) / "pgtenant.toml"
        config.write_text(f'[server]\nhost = "{HOST}"\nport = {cluster.port}\ndatabase = "{DATABASE}"\n')
        self.variables = environment(
            PGTENANT_CONFIG=str(config),
            PGTENANT_MASTER_KEY=secrets.token_hex(32),
            PGTENANT_ADMIN_URL=f"postgres://postgres@{HOST}:{cluster.port}/{DATABASE}",
        )
        pgbench.run([options.binary, "init", *(["--harden"] if options.hardened else [])], env=self.variables)
        cluster.psql(template(options.tables))
        self.number = 0

    def names(self, count):
        self.number += count
        return [f"t{n}" for n in range(self.number - count + 1, self.number + 1)]

    def make(self, name):
        begin = time.perf_counter()
        command = [str(self.options.binary), "tenant", "create", name, "--level", self.options.level]
        done = subprocess.run(command, capture_output=True, text=True, env=self.variables)
        if done.returncode != 0:
            raise Failure(f"tenant {name}: {done.stderr.strip()}")
        return (time.perf_counter() - begin) * 1000

    def in_turn(self, count):
        times = [self.make(name) for name in self.names(count)]
        print(f"{self.number - count:6} tenants there: {statistics.median(times):7.1f} ms each (of {count}, "
              f"{min(times):.1f} to {max(times):.1f})", flush=True)  # fmt: skip
        return statistics.median(times)

    def at_once(self, count):
        begin = time.perf_counter()
        with ThreadPoolExecutor(self.options.at_once) as pool:
            list(pool.map(self.make, self.names(count)))
        took = time.perf_counter() - begin
        print(f"{count:6} tenants, {self.options.at_once} at once: {took:.1f} s, {count / took:.1f} a second", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=Path, default=ROOT / "target/release/pgtenant")
    parser.add_argument("--tables", type=int, default=50, help="of the template")
    parser.add_argument("--tenants", type=int, default=1000, help="made several at once")
    parser.add_argument("--at-once", type=int, default=4)
    parser.add_argument("--sample", type=int, default=20, help="made one after the other before and after")
    parser.add_argument("--level", default="dedicated", choices=["dedicated", "shared"])
    parser.add_argument("--hardened", action="store_true", help="in a hardened database")
    parser.add_argument("--worse", type=float, default=2.0, help="how much longer the last may take than the first")
    options = parser.parse_args()
    options.clients, options.pool = options.at_once, 10  # places on the server
    if not options.binary.exists():
        raise Failure(f"{options.binary} is missing: run `cargo build --release`, or name one with --binary")
    with tempfile.TemporaryDirectory(prefix="pgtenant-create-") as directory:
        drop = pgbench.unprivileged()[1]
        if drop:
            os.chown(directory, drop.pw_uid, drop.pw_gid)
        cluster = Cluster(directory, options)
        try:
            maker = Maker(cluster, directory, options)
            first = maker.in_turn(options.sample)
            maker.at_once(options.tenants)
            last = maker.in_turn(options.sample)
        finally:
            cluster.stop()
    if last > first * options.worse:
        raise Failure(f"the last took {last / first:.1f} times as long as the first")


if __name__ == "__main__":
    try:
        main()
    except Failure as failure:
        sys.exit(f"create.py: {failure}")
