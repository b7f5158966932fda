# ---- build
FROM rust:1-bookworm AS builder

# pg_query's build runs bindgen, which needs libclang together with its headers.
RUN apt-get update \
    && apt-get install -y --no-install-recommends libclang-dev \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /build

# The dependencies, and libpg_query with what reads its tree, are a layer of their own: it is built again only
# when they change.
COPY Cargo.toml Cargo.lock ./
COPY crates crates
COPY benches benches
RUN mkdir src \
    && echo 'fn main() {}' > src/main.rs \
    && touch src/lib.rs \
    && cargo build --release --locked \
    && rm -r src

COPY . .
# Newer than what stood in for them, or cargo would take that for built. Without the tables for debuggers it is a sixth as large.
RUN touch src/main.rs src/lib.rs \
    && cargo build --release --locked \
    && strip --strip-debug target/release/pgtenant

# ---- run
FROM debian:bookworm-slim

RUN groupadd --gid 10001 pgtenant \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent \
        --shell /usr/sbin/nologin pgtenant

COPY --from=builder /build/target/release/pgtenant /usr/local/bin/pgtenant
# Listens on all addresses of the container. Mount another file over it, or set PGTENANT_… variables; the
# master key is never part of an image.
COPY config/docker.toml /etc/pgtenant/pgtenant.toml

# By number, so that an orchestrator can see that it is not root. Nothing is written to the file system:
# the container runs with a read-only root.
USER 10001:10001
EXPOSE 6432
STOPSIGNAL SIGTERM

# The proxy that is running is asked whether it lets clients log in; it needs no password for that, and no other program.
HEALTHCHECK --interval=30s --timeout=10s --start-period=10s --retries=3 \
    CMD ["pgtenant", "health", "--config", "/etc/pgtenant/pgtenant.toml"]

ENTRYPOINT ["pgtenant"]
CMD ["serve", "--config", "/etc/pgtenant/pgtenant.toml"]
