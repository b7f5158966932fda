#!/usr/bin/env python3
"""Runs tools as a confined tenant and records the statements they send. README.md says how."""

import argparse
import os
import pathlib
import subprocess
import sys

from ground import DATABASE, PASSWORD, ROLE, SCHEMA, TENANT, Ground
from relay import Relay

HERE = pathlib.Path(__file__).resolve().parent
TOOLS = HERE / "tools"
PATIENCE = 240


def commands(cache, bin_dir):
    """Program and arguments of each tool; what it needs is in the cache, see README.md."""
    python = [cache / "python/bin/python"]
    node = ["node", "--preserve-symlinks-main"]
    table = {}
    for script in sorted(TOOLS.iterdir()):
        start = {
            ".py": python, ".mjs": node, ".cjs": node, ".rb": ["ruby"], ".php": ["php"], ".sh": ["bash"],
            ".java": ["java", "--add-opens=java.base/java.lang=ALL-UNNAMED", "-cp", cache / "java/lib/*"],
        }.get(script.suffix)
        if start and not script.stem.startswith("_"):
            table[script.stem] = [*start, script]
    return table


def environment(port, user, cache, bin_dir):
    """What an application would get as its configuration."""
    kept = {name: os.environ[name] for name in ("HOME", "LANG", "TMPDIR") if name in os.environ}
    return kept | {
        "PATH": f"{bin_dir}:{os.environ['PATH']}",
        "PGHOST": "127.0.0.1", "PGPORT": str(port), "PGUSER": user, "PGPASSWORD": PASSWORD,
        "PGDATABASE": DATABASE, "PGSSLMODE": "disable", "PGCONNECT_TIMEOUT": "20",
        "DATABASE_URL": f"postgresql://{user}:{PASSWORD}@127.0.0.1:{port}/{DATABASE}?sslmode=disable",
        "RECORD_SCHEMA": SCHEMA, "RECORD_CACHE": str(cache), "PYTHONDONTWRITEBYTECODE": "1",
        "NODE_PATH": str(cache / "node/node_modules"),
    }


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("tools", nargs="*", help="all when none is named")
    arguments.add_argument("--cache", type=pathlib.Path, default=pathlib.Path.home() / ".cache/pgtenant-record")
    arguments.add_argument("--out", type=pathlib.Path, required=True, help="directory of the recordings")
    arguments.add_argument("--through", choices=["direct", "proxy"], default="direct")
    arguments.add_argument("--lenient", action="store_true",
                           help="let the role create schemas, to see how tools that insist on it go on")
    arguments.add_argument("--pgtenant", default=HERE.parents[2] / "target/debug/pgtenant", type=pathlib.Path)
    arguments.add_argument("--pg-bin", default="/usr/lib/postgresql/15/bin")
    given = arguments.parse_args()
    cache = given.cache.resolve()
    table = commands(cache, given.pg_bin)
    for name in given.tools:
        if name not in table:
            arguments.error(f"no tool {name}; there are {', '.join(table)}")
    given.out.mkdir(parents=True, exist_ok=True)
    how = given.through + ("-lenient" if given.lenient else "")
    user = TENANT if given.through == "proxy" else ROLE
    ground = Ground(given.pg_bin, given.pgtenant)
    try:
        for name in given.tools or table:
            ground.empty_schema(given.lenient)
            home = ground.dir / name
            home.mkdir()
            relay = Relay(ground.target(given.through), given.out / f"{name}.{how}.jsonl")
            said = given.out / f"{name}.{how}.txt"
            with open(said, "w", encoding="utf-8") as log:
                try:
                    code = subprocess.run(
                        table[name], env=environment(relay.port, user, cache, given.pg_bin), cwd=home,
                        stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, timeout=PATIENCE,
                    ).returncode
                except subprocess.TimeoutExpired:
                    code = "timeout"
            relay.close()
            lines = said.read_text(errors="replace").splitlines()
            failed = [line for line in lines if line.startswith("FAIL ")]
            good = sum(line.startswith("ok ") for line in lines)
            print(f"{name}: exit {code}, {good} ok, {len(failed)} failed")
            for line in failed if failed or code == 0 else lines[-8:]:
                print(f"    {line[:400]}")
            sys.stdout.flush()
        log = (ground.dir / "proxy/proxy.log").read_text(errors="replace")
        (given.out / f"proxy.{how}.log").write_text(log)
    finally:
        ground.remove()


if __name__ == "__main__":
    main()
