"""A relay between a client and PostgreSQL (or pgtenant) that writes down what the client says.

One JSON object a line: the startup packet's parameters, the text of every Query and Parse exactly as
it was sent, and every error the server answered. Everything else is passed on unread. TLS and GSS
encryption are declined, so the client has to accept a plain connection.
"""

import json
import socket
import struct
import threading

CANCEL, SSL, GSS = 80877102, 80877103, 80877104


class Relay:
    def __init__(self, target, path):
        self.target = target
        self.out = open(path, "w", encoding="utf-8")
        self.lock = threading.Lock()
        self.count = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self.listener.close()
        with self.lock:
            self.out.close()

    def _note(self, **what):
        with self.lock:
            if not self.out.closed:
                self.out.write(json.dumps(what, ensure_ascii=False) + "\n")

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            self.count += 1
            threading.Thread(target=self._serve, args=(client, self.count), daemon=True).start()

    def _serve(self, client, number):
        server = None
        try:
            server = socket.create_connection(self.target)
            for end in (client, server):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if not self._startup(client, server, number):
                return
            back = threading.Thread(target=self._answers, args=(server, client, number), daemon=True)
            back.start()
            self._requests(client, server, number)
            server.shutdown(socket.SHUT_WR)
            back.join()
        except (OSError, EOFError):
            pass
        finally:
            for end in (client, server):
                if end is not None:
                    try:
                        end.shutdown(socket.SHUT_RDWR)
                    except OSError:
                        pass
                    end.close()

    def _startup(self, client, server, number):
        while True:
            head = exactly(client, 8)
            length, code = struct.unpack("!II", head)
            body = exactly(client, length - 8)
            if code in (SSL, GSS):
                client.sendall(b"N")
                continue
            server.sendall(head + body)
            if code == CANCEL:
                return False
            words = body.split(b"\0")[:-2]
            pairs = [word.decode() for word in words]
            self._note(conn=number, kind="startup", parameters=dict(zip(pairs[::2], pairs[1::2])))
            return True

    def _requests(self, client, server, number):
        for tag, frame in frames(client):
            if tag == b"Q":
                self._note(conn=number, kind="query", text=frame[5:-1].decode())
            elif tag == b"P":
                name, text, _ = frame[5:].split(b"\0", 2)
                self._note(conn=number, kind="parse", name=name.decode(), text=text.decode())
            elif tag == b"F":
                self._note(conn=number, kind="function call", oid=struct.unpack("!I", frame[5:9])[0])
            server.sendall(frame)

    def _answers(self, server, client, number):
        try:
            for tag, frame in frames(server):
                if tag == b"E":
                    fields = {f[:1].decode(): f[1:].decode() for f in frame[5:].split(b"\0") if f}
                    self._note(conn=number, kind="error", fields=fields)
                client.sendall(frame)
            client.shutdown(socket.SHUT_WR)
        except (OSError, EOFError):
            pass


def exactly(source, count):
    parts = []
    while count:
        part = source.recv(count)
        if not part:
            raise EOFError
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def frames(source):
    """The frames of one direction after the startup packet, in batches of what has arrived."""
    buffer = b""
    while True:
        part = source.recv(1 << 16)
        if not part:
            return
        buffer += part
        at = 0
        while len(buffer) - at >= 5:
            length = 1 + struct.unpack_from("!I", buffer, at + 1)[0]
            if len(buffer) - at < length:
                break
            yield buffer[at : at + 1], buffer[at : at + length]
            at += length
        buffer = buffer[at:]
