#!/usr/bin/env python3
"""A quiet tenant beside every attack of benches/attacks.py in turn: what it waits, and what the proxy keeps in memory.

The quiet one's clients ask at a fixed rate, and an answer's time counts from when its question was due. They are measured
alone and beside each attack; and beside what costs the machine as much and is no attack on the proxy: as many processes that
use the processor, and as many statements on the server, not through the proxy, as the hostile tenants may have at once.
Attackers run at a lower priority, as on machines of their own: what the quiet one waits for is the proxy and the server.

Exits with 1 when its p99 is above a multiple of what it is beside those who leave the proxy alone (and above a floor), when
it saw an error or another's row, when an attack did nothing, or when memory grew beyond a bound. Needs Linux, Python 3.9,
PostgreSQL's programs, openssl and a built pgtenant. Other work on the machine makes the waits longer, and those they are
compared with too.

    cargo build --release && python3 benches/hostile.py
"""

import argparse
import contextlib
import itertools
import json
import multiprocessing
import os
import signal
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import attacks
import pgbench
from pgbench import HOST, ROOT, Cluster, Failure
from soak import PASSWORD, Client, Site

ALONE = "alone"
WORK = "beside work elsewhere"  # what an attack that the proxy deals with is compared with
SERVER_WORK = "beside work on the server"  # and one whose statements run, as any tenant's may
CONTROLS = {WORK: attacks.nothing_but_work, SERVER_WORK: attacks.statements_past_the_proxy}
FORK = multiprocessing.get_context("fork")


