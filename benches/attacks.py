"""What somebody may do to a proxy, for benches/hostile.py: each attack is a function that goes on until its process is killed.

`target` names the port, the attacker's own tenants and whom they are after; `did()` counts what has been done.
"""

import collections
import contextlib
import itertools
import random
import select
import socket
import ssl
import struct
import subprocess
import time

import pgbench
from pgbench import DATABASE, HOST, Failure
from soak import Broken, Client

CHUNK = 64 << 10


def message(tag, body):
    return tag + struct.pack("!I", len(body) + 4) + body


def query(sql):
    return message(b"Q", sql.encode() + b"\0")


def startup(user):
    pairs = f"user\0{user}\0database\0{DATABASE}\0\0".encode()
    return struct.pack("!II", len(pairs) + 8, 3 << 16) + pairs


SYNC = message(b"S", b"")
SSL_REQUEST = struct.pack("!II", 8, 80877103)


def parse(name, sql):
    return message(b"P", name.encode() + b"\0" + sql.encode() + b"\0\0\0")


def client(target):
    """Logged in as a tenant of the attacker's, of one level or the other."""

    class Attacker(Client):
        source = (target.address, 0)

    return Attacker(target.port, next(target.own), target.password)


def reset(one):
    """Leaves without keeping a port."""
    with contextlib.suppress(OSError):
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    one.close()


# ---------------------------------------------------------------- before the login


def flood(target, did, bytes_of, kept=1500):
    """Connects as fast as it goes, says something or nothing, and lets go of the oldest when there are so many."""
    open_ones = collections.deque()
    for n in itertools.count():
        one = socket.socket()
        try:
            one.bind((target.address, 0))
            one.setblocking(False)
            one.connect_ex((HOST, target.port))
            if said := bytes_of(n):
                one.send(said)
            did()
        except OSError:
            time.sleep(0.001)
        open_ones.append(one)
        if len(open_ones) > kept:
            reset(open_ones.popleft())


def silent_connections(target, did):
    flood(target, did, lambda _: b"")


def half_startup_packets(target, did):
    flood(target, did, lambda _: startup("nobody")[:20])


def whole_startup_packets(target, did):
    names = ["nobody", *target.victims]
    flood(target, did, lambda n: startup(names[n % len(names)]))


def cancel_requests_for_nobody(target, did):
    dice = random.Random(1)
    packets = [struct.pack("!IIII", 16, 80877102, dice.getrandbits(32), dice.getrandbits(32)) for _ in range(1000)]
    packets.append(struct.pack("!IIII", 16, 80877102, 0, 0))
    flood(target, did, lambda n: packets[n % len(packets)], kept=50)


def cancel_requests_for_itself(target, did):
    """Its own statement runs all the while, so that each is worth handing on to the server."""

    class Keyed(Client):
        source, key = (target.address, 0), b""

        def _message(self):
            tag, body = super()._message()
            self.key = body if tag == b"K" else self.key
            return tag, body

    wire = Keyed(target.port, next(target.own), target.password)
    wire.socket.setblocking(False)

    def packet(_):
        with contextlib.suppress(BlockingIOError):
            wire.socket.recv(CHUNK)
        with contextlib.suppress(BlockingIOError):
            wire.socket.send(query("SELECT pg_sleep(1)"))
        return struct.pack("!II", 8 + len(wire.key), 80877102) + wire.key

    flood(target, did, packet, kept=50)


def wrong_passwords(target, did):
    class Guesser(Client):
        source = (target.address, 0)

    for name in itertools.cycle(["nobody", *target.victims]):
        # Refused or closed, it comes again.
        with contextlib.suppress(OSError, Failure):
            Guesser(target.port, name, "not the password")
        did()


def context():
    one = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    one.check_hostname, one.verify_mode = False, ssl.CERT_NONE
    return one


def encrypted(target):
    one = socket.create_connection((HOST, target.port), timeout=20, source_address=(target.address, 0))
    one.sendall(SSL_REQUEST)
    if one.recv(1) != b"S":
        raise OSError("no TLS")
    return one


def whole_tls_handshakes(target, did):
    for _ in itertools.count():
        with contextlib.suppress(OSError):
            one = context().wrap_socket(encrypted(target))
            did()
            reset(one)


def client_hello():
    out = ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        context().wrap_bio(ssl.MemoryBIO(), out).do_handshake()
    return out.read()


