# Sourced by script/test and script/availability: programs of Debian's that tests need and pip does not have.
# Packages are only taken apart into .venv/debian: nothing is installed into the system, and no service starts.
debian=$root/.venv/debian
PATH=$PATH:$debian/usr/bin:$debian/usr/sbin
export PATH

fetch() { # program, packages that hold it and its libraries …
    program=$1 && shift
    command -v "$program" >/dev/null && return
    if command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null; then
        say "Fetching $program for the tests (once) …"
        folder=$(mktemp -d)
        { (cd "$folder" && { apt-get download -qq "$@" || { apt-get update -qq && apt-get download -qq "$@"; }; }) &&
            for package in "$folder"/*.deb; do dpkg-deb -x "$package" "$debian"; done
        } >/dev/null 2>&1 || true
        rm -rf "$folder"
    fi
    command -v "$program" >/dev/null || say "No $program here, so tests that need it are skipped. On Debian: apt-get install $1"
}
