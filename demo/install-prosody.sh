#!/bin/sh
# Installs Prosody and the community modules with apt; needs root, or asks sudo.
# The system's own Prosody is neither started nor enabled, and if Prosody is
# there already, nothing is done at all.
set -eu

policy=/usr/sbin/policy-rc.d

has() { command -v "$1" >/dev/null; }

installed() {
    has prosody && ls /usr/lib/prosody/modules/mod_privilege* >/dev/null 2>&1
}

become_root() {
    if ! has sudo; then
        line="su -c 'sh $0'"
    elif sudo -n true 2>/dev/null || [ -t 0 ]; then
        exec sudo sh "$0"
    else
        line="sudo sh $0"
    fi
    echo "Prosody is missing, and to install it takes root. Run: $line" >&2
    exit 1
}

# Debian starts what it installs, unless this file says no.
deny_starts() {
    [ ! -e "$policy" ] || return 0
    trap 'rm -f "$policy"' EXIT
    trap 'exit 1' INT TERM HUP
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
}

apt() {
    DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 "$@" </dev/null
}

fetch() { apt install --no-install-recommends prosody prosody-modules; }

# Not at the next boot either.
disable() {
    if has systemctl; then systemctl -q disable prosody; fi
    if has deb-systemd-helper; then deb-systemd-helper disable prosody.service; fi
    if has update-rc.d; then update-rc.d prosody disable; fi
}

if installed; then exit 0; fi
if [ "$(id -u)" != 0 ]; then become_root; fi
if ! has apt-get; then
    echo "Prosody is missing, and there is no apt-get to install it with." >&2
    exit 1
fi

echo "Installing Prosody ..."
had_prosody=$(command -v prosody || true)
deny_starts
# The lists of a bare system are empty or old.
fetch >/dev/null 2>&1 || said=$({ apt update && fetch; } 2>&1) || {
    echo "$said" >&2
    echo "Prosody could not be installed: apt-get failed, see above." >&2
    exit 1
}
[ "$had_prosody" ] || disable >/dev/null 2>&1 || true
