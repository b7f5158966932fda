"""psycopg logs in by OAUTHBEARER, with the libpq that it brings along: first it asks who issues tokens, then it sends one."""

import ctypes
import glob
import os

import psycopg

# PGauthData, PGoauthBearerRequest and PQauthDataHook_type of libpq-fe.h.
BEARER_TOKEN = 1


class Request(ctypes.Structure):
    _fields_ = [
        ("openid_configuration", ctypes.c_char_p), ("scope", ctypes.c_char_p), ("start", ctypes.c_void_p),
        ("cleanup", ctypes.c_void_p), ("token", ctypes.c_char_p), ("user", ctypes.c_void_p),
    ]


env = os.environ
asked = []


@ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.c_void_p, ctypes.POINTER(Request))
def hook(kind, _connection, request):
    if kind != BEARER_TOKEN:
        return 0
    asked.append(request.contents.openid_configuration.decode())
    request.contents.token = env["LOGIN_PASSWORD"].encode()
    return 1


site = os.path.dirname(os.path.dirname(psycopg.__file__))
(path,) = glob.glob(f"{site}/psycopg_binary.libs/libpq-*.so*")
libpq = ctypes.CDLL(path)
libpq.PQsetAuthDataHook(hook)
with psycopg.connect(
    host=env["LOGIN_HOST"], hostaddr="127.0.0.1", port=env["LOGIN_PORT"], dbname=env["LOGIN_DATABASE"],
    user=env["LOGIN_USER"], sslmode="verify-full", sslrootcert=env["LOGIN_CA"], require_auth="oauth",
    oauth_issuer=env["LOGIN_ISSUER"], oauth_client_id="test",
) as connection:
    print(connection.execute("SELECT current_user").fetchone()[0])
print(libpq.PQlibVersion() // 10000, *asked)