def half_tls_handshakes(target, did):
    """Says hello, which costs the proxy a signature, and does not wait for it."""
    hello, kept = client_hello(), collections.deque()
    for _ in itertools.count():
        with contextlib.suppress(OSError):
            one = encrypted(target)
            one.sendall(hello)
            kept.append(one)
            did()
        if len(kept) > 200:
            reset(kept.popleft())


def slow_loris(target, did):
    """One byte now and then: in the startup packet, in the login, in a TLS handshake, and in a statement."""
    hello, dripping, number = client_hello(), [], 0
    kinds = [lambda: (encrypted(target), hello), lambda: (dial(target), startup("nobody")),
             lambda: (asked_for_password(target), message(b"p", b"SCRAM-SHA-256\0" + b"x" * 200)),
             lambda: (client(target).socket, query("SELECT '" + "x" * 200 + "'"))]  # fmt: skip
    while True:
        if len(dripping) < 400:
            with contextlib.suppress(OSError, Failure):
                one, rest = kinds[number % len(kinds)]()
                one.setblocking(False)
                dripping.append([one, rest, 0])
            number += 1
        for drip in dripping[:]:
            one, rest, at = drip
            try:
                one.send(rest[at : at + 1])
                drip[2] = at + 1 if at + 2 < len(rest) else at
                did()
            except OSError:
                reset(one)
                dripping.remove(drip)
        time.sleep(0.005 if len(dripping) < 400 else 0.05)


def dial(target):
    return socket.create_connection((HOST, target.port), timeout=20, source_address=(target.address, 0))


def asked_for_password(target):
    one = dial(target)
    one.sendall(startup(next(target.own)))
    one.recv(CHUNK)
    return one


# ---------------------------------------------------------------- behind it


