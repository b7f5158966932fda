"""A private PostgreSQL with one confined tenant, and pgtenant in front of it.

The tenant is made by pgtenant itself, so that its role has exactly the rights it has in production:
USAGE and CREATE on the schema `tenant_alpha`, which it does not own, and nothing else.
"""

import os
import pathlib
import secrets
import shutil
import socket
import subprocess
import tempfile
import time

DATABASE, TENANT, PASSWORD = "app", "alpha", "correct-horse"
SCHEMA = ROLE = "tenant_alpha"

SETTINGS = """
fsync = off
full_page_writes = off
shared_buffers = 64MB
max_connections = 100
listen_addresses = '127.0.0.1'
lc_messages = 'C'
wal_level = minimal
max_wal_senders = 0
"""


class Ground:
    def __init__(self, bin_dir, pgtenant):
        self.bin = pathlib.Path(bin_dir)
        self.pgtenant = pgtenant
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="record-"))
        self.user = "postgres" if os.getuid() == 0 else None
        self.proxy = None
        self.port, self.proxy_port = free_port(), free_port()
        try:
            self._start_server()
            self._start_proxy()
        except BaseException:
            self.remove()
            raise

    def target(self, through):
        return ("127.0.0.1", self.proxy_port if through == "proxy" else self.port)

    def remove(self):
        if self.proxy is not None:
            self.proxy.terminate()
            self.proxy.wait()
        self._as_owner("pg_ctl", "-D", self.dir / "data", "-m", "immediate", "stop", check=False)
        shutil.rmtree(self.dir, ignore_errors=True)

    def admin(self, sql, database=DATABASE):
        url = f"postgresql://postgres@127.0.0.1:{self.port}/{database}"
        done = subprocess.run(
            [self.bin / "psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", sql],
            check=True, capture_output=True, text=True,
        )
        return done.stdout

    def empty_schema(self, lenient=False):
        """As a new tenant finds it; lenient gives it more than a tenant ever has."""
        more = f"GRANT CREATE ON DATABASE {DATABASE} TO {ROLE}; GRANT CREATE ON SCHEMA public TO {ROLE}" if lenient else ""
        self.admin(
            "SET client_min_messages = warning;"
            f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{ROLE}';"
            f"DROP OWNED BY {ROLE} CASCADE; DROP SCHEMA {SCHEMA} CASCADE; CREATE SCHEMA {SCHEMA};"
            f"GRANT USAGE, CREATE ON SCHEMA {SCHEMA} TO {ROLE};"
            f"{more}"
        )

    def _as_owner(self, program, *arguments, check=True):
        return subprocess.run(
            [self.bin / program, *arguments], user=self.user, group=self.user, cwd="/",
            stdout=subprocess.DEVNULL, check=check,
        )

    def _start_server(self):
        if self.user:
            shutil.chown(self.dir, self.user, self.user)
        data = self.dir / "data"
        self._as_owner("initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8",
                       "--locale=C.UTF-8", "--no-sync")
        with open(data / "postgresql.conf", "a", encoding="utf-8") as conf:
            conf.write(SETTINGS + f"port = {self.port}\nunix_socket_directories = '{self.dir}'\n")
        self._as_owner("pg_ctl", "-D", data, "-w", "-l", self.dir / "server.log", "start")
        self.admin(f"CREATE DATABASE {DATABASE}", "postgres")

    def _start_proxy(self):
        home = self.dir / "proxy"
        home.mkdir(mode=0o700)
        key = home / "master.key"
        key.touch(mode=0o600)
        key.write_text(secrets.token_hex(32) + "\n")
        config = home / "pgtenant.toml"
        config.write_text(
            f'[listen]\naddresses = ["127.0.0.1:{self.proxy_port}"]\nshutdown_timeout = "2s"\n'
            f'[server]\ndatabase = "{DATABASE}"\nport = {self.port}\n'
            f'[secrets]\nmaster_key_file = "{key}"\n'
        )
        admin = f"postgresql://postgres@127.0.0.1:{self.port}/{DATABASE}"
        environment = os.environ | {"PGTENANT_CONFIG": str(config), "PGTENANT_ADMIN_URL": admin}
        run = lambda *words, text=None: subprocess.run(
            [self.pgtenant, *words], env=environment, input=text, text=True, check=True,
            stdout=subprocess.DEVNULL,
        )
        run("init")
        self.admin("CREATE TABLE global.countries (code text PRIMARY KEY, name text);"
                   "INSERT INTO global.countries VALUES ('de', 'Germany'), ('fr', 'France');"
                   f"GRANT SELECT ON global.countries TO PUBLIC")
        run("tenant", "create", TENANT, "--password-stdin", text=PASSWORD + "\n")
        # What the proxy sends after login, for those who come without it.
        self.admin(f"ALTER ROLE {ROLE} SET search_path = {SCHEMA}, global")
        log = open(home / "proxy.log", "w", encoding="utf-8")
        self.proxy = subprocess.Popen([self.pgtenant, "serve"], env=environment, stdout=log, stderr=log)
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", self.proxy_port)).close()
                return
            except OSError:
                time.sleep(0.1)
        raise RuntimeError(f"the proxy does not start:\n{(home / 'proxy.log').read_text()}")


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]
