"""psql at a terminal, as a person uses it: Ctrl-C, and the session goes on.

PSQL is the program, its arguments are in the environment as for any psql.
"""

import os
import pty
import re

import psycopg

from story import DSN, MARKER, check, proved


class Terminal:
    def __init__(self):
        pid, self.fd = pty.fork()
        if pid == 0:
            # No line editing and no pager: what comes back is what psql says.
            os.environ.update(TERM="dumb", PAGER="", PSQL_HISTORY="/dev/null")
            os.execv(os.environ["PSQL"], ["psql", "-X", "-n", "--set=PROMPT1=ready%x> ", "--set=PROMPT2=more> "])
        self.pid = pid
        self.until(r"ready> $", "the prompt")

    def until(self, pattern, what):
        said = ""
        while not re.search(pattern, said):
            try:
                piece = os.read(self.fd, 65536).decode()
            except OSError:  # the end, on Linux
                piece = ""
            check(piece, f"psql ended before {what} came: {said!r}")
            said += piece
        return said

    def type(self, line):
        os.write(self.fd, line.encode() + b"\n")

    def says(self, line, pattern, prompt=r"ready> $"):
        self.type(line)
        said = self.until(prompt, f"the answer to {line}")
        check(re.search(pattern, said), f"{line}: {said!r} has no {pattern}")
        check("marker of" not in said.replace(MARKER, ""), f"{line}: rows of another tenant in {said!r}")


def ctrl_c_during(terminal, watcher, query, prompt):
    terminal.type(query)
    runs = "SELECT FROM pg_stat_activity WHERE usename = session_user AND query = %s AND state = 'active'"
    while not watcher.execute(runs, (query,)).fetchall():
        pass
    os.write(terminal.fd, b"\x03")
    said = terminal.until(prompt, "the prompt after Ctrl-C")
    check("canceling statement due to user request" in said, f"Ctrl-C: {said!r}")


def main():
    terminal = Terminal()
    with psycopg.connect(DSN, autocommit=True) as watcher:
        ctrl_c_during(terminal, watcher, "SELECT pg_sleep(60);", r"ready> $")
        proved("Ctrl-C cancels")
        terminal.says("SELECT 'still ' || 'here';", "still here")
        terminal.says("TABLE notes;", MARKER)
        proved("the session goes on")
        terminal.says("BEGIN;", "BEGIN", r"ready\*> $")
        ctrl_c_during(terminal, watcher, "SELECT pg_sleep(61);", r"ready!> $")
        terminal.says("SELECT 1;", "current transaction is aborted", r"ready!> $")
        terminal.says("ROLLBACK;", "ROLLBACK")
        terminal.says("TABLE notes;", MARKER)
        proved("Ctrl-C in a transaction aborts it")
    terminal.says(r"\c", "You are now connected to database")
    terminal.says("TABLE notes;", MARKER)
    proved("reconnected")
    terminal.type(r"\q")
    _, status = os.waitpid(terminal.pid, 0)
    check(status == 0, f"psql ended with {status}")


main()