class Target(Site):
    """Two quiet tenants and two hostile ones, of either level; TLS is there for who asks."""

    def configure(self, pool):
        super().configure(pool)
        certificate, key = pgbench.make_certificate(self.directory)
        text = self.config.read_text()
        text = text.replace("max_clients = 2000\n", f'tls_certificate = "{certificate}"\ntls_key = "{key}"\n')
        text = text.replace("[secrets]", f"max_server_connections_per_tenant = {pool // 4}\n[secrets]")
        self.config.write_text(text.replace('filter = "warn"', 'filter = "error"'))

    def environment(self):
        more = {f"PGTENANT_{key.replace('.', '_').upper()}": value for key, value in self.options.set}
        return super().environment() | more

    @property
    def quiet(self):
        return self.fixed[:2]

    def of_attacker(self, attack, number):
        """Where its connections come from is its own, so that what one has forfeited does not bar the next."""
        own = itertools.cycle(self.fixed[2:])
        return SimpleNamespace(port=self.port, own=own, victims=self.quiet, directory=self.directory, password=PASSWORD,
                               server=self.cluster.port, share=self.options.pool // 4, environment={}, address=f"127.66.{attack}.{number + 1}")  # fmt: skip


# ---------------------------------------------------------------- the quiet tenant


class Quiet:
    """Clients in a process of their own, which wait for `go` and tell what each answer took, in ms."""

    def __init__(self, target, options):
        self.target, self.options = target, options
        self.ready, self.go = FORK.Event(), FORK.Event()
        self.ours, self.theirs = FORK.Pipe(False)
        self.process = FORK.Process(target=self._run, daemon=True)
        self.process.start()
        if not self.ready.wait(60):
            raise Failure("the quiet tenant could not log in")

    def measure(self):
        self.go.set()
        if not self.ours.poll(self.options.seconds + 60):
            raise Failure("the quiet tenant waits for ever")
        told = self.ours.recv()
        self.process.join()
        return told

    def _run(self):
        self.asked, self.logged_in, self.errors = [], [], []
        wires = []
        for n in range(self.options.clients):
            slug = self.target.quiet[n % 2]
            wires.append((slug, Client(self.target.port, slug, PASSWORD)))
            self._ask(*wires[-1])
        period = self.options.clients / self.options.rate
        work = [threading.Thread(target=self._steadily, args=(n / self.options.rate, period, self._ask, wire, self.asked))
                for n, wire in enumerate(wires)]  # fmt: skip
        for n, slug in enumerate(self.target.quiet):
            period = 2 / self.options.logins
            work.append(threading.Thread(target=self._steadily, args=(n * period / 2, period, self._log_in, (slug,), self.logged_in)))
        self.ready.set()
        self.go.wait()
        for thread in work:
            thread.start()
        for thread in work:
            thread.join()
        self.theirs.send((sorted(self.asked), sorted(self.logged_in), self.errors))

    def _steadily(self, first, period, act, words, into):
        begun = time.monotonic()
        for n in range(int(self.options.seconds / period)):
            due = begun + first + n * period
            time.sleep(max(due - time.monotonic(), 0))
            try:
                act(*words)
            except Exception as error:  # noqa: BLE001
                self.errors.append(f"{act.__name__[1:]}: {error}")
                return
            into.append((time.monotonic() - due) * 1000)

    @staticmethod
    def _ask(slug, wire):
        rows, _, code = wire.ask("SELECT token FROM marked LIMIT 1")
        if rows != [[f"{slug} marked"]]:
            raise Failure(f"{slug} saw {rows} {code or ''}")

    def _log_in(self, slug):
        wire = Client(self.target.port, slug, PASSWORD)
        self._ask(slug, wire)
        wire.close()


def share(times, part):
    return times[min(int(len(times) * part), len(times) - 1)] if times else float("inf")


# ---------------------------------------------------------------- one leg


@contextlib.contextmanager
def attackers(target, work, number, options):
    """So many processes that do nothing else, and how often they have done it."""
    counts = [FORK.Value("d", 0.0) for _ in range(options.attackers)]

    def run(n):
        os.setsid()
        os.nice(options.nice)
        with contextlib.suppress(OSError):  # where the system groups processes by session, it counts for the group
            Path("/proc/self/autogroup").write_text(str(options.nice))

        def did(times=1):
            counts[n].value += times

        work(target.of_attacker(number, n), did)

    running = [FORK.Process(target=run, args=(n,), daemon=True) for n in range(options.attackers if work else 0)]
    for process in running:
        process.start()
    try:
        yield lambda: sum(count.value for count in counts)
    finally:
        for process in running:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.join()


def leg(target, name, number, options):
    work = CONTROLS.get(name) or attacks.ATTACKS.get(name)
    quiet = Quiet(target, options)
    with pgbench.Peak(target.process) as peak, attackers(target, work, number, options) as done:
        begins = time.monotonic() + 20
        while work and not done() and time.monotonic() < begins:
            time.sleep(0.05)
        time.sleep(options.ramp)
        before, cpu, begun = done(), target.process.cpu_us(), time.monotonic()
        asked, logged_in, errors = quiet.measure()
        seconds = time.monotonic() - begun
        cpu, did = target.process.cpu_us() - cpu, done() - before
    if target.process.child.poll() is not None:
        raise Failure(f"{name}: the proxy ended: {target.process.log_path.read_text(errors='replace')[-2000:]}")
    return SimpleNamespace(
        name=name, p50=share(asked, 0.5), p99=share(asked, 0.99), longest=share(asked, 1), login_p50=share(logged_in, 0.5),
        login_p99=share(logged_in, 0.99), errors=errors, did=did / seconds, cpu=cpu / 1e6 / seconds,
        before_mb=peak.before / 1024, peak_mb=peak.largest / 1024)  # fmt: skip


def rounds(target, names, options):
    """Each in turn, so many times; the figures of a name by rounds."""
    results = {name: [] for name in names}
    for number in range(options.rounds):
        for place, name in enumerate(names):
            one = leg(target, name, place, options)
            results[name].append(one)
            print(f"  round {number + 1}  {name:29} p50 {one.p50:7.2f}  p99 {one.p99:8.2f}  max {one.longest:8.2f} ms  login p99 "
                  f"{one.login_p99:8.2f} ms  {one.peak_mb:6.1f} MB  {one.cpu:4.2f} CPU  {one.did:10,.0f}/s"
                  + "".join(f"\n      {error}" for error in sorted(set(one.errors))[:3]), file=sys.stderr, flush=True)  # fmt: skip
            time.sleep(options.pause)
    return results


# ---------------------------------------------------------------- what to say of it


def judge(results, base_mb, options):
    """A row for each name, medians of its rounds, with what is wrong about it."""

    def middle(name, key):
        return statistics.median(getattr(one, key) for one in results[name])

    rows = []
    for name, legs in results.items():
        beside = SERVER_WORK if name in attacks.ON_THE_SERVER or name == SERVER_WORK else WORK
        bound = max(options.floor, options.ratio * middle(beside, "p99"))
        login_bound = max(options.login_floor, options.ratio * middle(beside, "login_p99"))
        row = {key: middle(name, key) for key in ("p50", "p99", "login_p50", "login_p99", "did", "cpu")}
        row |= {"name": name, "max": max(one.longest for one in legs), "bound": bound, "times": row["p99"] / middle(beside, "p99"),
                "mb": max(one.peak_mb for one in legs) - base_mb, "wrong": sorted({error for one in legs for error in one.errors})}  # fmt: skip
        if name in attacks.ATTACKS:
            if row["p99"] > bound:
                row["wrong"].append(f"p99 is {row['p99']:.1f} ms, {bound:.1f} are allowed")
            if row["login_p99"] > login_bound:
                row["wrong"].append(f"p99 of a login is {row['login_p99']:.1f} ms, {login_bound:.1f} are allowed")
            if min(one.did for one in legs) <= 0 and name not in attacks.STAND_STILL:
                row["wrong"].append("the attack did nothing")
        if row["mb"] > options.grown:
            row["wrong"].append(f"memory grew by {row['mb']:.0f} MB, {options.grown} are allowed")
        rows.append(row)
    return rows


def print_table(rows):
    print("\n| | p50 ms | p99 ms | of such work | may be | max ms | login p50 / p99 ms | memory, MB more | proxy CPU | done a second |")
    print("|---" * 10 + "|")
    for row in rows:
        print(f"| {row['name']} | {row['p50']:.2f} | {row['p99']:.2f} | {row['times']:.1f} | {row['bound']:.0f} | {row['max']:.1f} | "
              f"{row['login_p50']:.1f} / {row['login_p99']:.1f} | {row['mb']:.0f} | {row['cpu']:.2f} | {row['did']:,.0f} |")  # fmt: skip
    print("\np99 of the quiet tenant in ms; the whole width is what it may be")
    for row in rows:
        long = round(min(row["p99"] / row["bound"], 1.5) * 40)
        print(f"{row['name']:29} {'█' * long or '▏'} {row['p99']:.1f}")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=Path, default=ROOT / "target/release/pgtenant", help="the proxy (target/release/pgtenant)")
    parser.add_argument("--rounds", type=int, default=3, help="of everything (3)")
    parser.add_argument("--seconds", type=float, default=4, help="that the quiet tenant is measured each time (4)")
    parser.add_argument("--ramp", type=float, default=1.5, help="seconds that an attack has before (1.5)")
    parser.add_argument("--pause", type=float, default=0.5, help="seconds behind it (0.5)")
    parser.add_argument("--clients", type=int, default=8, help="of the quiet tenants, one of either level (8)")
    parser.add_argument("--rate", type=float, default=200, help="their questions a second, all together (200)")
    parser.add_argument("--logins", type=float, default=5, help="their new logins a second (5)")
    parser.add_argument("--attackers", type=int, default=os.cpu_count(), help="processes of an attack (a core each)")
    parser.add_argument("--nice", type=int, default=5, help="their priority; 0 for that of the proxy (5)")
    parser.add_argument("--pool", type=int, default=16, help="server connections; one tenant may have a quarter of them (16)")
    parser.add_argument("--ratio", type=float, default=10,
                        help="p99 may be so many times that beside processes that leave the proxy alone (10): a task's turn "
                             "is worth several statements, and each of the proxy's threads may be in one")  # fmt: skip
    parser.add_argument("--floor", type=float, default=50, help="ms of p99 that are always allowed (50): what people notice begins there")
    parser.add_argument("--login-floor", type=float, default=1000, help="the same for a login with its first answer (1000)")
    parser.add_argument("--grown", type=int, default=256,
                        help="MB that memory may grow (256): verdicts 64, and 16 for each connection that prepares without end")  # fmt: skip
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE",
                        help="a setting of pgtenant's, as in limits.statement_timeout=2s")  # fmt: skip
    parser.add_argument("--only", default="", help="attacks whose names contain one of these, with commas between")
    parser.add_argument("--json", action="store_true", help="all figures, in place of the table")
    options = parser.parse_args()
    options.binary, options.tenants = options.binary.resolve(), 4
    options.set = [setting.split("=", 1) for setting in options.set]
    chosen = [word for word in options.only.split(",") if word]
    options.names = [name for name in attacks.ATTACKS if not chosen or any(word in name for word in chosen)]
    if not options.names:
        parser.error(f"no attack is called so; there are: {', '.join(attacks.ATTACKS)}")
    return options


