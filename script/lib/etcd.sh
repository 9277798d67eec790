# Sourced by script/test and script/availability: puts Debian's etcd beside the other tools, for Patroni in the tests.
# Only the program is taken out of the package, so that nothing is installed into the system and no service starts.
fetch_etcd() {
    command -v etcd >/dev/null && return
    [ -x "$bin/etcd" ] && return
    if command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null; then
        say 'Fetching etcd for the tests of fail-over …'
        folder=$(mktemp -d)
        { (cd "$folder" && { apt-get download -qq etcd-server || { apt-get update -qq && apt-get download -qq etcd-server; }; }) &&
            dpkg-deb --fsys-tarfile "$folder"/etcd-server_*.deb | tar -xO ./usr/bin/etcd >"$folder/etcd" &&
            chmod 755 "$folder/etcd" && "$folder/etcd" --version && mv "$folder/etcd" "$bin/etcd"
        } >/dev/null 2>&1 || true
        rm -rf "$folder"
    fi
    [ -x "$bin/etcd" ] || say 'No etcd here, so tests of fail-over are skipped. On Debian: apt-get install etcd-server'
}
