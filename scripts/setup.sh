#!/bin/sh
# Installs what `make demo` and `make test` need and this machine lacks; does nothing when all is there.
#
#   scripts/setup.sh demo   a C compiler, libclang with its headers, PostgreSQL's server and client programs
#   scripts/setup.sh test   the same, pgbench, PostgreSQL's extension set_user, and the drivers that the tests run: Python,
#                           Node, Java and PHP with theirs, a program that uses sqlx, and a browser
#   scripts/setup.sh ci     the same, SQLsmith and Prometheus' promtool where apt-get has them, and what reads deploy/ as
#                           Kubernetes, Helm and Grafana do, where PyPI has it
#   scripts/setup.sh where  installs nothing; prints where the drivers are, as NAME=PATH
#
# What comes from PyPI and npm goes into a cache outside the tree, ${XDG_CACHE_HOME:-~/.cache}/pgtenant-tests, into
# directories named after a checksum of the lists in tests/drivers and deploy: each state of the lists has its own.
#
# As root, or with CI=true, it installs without asking. Otherwise it shows the commands and asks; without
# a terminal to ask on, it shows them and exits with 1. Rust itself is never installed: how to is printed.
set -eu

cd "$(dirname "$0")/.."

# sum_of FILE...: a checksum that every system has, fit for a file's name.
sum_of() { cat "$@" | cksum | tr ' ' '-'; }

cache=${XDG_CACHE_HOME:-$HOME/.cache}/pgtenant-tests
requirements=tests/drivers/requirements.txt
deploy_requirements=deploy/requirements.txt
node_package=tests/drivers/package.json
node_lock=tests/drivers/package-lock.json
venv=$cache/python-$(sum_of "$requirements")
deploy_venv=$cache/deploy-$(sum_of "$deploy_requirements")
node_dir=$cache/node-$(sum_of "$node_package" "$node_lock")
sqlx=tests/drivers/sqlx
sqlx_dir=$cache/sqlx-$(sum_of "$sqlx/Cargo.toml" "$sqlx/Cargo.lock" "$sqlx/src/main.rs")

say() { printf '%s\n' "setup: $*" >&2; }

fail() {
    say "$*"
    exit 1
}

# True when one of the paths exists; a pattern that matched nothing is a path that does not.
any_exists() {
    for path in "$@"; do
        [ -e "$path" ] && return 0
    done
    return 1
}

# ---- what is there

