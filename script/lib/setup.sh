# Sourced by the scripts: finds Python, makes .venv in the project's root and installs what the locks say.
# `set_up run` serves the demo, `set_up dev` adds the test tools. A stamp remembers what is installed,
# so a second start costs nothing.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)
bin=$root/.venv/bin
say() { printf '%s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

find_python() {
    for python in python3 python3.14 python3.13 python3.12 python3.11; do
        "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && return
    done
    fail 'Warchest needs Python 3.11 or newer, and none was found. On Debian: apt-get install python3 python3-venv'
}

make_venv() { # again when it is missing, broken or was copied from another folder
    [ "$(cat "$root/.venv/.root" 2>/dev/null)" = "$root" ] && "$bin/python" -m pip --version >/dev/null 2>&1 && return
    find_python
    "$python" -c 'import venv, ensurepip' 2>/dev/null ||
        fail "$python cannot make virtual environments. On Debian: apt-get install python3-venv"
    "$python" -m venv --clear "$root/.venv" || fail "Could not make $root/.venv"
    printf '%s\n' "$root" >"$root/.venv/.root"
}

install_locked() { # $1: run or dev; dev holds everything that run does
    case $1 in run) lock=requirements.lock ;; *) lock=requirements-dev.lock ;; esac
    stamp=$(cd "$root" && cat requirements*.lock pyproject.toml plugins/*/pyproject.toml 2>/dev/null | cksum)
    [ "$stamp" = "$(cat "$root/.venv/.dev" 2>/dev/null)" ] && return
    [ "$1 $stamp" = "run $(cat "$root/.venv/.run" 2>/dev/null)" ] && return
    say "Installing what $lock lists into .venv (once) …"
    "$bin/python" -m pip install -q --disable-pip-version-check --require-hashes -r "$root/$lock"
    set -- "$1" -e "$root"
    for plugin in "$root"/plugins/*/pyproject.toml; do
        [ -f "$plugin" ] && set -- "$@" -e "$(dirname "$plugin")"
    done
    kind=$1 && shift
    "$bin/python" -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation "$@"
    printf '%s\n' "$stamp" >"$root/.venv/.$kind"
}

set_up() { # one at a time: two scripts may start together
    command -v flock >/dev/null && exec 9>"$root/.venv.lock" && flock 9
    make_venv
    install_locked "$1"
    "$bin/python" "$root/script/checks/translations.py" --compile
    exec 9>&-
}
