#!/usr/bin/env python3
"""Makes files of the guard's corpus out of recordings. README.md says how.

Each distinct text becomes one file. Texts that differ only in literals, numbers or the length of a list
are one; a text that is already in the corpus is left out. The verdict in the first line is what pgtenant
says to the text as the tenant, asked by a Parse message, which runs nothing.
"""

import argparse
import json
import pathlib
import re
import sys

from ground import DATABASE, PASSWORD, TENANT, Ground

HERE = pathlib.Path(__file__).resolve().parent

# What a tool makes up anew each time; one example stands for all.
MADE_UP = [
    (re.compile(r"_django_curs_\d+_(a?sync_\d+|\w+)"), "_django_curs_140234_sync_1"),
    (re.compile(r'"s\d{6,}_x(\d+)"'), r'"s140234_x\1"'),
    (re.compile(r'"c_[0-9a-f]{6,}_\w+"'), '"c_7f01_1"'),
    (re.compile(r"/tmp/record-\w+"), "/srv/app"),
    (re.compile(r"'[0-9A-F]{8}-[0-9A-F]{8}-\d'"), "'00000003-0000001B-1'"),
    (re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"),
     "5f0c9b0e-0000-4000-8000-000000000001"),
    (re.compile(r"\b(active_record|ar)_[0-9a-f]{8,}"), r"\1_0123456789"),
]
# Whether an extension that is there may be asked for is not settled; and graphile-worker sends the SQL files
# of its package as they are, which are not ours to copy.
LEFT_OUT = r"(?is)^\s*(create extension if not exists|(--|create\b|alter\b|drop\b|lock\b).*\b(job_queues|jobs|add_jobs?|job_spec|known_crontabs|_private_\w+)\b)"
STRING = re.compile(r"E?'(?:[^']|'')*'")
NUMBER = re.compile(r"(?<![\w$\"])\d+(?:\.\d+)?")
LIST = re.compile(r"(?:\?|\$\d+|DEFAULT)(?:::\w+(?:\[\])?)?(?:\s*,\s*(?:\?|\$\d+|DEFAULT)(?:::\w+(?:\[\])?)?)+")
NAME = re.compile(r'"([^"]+)"')
SCHEMAS = re.compile(r"(tenant_|pg_)\w*|public|global|information_schema|pgboss|graphile_worker|drizzle")
NAMES = re.compile(r'(?:"i"\.)*"i"(?: (?:AS|as) "i")?(?:,\s*(?:"i"\.)*"i"(?: (?:AS|as) "i")?)+')
OWN = re.compile(r'("?tenant_alpha"?)\.("[^"]+"|\w+)')
ROWS = re.compile(r"\(\?\)(?:\s*,\s*\(\?\))+")
NAMES_IN_STRINGS = re.compile(r"^\s*(set|reset|show|alter|discard|do)\b|set_config|::reg|nextval|setval|search_path|notify", re.I)


def mask(text):
    for pattern, example in MADE_UP:
        text = pattern.sub(example, text)
    return text


def shape(text):
    """Equal for texts that differ in nothing the guard looks at."""
    text = mask(text).strip()
    if not NAMES_IN_STRINGS.search(text):
        text = STRING.sub("?", text)
    text = NUMBER.sub("?", text)
    text = OWN.sub(r'\1."i"', text)
    text = NAMES.sub('"i"', NAME.sub(lambda name: name[0] if SCHEMAS.fullmatch(name[1]) else '"i"', text))
    text = LIST.sub("?", text)
    text = ROWS.sub("(?)", text)
    return " ".join(text.split()).rstrip("; ").lower()


def title(text, label):
    """A few words for the file's name: the label of the connection, else verb and first table."""
    if label:
        return label
    bare = re.sub(r"^\s*(/\*.*?\*/|--[^\n]*\n)+", "", text, flags=re.S)
    words = re.findall(r"[A-Za-z_]+", bare)[:2] or ["empty"]
    verb = words[0].lower()
    if verb in {"create", "alter", "drop", "comment", "set", "show", "release", "rollback", "start", "declare", "grant"}:
        verb = "-".join(word.lower() for word in words)
    found = re.search(r'\b(?:from|into|update|table|on|join|view|index|type)\s+(?:only\s+|if\s+(?:not\s+)?exists\s+)?((?:"[^"]+"|[\w]+)(?:\.(?:"[^"]+"|\w+))?)', bare, re.I)
    name = f"{verb}-{found.group(1)}" if found else verb
    if not found and (call := re.search(r"\b([a-z_]+)\(", bare)):
        name = f"{verb}-{call.group(1)}"
    return re.sub(r"[^a-z0-9]+", "-", name.lower().replace("pg_catalog.", "").replace("information_schema.", "")).strip("-")[:50]


def texts(recordings, labelled):
    """Distinct texts in the order they were first seen: (tool, label, text)."""
    for path in recordings:
        tool = path.name.split(".")[0]
        labels = {}
        for line in path.read_text(encoding="utf-8").splitlines():
            said = json.loads(line)
            if said["kind"] == "startup":
                name = said["parameters"].get("application_name", "")
                labels[said["conn"]] = name if tool in labelled or name == "setup" else ""
            elif said["kind"] in ("query", "parse") and labels.get(said["conn"]) != "setup":
                yield tool, labels.get(said["conn"], ""), said["text"]


