"""What the stories of all drivers share: where to connect, and what was proved.

From the environment: DSN, and MARKER, the text of the one row of `notes` that this tenant has from the start.
The markers of other tenants begin with the same words; none may ever be seen.
"""

import faulthandler
import os

DSN = os.environ["DSN"]
MARKER = os.environ["MARKER"]
SERVER_CONNECTIONS = int(os.environ["SERVER_CONNECTIONS"])
CLIENTS = 20

# A story that hangs says where.
faulthandler.dump_traceback_later(60, exit=True)


def check(held, why):
    if not held:
        raise SystemExit(f"FAILED: {why}")


def equal(found, wanted, what):
    check(found == wanted, f"{what}: {found!r}, not {wanted!r}")


def proved(step):
    print(f"ok: {step}", flush=True)


def own(bodies, where):
    """All of the table `notes`: this tenant's marker is among them, and nobody else's."""
    bodies = list(bodies)
    check(MARKER in bodies, f"{where}: {MARKER!r} is missing in {bodies!r}")
    strange = [body for body in bodies if body.startswith("marker of") and body != MARKER]
    equal(strange, [], f"{where}: rows of other tenants")


def shared(pids, servers):
    """Each client's server processes: all clients together had no more than the proxy may open."""
    together = set().union(*pids)
    check(len(together) <= SERVER_CONNECTIONS, f"{len(together)} server processes served {len(pids)} clients")
    check(servers <= SERVER_CONNECTIONS, f"the server has {servers} connections of this tenant")
