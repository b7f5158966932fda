"""psycopg 3 logs in with TLS, verified, and says who it is."""

import os

import psycopg

env = os.environ
with psycopg.connect(
    host=env["LOGIN_HOST"], hostaddr="127.0.0.1", port=env["LOGIN_PORT"], dbname=env["LOGIN_DATABASE"],
    user=env["LOGIN_USER"], password=env["LOGIN_PASSWORD"], sslmode="verify-full", sslrootcert=env["LOGIN_CA"],
    options=env["LOGIN_OPTIONS"], sslcert=env["LOGIN_CERTIFICATE"], sslkey=env["LOGIN_KEY"],
) as connection:
    print(connection.execute("SELECT current_user").fetchone()[0])