class Judge:
    """pgtenant itself: what it refuses, it refuses at Parse."""

    def __init__(self, ground):
        from psycopg import pq
        self.pq = pq
        host, port = ground.target("proxy")
        self.conninfo = f"host={host} port={port} user={TENANT} password={PASSWORD} dbname={DATABASE} sslmode=disable"
        self.conn = None

    def __call__(self, text):
        if self.conn is None or self.conn.status != self.pq.ConnStatus.OK:
            self.conn = self.pq.PGconn.connect(self.conninfo.encode())
        result = self.conn.prepare(b"", text.encode())
        detail = (result.error_field(self.pq.DiagnosticField.MESSAGE_DETAIL) or b"").decode()
        found = re.match(r"Refused by pgtenant's rule `(\w+)`", detail)
        if found:
            return found.group(1), (result.error_field(self.pq.DiagnosticField.MESSAGE_PRIMARY) or b"").decode()
        if self.conn.transaction_status != self.pq.TransactionStatus.IDLE:
            self.conn.exec_(b"ROLLBACK")
        return "allow", ""


def varied(those, most):
    """At most so many, in turn from each group of texts that begin alike; in their old order."""
    groups = {}
    for place, (label, _, text) in enumerate(those):
        start = " ".join(re.findall(r"[A-Za-z_.]+", re.sub(r"^\s*(/\*.*?\*/|--[^\n]*\n)+", "", text, flags=re.S))[:2])
        groups.setdefault((label, start.lower()), []).append(place)
    kept, turn = [], 0
    while len(kept) < min(most, len(those)):
        kept += [group[turn] for group in groups.values() if turn < len(group)]
        turn += 1
    return [those[place] for place in sorted(kept[:most])]


def most(limits, tool):
    """`45,psql=120`: a number for all tools, and others for some."""
    parts = limits.split(",")
    return {name: int(number) for name, _, number in (part.partition("=") for part in parts[1:])}.get(tool, int(parts[0]))


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("recordings", nargs="+", type=pathlib.Path, help="files that record.py wrote")
    arguments.add_argument("--corpus", type=pathlib.Path, default=HERE.parent / "guard")
    arguments.add_argument("--allow-from", type=int, default=300)
    arguments.add_argument("--deny-from", type=int, default=500)
    arguments.add_argument("--deny", default="", help="tools whose refused texts are wanted as well; comma-separated; * is all")
    arguments.add_argument("--labelled", default="psql,pg_dump,pgbench,psql_interactive", help="tools that name each connection after what it does")
    arguments.add_argument("--refused", type=pathlib.Path, required=True, help="list of refused texts to write, for a person to judge")
    arguments.add_argument("--leave-out", default=LEFT_OUT, help="pattern of texts that become no file")
    arguments.add_argument("--at-most", default="45", help="files of one tool: a number, then tool=number")
    arguments.add_argument("--deny-at-most", default="3", help="the same for refused texts")
    arguments.add_argument("--dry-run", action="store_true")
    arguments.add_argument("--pgtenant", default=HERE.parents[2] / "target/debug/pgtenant", type=pathlib.Path)
    arguments.add_argument("--pg-bin", default="/usr/lib/postgresql/15/bin")
    given = arguments.parse_args()
    at = {"allow": given.allow_from, "deny": given.deny_from}
    seen = set()
    for verdict in at:
        for path in (given.corpus / verdict).glob("*.sql"):
            number = re.match(r"\d+", path.name)
            if number and int(number[0]) >= at[verdict]:
                if not given.dry_run:
                    path.unlink()
                continue
            seen.add(shape(path.read_text(encoding="utf-8").split("\n", 1)[1]))
    ground = Ground(given.pg_bin, given.pgtenant)
    counts, refused, found = {}, [], {"allow": {}, "deny": {}}
    wanted = given.deny.split(",")
    try:
        judge = Judge(ground)
        for tool, label, text in texts(given.recordings, given.labelled.split(",")):
            count = counts.setdefault(tool, {"distinct": set(), "refused": 0, "saved": 0})
            count["distinct"].add(mask(text))
            if shape(text) in seen:
                continue
            seen.add(shape(text))
            rule, message = judge(text)
            if rule != "allow":
                count["refused"] += 1
                refused.append({"tool": tool, "rule": rule, "message": message, "text": text})
                if given.deny != "*" and tool not in wanted:
                    continue
            if re.search(given.leave_out, text):
                continue
            verdict = "allow" if rule == "allow" else "deny"
            found[verdict].setdefault(tool, []).append((label, rule, text))
    finally:
        ground.remove()
    for verdict, tools in found.items():
        limits = given.at_most if verdict == "allow" else given.deny_at_most
        for tool, those in tools.items():
            for label, rule, text in varied(those, most(limits, tool)):
                counts[tool]["saved"] += 1
                if not given.dry_run:
                    name = f"{at[verdict]:03}-{tool.replace('_', '-')}-{title(text, label)}.sql"
                    first = "-- allow\n" if verdict == "allow" else f"-- deny: {rule}\n"
                    body = mask(text)
                    path = given.corpus / verdict / name
                    path.write_text(first + body + ("" if body.endswith("\n") else "\n"), encoding="utf-8")
                at[verdict] += 1
    given.refused.write_text("".join(json.dumps(one, ensure_ascii=False) + "\n" for one in refused), encoding="utf-8")
    for tool, count in counts.items():
        print(f"{tool}: {len(count['distinct'])} distinct, {count['saved']} saved, {count['refused']} refused")
    print(f"allow up to {at['allow'] - 1}, deny up to {at['deny'] - 1}", file=sys.stderr)


if __name__ == "__main__":
    main()