# Rust: present, and not older than rust-version in Cargo.toml.
check_cargo() {
    cargo=$(command -v cargo || printf '%s' "${CARGO_HOME:-$HOME/.cargo}/bin/cargo")
    wanted=$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' Cargo.toml)
    [ -x "$cargo" ] || fail "cargo is missing. Install Rust $wanted or newer with rustup (https://rustup.rs), then try again."
    found=$("$cargo" --version) || fail "\`cargo --version\` failed; repair the Rust installation (https://rustup.rs)."
    found=${found#cargo }
    found=${found%%[ -]*}
    at_least "$found" "$wanted" ||
        fail "cargo $found is too old, pgtenant needs $wanted or newer: run \`rustup update stable\` (https://rustup.rs)."
}

# at_least 1.95.0 1.88: compares the first two numbers of a version.
at_least() {
    have_minor=${1#*.}
    want_minor=${2#*.}
    [ "${1%%.*}" -gt "${2%%.*}" ] ||
        { [ "${1%%.*}" -eq "${2%%.*}" ] && [ "${have_minor%%.*}" -ge "${want_minor%%.*}" ]; }
}

# A compiler that also finds the C library's headers.
has_compiler() {
    command -v cc >/dev/null 2>&1 && printf '#include <stdlib.h>\n' | cc -E -x c - >/dev/null 2>&1
}

# bindgen (in pg_query's build) loads libclang and needs the headers that come with the compiler, such as
# stddef.h. The places are those that the clang-sys crate looks in.
has_libclang() {
    has_libclang_library || return 1
    [ -n "${BINDGEN_EXTRA_CLANG_ARGS:-}" ] || any_exists \
        /usr/lib/llvm*/lib/clang/*/include/stddef.h \
        /usr/lib/clang/*/include/stddef.h \
        /usr/lib64/clang/*/include/stddef.h \
        /usr/lib64/llvm*/lib/clang/*/include/stddef.h \
        /opt/homebrew/opt/llvm*/lib/clang/*/include/stddef.h \
        /usr/local/opt/llvm*/lib/clang/*/include/stddef.h \
        /usr/local/lib/clang/*/include/stddef.h \
        /Library/Developer/CommandLineTools/usr/lib/clang/*/include/stddef.h \
        /Applications/Xcode.app/Contents/Developer/Toolchains/XcodeDefault.xctoolchain/usr/lib/clang/*/include/stddef.h
}

has_libclang_library() {
    # Not libclang-cpp, which is another library.
    if [ -n "${LIBCLANG_PATH:-}" ]; then
        any_exists "$LIBCLANG_PATH" && return 0
    fi
    any_exists \
        /usr/lib*/libclang.so* /usr/lib*/libclang-[0-9]*.so* \
        /usr/lib/*-linux-*/libclang.so* /usr/lib/*-linux-*/libclang-[0-9]*.so* \
        /usr/lib*/llvm*/lib*/libclang.so* /usr/lib*/llvm*/lib*/libclang-[0-9]*.so* \
        /usr/local/lib*/libclang.so* \
        /opt/homebrew/opt/llvm*/lib/libclang.dylib /usr/local/opt/llvm*/lib/libclang.dylib \
        /Library/Developer/CommandLineTools/usr/lib/libclang.dylib \
        /Applications/Xcode.app/Contents/Developer/Toolchains/XcodeDefault.xctoolchain/usr/lib/libclang.dylib
}

# has_program initdb: on PATH or where packages put PostgreSQL's programs. Debian's wrappers in /usr/bin
# are there without the program they wrap, so they do not count.
has_program() {
    for path in "${PGTENANT_PG_BIN:-/nonexistent}/$1" "$(command -v "$1" || :)" \
        /usr/lib/postgresql/*/bin/"$1" /usr/pgsql-*/bin/"$1" \
        /opt/homebrew/opt/postgresql*/bin/"$1" /usr/local/opt/postgresql*/bin/"$1" \
        /usr/local/pgsql/bin/"$1" /home/linuxbrew/.linuxbrew/opt/postgresql*/bin/"$1"; do
        [ -x "$path" ] || continue
        case "$(readlink "$path" || :)" in
            *pg_wrapper) ;;
            *) return 0 ;;
        esac
    done
    return 1
}

# venv_is_whole DIR: made completely; and its Python is still there.
venv_is_whole() { [ -f "$1/complete" ] && "$1/bin/python" -c '' >/dev/null 2>&1; }

has_python_drivers() { venv_is_whole "$venv"; }

has_node_drivers() { [ -f "$node_dir/complete" ]; }

has_python() {
    command -v python3 >/dev/null 2>&1 && python3 -c 'import venv, ensurepip' >/dev/null 2>&1
}

has_node() { command -v node >/dev/null 2>&1; }

# The compiler too: the tests run Java from its source.
has_java() { command -v java >/dev/null 2>&1 && command -v javac >/dev/null 2>&1; }

# Prints the path of the JDBC driver.
find_jdbc() {
    for path in "${PGTENANT_JDBC_JAR:-/nonexistent}" /usr/share/java/postgresql.jar \
        /usr/share/java/postgresql-jdbc/postgresql.jar /usr/share/java/postgresql-jdbc.jar; do
        if [ -f "$path" ]; then
            echo "$path"
            return 0
        fi
    done
    return 1
}

has_php() {
    command -v php >/dev/null 2>&1 && php -r 'exit(extension_loaded("pdo_pgsql") ? 0 : 1);' >/dev/null 2>&1
}

# Prints the path of the browser that looks at the dashboard.
find_browser() {
    for name in "${PGTENANT_BROWSER:-}" chromium chromium-browser google-chrome google-chrome-stable \
        "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome" \
        /Applications/Chromium.app/Contents/MacOS/Chromium; do
        if [ -n "$name" ] && command -v "$name" 2>/dev/null; then
            return 0
        fi
    done
    return 1
}

# Prints the versions of PostgreSQL that packages of Debian have put here without the extension set_user.
without_set_user() {
    for path in /usr/lib/postgresql/*/bin/postgres; do
        dir=${path%/bin/postgres}
        if [ -x "$path" ] && [ ! -e "$dir/lib/set_user.so" ]; then
            echo "${dir##*/}"
        fi
    done
}