def run(cluster, directory, options):
    target = Target(cluster, directory, options)
    try:
        for slug in target.fixed:
            cluster.psql(f"INSERT INTO tenant_{slug}.marked VALUES ('{slug} marked')")
        leg(target, ALONE, 0, options)  # opens the server connections, fills the caches
        base_mb = target.process.rss_kb() / 1024
        results = rounds(target, [ALONE, *CONTROLS, *options.names], options)
        log = target.process.log_path.read_text(errors="replace")
    finally:
        target.process.stop()
    rows = judge(results, base_mb, options)
    wrong = [f"{row['name']}: {what}" for row in rows for what in row["wrong"]]
    wrong += [f"the log has {word!r}" for word in ("panicked", "internal error") if word in log]
    if options.json:
        print(json.dumps({"machine": pgbench.machine(), "base_mb": base_mb, "rows": rows, "wrong": wrong}, indent=1))  # fmt: skip
    else:
        print_table(rows)
        print(f"\nbefore any attack the proxy has {base_mb:.1f} MB; load at the end {os.getloadavg()[0]:.1f}")
    for what in wrong:
        print(f"WRONG: {what}", file=sys.stderr)
    return wrong


def main():
    options = arguments()
    pgbench.raise_file_limit()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that everything is cleaned up
    with tempfile.TemporaryDirectory(prefix="pgtenant-hostile-", dir="/tmp") as directory:
        os.chmod(directory, 0o755)
        if entry := pgbench.unprivileged()[1]:
            os.chown(directory, entry.pw_uid, entry.pw_gid)
        print(f"{pgbench.machine()}, {options.clients} quiet clients, {options.rate:.0f} questions a second, {options.attackers} attackers "
              f"with nice {options.nice}", file=sys.stderr, flush=True)  # fmt: skip
        cluster = Cluster(directory, options)
        try:
            wrong = run(cluster, directory, options)
        finally:
            cluster.stop()
    sys.exit(f"hostile.py: {len(wrong)} things are wrong" if wrong else None)


if __name__ == "__main__":
    try:
        main()
    except Failure as failure:
        sys.exit(f"hostile.py: {failure}")
    except KeyboardInterrupt:
        sys.exit(130)