def pour(target, did, piece, clients=4, reads=True):
    """Sends this as fast as it is taken, and reads the answers or nothing."""
    chunk = piece * (1 + CHUNK // len(piece))
    many = chunk * (1 + (CHUNK << 2) // len(chunk))
    places = {}
    while True:
        while len(places) < clients:
            one = client(target).socket
            one.setblocking(False)
            places[one] = 0  # how far in a piece it is
        readable, writable, _ = select.select(list(places) if reads else [], list(places), [], 0.2)
        for one in writable:
            with contextlib.suppress(BlockingIOError):
                try:
                    sent = one.send(many[places[one] : places[one] + CHUNK])
                    did(sent // len(piece))
                    places[one] = (places[one] + sent) % len(piece)
                except OSError as error:
                    if not isinstance(error, BlockingIOError):
                        del places[one]
                        reset(one)
        for one in set(readable) & set(places):
            with contextlib.suppress(OSError):
                if not one.recv(CHUNK << 2):
                    del places[one]
                    reset(one)


def refused_statements(target, did):
    pour(target, did, query("selec"))


def statements_about_others(target, did):
    pour(target, did, query(f"TABLE tenant_{target.victims[0]}.marked"))


def syncs(target, did):
    pour(target, did, SYNC)


def empty_statements(target, did):
    pour(target, did, query(""))


def answers_that_nobody_reads(target, did):
    pour(target, did, query("selec") + SYNC, clients=20, reads=False)


def rows_that_nobody_reads(target, did):
    deaf = [client(target) for _ in range(20)]
    for one in deaf:
        one.socket.sendall(query("SELECT repeat('x', 100000) FROM generate_series(1, 100000)"))
        did()
    while True:
        time.sleep(1)


def names_without_end(target, did):
    """Each with a text of its own, until the proxy has enough of it; then another connection."""
    padding = "x" * 4000
    for connection in itertools.count():
        wire = client(target)
        with contextlib.suppress(Broken):
            for n in range(200):
                batch = b"".join(parse(f"s{n}_{k}", f"SELECT '{connection} {n} {k} {padding}'") for k in range(50))
                wire.socket.sendall(batch + SYNC)
                answer(wire)
                did(50)
        wire.vanish()


def answer(wire):
    try:
        while wire.message()[0] != b"Z":
            pass
    except (OSError, Failure) as error:
        raise Broken(str(error)) from error


def parameters_of_a_gigabyte(target, did):
    """Four at once; `did` counts megabytes."""
    size, block, left = 0x3FFF_FF00, b"x" * CHUNK, {}
    while True:
        while len(left) < 4:
            wire = client(target)
            wire.socket.sendall(parse("s", "SELECT length($1::text)") + SYNC)
            answer(wire)
            head = b"B" + struct.pack("!I", size) + b"\0s\0\0\0\0\1" + struct.pack("!I", size - 14)
            wire.socket.sendall(head)
            wire.socket.setblocking(False)
            left[wire.socket] = size
        for one in select.select([], list(left), [], 0.2)[1]:
            try:
                sent = one.send(block[: left[one]])
                left[one] -= sent
                did(sent / (1 << 20))
            except BlockingIOError:
                continue
            except OSError:
                left[one] = 0
            if not left[one]:
                del left[one]
                reset(one)


def statements_that_are_hard_to_judge(target, did):
    """Deep, wide, and just as long as a text may be; never the same twice, and refused for their last word, if not before."""
    shapes = [
        lambda n: f"SELECT {n}, {'(' * 900}1{')' * 900} FROM pg_authid",
        lambda n: f"SELECT {n}" + " + 1" * 20_000 + " FROM pg_authid",
        lambda n: f"SELECT {n} WHERE 1 IN (" + "1,2,3,4,5," * 20_000 + "6) AND pg_read_file('x') = ''",
        lambda n: f"SELECT {n} FROM " + "(SELECT * FROM " * 300 + "pg_authid" + ") AS x" * 300,
        lambda n: f"SELECT {n}; " * 30_000 + "TABLE pg_authid",
        lambda n: f"SELECT '{n}" + "x" * 1_000_000 + "' FROM pg_authid",
        lambda n: f"SELECT {n} " + "/*" * 300_000,
        lambda n: "WITH " + ",".join(f"a{n}_{k} AS (SELECT {k})" for k in range(8000)) + " TABLE pg_authid",
    ]
    clients = [client(target) for _ in range(4)]
    for n in itertools.count():
        for wire in clients:
            wire.socket.sendall(query(shapes[n % len(shapes)](n)))
        for k, wire in enumerate(clients):
            try:
                answer(wire)
            except Broken:
                clients[k] = client(target)
            did()


def other_tenants_clients(target, did):
    """A hundred from each of two senders, with no pause."""
    script = target.directory / f"{target.address}.sql"
    script.write_text("SELECT token FROM marked LIMIT 1;\n")
    environment = pgbench.client_environment(target)
    command = [pgbench.need_program("pgbench"), "-n", "-f", script, "-c", 100, "-T", 3600, "-P", 1, "-h", HOST, "-p", target.port,
               "-U", next(target.own), DATABASE]  # fmt: skip
    child = subprocess.Popen([str(c) for c in command], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                             text=True)  # fmt: skip
    for line in child.stderr:
        if line.startswith("progress:"):
            did(float(line.split()[3]))


def nothing_but_work(_target, did):
    """No attack: what its processes would take of the machine, and leave the proxy alone."""
    while True:
        sum(range(100_000))
        did()


def statements_past_the_proxy(target, did):
    """No attack either: the server is as busy as those who may use it can make it."""
    places = []
    while True:
        while len(places) < target.share:
            places.append(Client(target.server, "postgres", ""))
            places[-1].socket.sendall(HEAVY)
        for one in select.select([place.socket for place in places], [], [], 1)[0]:
            place = next(place for place in places if place.socket is one)
            answer(place)
            one.sendall(HEAVY)
            did()


HEAVY = query("SELECT sum(n) FROM generate_series(1, 20000) AS n")

# These keep the hostile tenants' share of the server connections busy.
ON_THE_SERVER = (
    "cancel requests for itself",
    "empty statements",
    "rows that nobody reads",
    "names without end",
    "parameters of a gigabyte",
    "another tenant's 200 clients",
)

# These have done all they do before the quiet tenant is measured.
STAND_STILL = ("answers that nobody reads", "rows that nobody reads")

ATTACKS = {
    "connections that say nothing": silent_connections,
    "half startup packets": half_startup_packets,
    "whole startup packets": whole_startup_packets,
    "wrong passwords": wrong_passwords,
    "whole TLS handshakes": whole_tls_handshakes,
    "half TLS handshakes": half_tls_handshakes,
    "cancel requests for nobody": cancel_requests_for_nobody,
    "cancel requests for itself": cancel_requests_for_itself,
    "slow-loris everywhere": slow_loris,
    "refused statements": refused_statements,
    "statements about others": statements_about_others,
    "Sync": syncs,
    "empty statements": empty_statements,
    "answers that nobody reads": answers_that_nobody_reads,
    "rows that nobody reads": rows_that_nobody_reads,
    "names without end": names_without_end,
    "parameters of a gigabyte": parameters_of_a_gigabyte,
    "SQL that is hard to judge": statements_that_are_hard_to_judge,
    "another tenant's 200 clients": other_tenants_clients,
}