# Prints the names of what is missing, for packages_for.
missing() {
    has_compiler || echo compiler
    has_libclang || echo libclang
    if ! has_program initdb || ! has_program postgres || ! has_program psql; then
        echo postgresql
    elif [ "$mode" = test ] && ! has_program pgbench; then
        echo pgbench
    fi
    [ "$mode" = test ] || return 0
    has_python_drivers || has_python || echo python
    has_node || echo node
    has_node_drivers || command -v npm >/dev/null 2>&1 || echo npm
    has_java || echo java
    find_jdbc >/dev/null || echo jdbc
    has_php || echo php
    find_browser >/dev/null || echo browser
}

# ---- installing

find_manager() {
    for manager in apt-get dnf brew; do
        command -v "$manager" >/dev/null 2>&1 && return 0
    done
    return 1
}

packages_for() {
    case "$manager:$1" in
        apt-get:compiler) echo gcc libc6-dev ;;
        apt-get:libclang) echo libclang-dev ;;
        apt-get:postgresql) echo postgresql postgresql-client ;;
        apt-get:pgbench) echo postgresql-contrib ;;
        apt-get:set_user-*) echo "postgresql-${1#set_user-}-set-user" ;;
        apt-get:sqlsmith) echo sqlsmith ;;
        apt-get:promtool) echo prometheus ;;
        apt-get:python) echo python3 python3-venv ;;
        apt-get:node) echo nodejs ;;
        apt-get:npm) echo npm ;;
        apt-get:java) echo default-jdk-headless ;;
        apt-get:jdbc) echo libpostgresql-jdbc-java ;;
        apt-get:php) echo php-cli php-pgsql ;;
        apt-get:browser) echo chromium ;;
        dnf:compiler) echo gcc glibc-devel ;;
        dnf:libclang) echo clang-devel ;;
        dnf:postgresql) echo postgresql-server postgresql postgresql-contrib ;;
        dnf:pgbench) echo postgresql-contrib ;;
        dnf:python) echo python3 ;;
        dnf:node) echo nodejs ;;
        dnf:npm) echo npm ;;
        dnf:java) echo java-devel ;;
        dnf:jdbc) echo postgresql-jdbc ;;
        dnf:php) echo php-cli php-pgsql ;;
        dnf:browser) echo chromium ;;
        brew:compiler) echo gcc ;;
        brew:libclang) echo llvm ;;
        brew:postgresql | brew:pgbench) echo postgresql@17 ;;
        brew:python) echo python3 ;;
        brew:node | brew:npm) echo node ;;
        brew:java) echo openjdk ;;
        brew:php) echo php ;;
        brew:browser) echo google-chrome ;;
    esac
}

# Prints the commands, one a line. Debian's package would start a PostgreSQL server of its own; a
# setting that is taken away again afterwards keeps it from that.
no_server=/etc/postgresql-common/createcluster.d/pgtenant-setup.conf
install_commands() {
    case "$manager" in
        apt-get)
            case "$packages" in
                *postgresql*)
                    echo "${sudo}mkdir -p ${no_server%/*}"
                    echo "echo 'create_main_cluster = false' | ${sudo}tee $no_server >/dev/null"
                    ;;
            esac
            # The second try is for package lists that are missing or out of date.
            apt="${sudo}env DEBIAN_FRONTEND=noninteractive apt-get"
            apt_install="$apt install -y --no-install-recommends $packages"
            echo "$apt_install || { $apt update && $apt_install; }"
            case "$packages" in
                *postgresql*) echo "${sudo}rm -f $no_server" ;;
            esac
            ;;
        dnf) echo "${sudo}dnf install -y $packages" ;;
        brew) echo "brew install $packages" ;;
    esac
}

may_install() {
    if [ "$(id -u)" = 0 ] || [ "${CI:-}" = true ]; then
        return 0
    fi
    if ! [ -t 0 ] || ! [ -t 2 ]; then
        say "not root and no terminal to ask on: run these commands, then try again."
        return 1
    fi
    printf 'setup: run them now? [y/N] ' >&2
    read -r answer
    case "$answer" in
        y | Y | yes) return 0 ;;
    esac
    say "nothing was installed."
    return 1
}

