"""What the Python stories share: where to connect, and what was proved.

From the environment: DSN and MARKER, the text of the one row of `notes` that this tenant has from the start; and
OTHER_DSN and OTHER_MARKER of another tenant. The markers of all tenants begin with the same words; nobody may ever
see another's. SERVER_CONNECTIONS is how many the proxy opens for each tenant.
"""

import collections
import faulthandler
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor

DSN = os.environ["DSN"]
MARKER = os.environ["MARKER"]
SERVER_CONNECTIONS = int(os.environ["SERVER_CONNECTIONS"])

Tenant = collections.namedtuple("Tenant", "dsn marker")
TENANTS = [Tenant(DSN, MARKER), Tenant(os.environ.get("OTHER_DSN"), os.environ.get("OTHER_MARKER"))]

# Of each tenant, at once.
CLIENTS = 8
TURNS = 10

# What the proxy can do by now.
LISTENS = os.environ.get("LISTENS") == "1"

# A story that hangs says where.
faulthandler.dump_traceback_later(90, exit=True)


def check(held, why):
    if not held:
        raise SystemExit(f"FAILED: {why}")


def equal(found, wanted, what):
    check(found == wanted, f"{what}: {found!r}, not {wanted!r}")


BEGIN = time.monotonic()


def proved(step):
    print(f"ok: {step} (at {time.monotonic() - BEGIN:.1f} s)", flush=True)


def client(name):
    print(f"client: {name}", flush=True)


def ordinary_work_is_done():
    """Up to here nothing may have pinned a client to its server connection. Somebody counts, and says go on."""
    print("== ordinary work is done", flush=True)
    sys.stdin.readline()


def own(bodies, where, marker=MARKER):
    """All of the table `notes`: this tenant's marker is among them, and nobody else's."""
    bodies = list(bodies)
    check(marker in bodies, f"{where}: {marker!r} is missing in {bodies!r}")
    strange = [body for body in bodies if body.startswith("marker of") and body != marker]
    equal(strange, [], f"{where}: rows of other tenants")


# A statement to be cancelled, and how many of this tenant's are running.
SLEEP = "SELECT pg_sleep(60)"
SLEEPERS = f"SELECT count(*) FROM pg_stat_activity WHERE usename = session_user AND wait_event = 'PgSleep' AND query = '{SLEEP}'"


def cancel_ends(sleep, sleepers, cancel, bystanders):
    """`sleep` returns soon after `cancel` was called, from another thread; it does not hit the bystanders' statements."""
    def when_it_runs():
        while not sleepers():
            pass
        busy = [pool.submit(bystander) for bystander in bystanders]
        # By then most often all of them run.
        time.sleep(0.1)
        cancel()
        called = time.monotonic()
        for one in busy:
            one.result()
        return called

    with ThreadPoolExecutor(1 + len(bystanders)) as pool:
        called = pool.submit(when_it_runs)
        sleep()
        ended = time.monotonic()
        check(ended - called.result() < 10, "a cancel that took long")


def shared(pids):
    """Of each client of one tenant, the server processes that it met: fewer than there are clients."""
    together = set().union(*pids)
    check(len(together) <= SERVER_CONNECTIONS, f"{len(together)} server processes served {len(pids)} clients")
    check(any(sum(pid in met for met in pids) > 1 for pid in together), f"nobody shared: {pids!r}")