install() {
    lacking=$1
    find_manager || fail "missing: $lacking. No apt-get, dnf or brew here: install a C compiler, libclang with its headers, PostgreSQL (server, psql, pgbench), Python 3 with venv, Node with npm, a JDK, PHP with pdo_pgsql, PostgreSQL's JDBC driver and Chromium by hand."
    packages=
    for what in $lacking; do
        package=$(packages_for "$what")
        [ -n "$package" ] || fail "missing: $what, and $manager has no package of it. Install it by hand; PGTENANT_JDBC_JAR can name the file of the JDBC driver."
        packages="$packages${packages:+ }$package"
    done
    sudo=
    if [ "$manager" != brew ] && [ "$(id -u)" != 0 ]; then
        sudo='sudo '
    fi
    commands=$(install_commands)
    say "missing: $lacking. To install:"
    printf '%s\n' "$commands" | sed 's/^/    /' >&2
    may_install || exit 1
    # The shell's standard input stays the terminal, for sudo's question.
    if ! sh -c "set -e
$commands"; then
        # The last command takes the temporary setting away; it did not run.
        [ ! -e "$no_server" ] || sh -c "${sudo}rm -f $no_server"
        fail "the installation failed, see above."
    fi
}

# make_venv DIR LIST: the file `complete` comes last, so that what was broken off half way is made anew.
make_venv() {
    venv_is_whole "$1" && return 0
    say "making $1 with what $2 lists"
    rm -rf "$1"
    mkdir -p "$cache"
    python3 -m venv "$1" || fail "\`python3 -m venv\` failed: install Python's venv and ensurepip modules."
    "$1/bin/python" -m pip install --quiet --disable-pip-version-check --no-input --prefer-binary \
        -r "$2" || fail "pip could not install $2: check the network and Python's version (3.10 or newer)."
    : >"$1/complete"
}

make_node_drivers() {
    has_node_drivers && return 0
    say "making $node_dir with the drivers of $node_lock"
    rm -rf "$node_dir"
    mkdir -p "$node_dir"
    cp "$node_package" "$node_lock" "$node_dir/"
    (cd "$node_dir" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2) ||
        fail "npm could not install $node_lock: check the network and Node's version (18 or newer)."
    : >"$node_dir/complete"
}

# Of what the build leaves only the program is kept.
make_sqlx_story() {
    [ -f "$sqlx_dir/complete" ] && return 0
    say "building $sqlx into $sqlx_dir"
    rm -rf "$sqlx_dir"
    mkdir -p "$sqlx_dir"
    "$cargo" build --quiet --locked --manifest-path "$sqlx/Cargo.toml" --target-dir "$sqlx_dir/target" ||
        fail "cargo could not build $sqlx: check the network."
    mv "$sqlx_dir/target/debug/sqlx-story" "$sqlx_dir/sqlx-story"
    rm -rf "$sqlx_dir/target"
    : >"$sqlx_dir/complete"
}

mode=${1:-}
is_ci=false
case "$mode" in
    demo | test) ;;
    where)
        printf '%s\n' "python=$venv/bin/python" "deploy=$deploy_venv/bin/python" "node_modules=$node_dir/node_modules" "jdbc=$(find_jdbc || :)" \
            "sqlx=$sqlx_dir/sqlx-story" "browser=$(find_browser || :)"
        exit 0
        ;;
    ci)
        mode=test
        is_ci=true
        ;;
    *) fail "usage: scripts/setup.sh demo|test|ci|where" ;;
esac

check_cargo
lacking=$(missing | tr '\n' ' ')
lacking=${lacking% }
if [ -n "$lacking" ]; then
    install "$lacking"
    still=$(missing | tr '\n' ' ')
    [ -z "$still" ] || fail "installed, but still not found: ${still% }. PGTENANT_PG_BIN can name the directory of PostgreSQL's programs, LIBCLANG_PATH that of libclang."
fi
if [ "$mode" = test ]; then
    # Which package it is follows from PostgreSQL's version.
    lacking=$(without_set_user | sed 's/^/set_user-/' | tr '\n' ' ')
    if [ -n "${lacking% }" ]; then
        install "${lacking% }"
    fi
    make_venv "$venv" "$requirements"
    make_node_drivers
    make_sqlx_story
fi
# Not every distribution has it: CI goes on without, and says so.
if [ "$is_ci" = true ] && ! command -v sqlsmith >/dev/null 2>&1 && find_manager && [ "$manager" = apt-get ]; then
    (install sqlsmith) || say "sqlsmith could not be installed."
fi
if [ "$is_ci" = true ] && ! command -v promtool >/dev/null 2>&1 && find_manager && [ "$manager" = apt-get ]; then
    (install promtool) || say "promtool could not be installed."
fi
if [ "$is_ci" = true ]; then
    (make_venv "$deploy_venv" "$deploy_requirements") || say "what reads deploy/ could not be installed."
fi
