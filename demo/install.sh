#!/bin/sh
# Installs what Debian packages and `make` needs: sh demo/install.sh WHAT..., with
# apt; needs root, or asks sudo. What is there already is left alone, and nothing
# that is installed is started or enabled.
set -eu

if [ $# -gt 1 ]; then
    for what; do sh "$0" "$what"; done
    exit 0
fi

policy=/usr/sbin/policy-rc.d
what=${1:-}
services=
# Where Debian keeps servers, and not every user looks.
PATH=$PATH:/usr/sbin

has() { command -v "$1" >/dev/null; }
# What Erlang starts at boot, unless it was there already.
erlang() { has epmd || echo epmd.socket epmd.service; }

case $what in
prosody)
    name=Prosody packages="prosody prosody-modules" services=prosody.service
    installed() {
        has prosody && ls /usr/lib/prosody/modules/mod_privilege* >/dev/null 2>&1
    }
    ;;
ejabberd)
    name=ejabberd packages="ejabberd erlang-p1-sqlite3"
    services="ejabberd.service $(erlang)"
    installed() {
        has ejabberdctl && ls /usr/lib/erlang/lib/p1_sqlite3-* >/dev/null 2>&1
    }
    ;;
postgresql)
    name=PostgreSQL packages=postgresql services=postgresql.service
    installed() { ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1; }
    ;;
redis)
    name=Redis packages=redis-server services=redis-server.service
    installed() { has redis-server; }
    ;;
rabbitmq)
    name=RabbitMQ packages=rabbitmq-server services="rabbitmq-server.service $(erlang)"
    installed() { has rabbitmq-server; }
    ;;
nginx)
    name=nginx packages=nginx-light services=nginx.service
    installed() { has nginx; }
    ;;
wrk)
    name=wrk packages=wrk
    installed() { has wrk; }
    ;;
chromium)
    name=Chromium packages=chromium
    installed() { has chromium; }
    ;;
profanity)
    name=profanity packages=profanity
    installed() { has profanity; }
    ;;
nodejs)
    name=Node.js packages=nodejs
    installed() { has node; }
    ;;
faketime)
    name=faketime packages=faketime
    installed() { has faketime; }
    ;;
gettext)
    name=gettext packages=gettext
    installed() { has msgfmt; }
    ;;
*)
    echo "usage: sh $0 $(sed -n 's/^\([a-z]*\))$/\1/p' "$0" | paste -sd '|')" >&2
    exit 2
    ;;
esac

become_root() {
    if ! has sudo; then
        line="su -c 'sh $0 $what'"
    elif sudo -n true 2>/dev/null || [ -t 0 ]; then
        exec sudo sh "$0" "$what"
    else
        line="sudo sh $0 $what"
    fi
    echo "$name is missing, and to install it takes root. Run: $line" >&2
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

# shellcheck disable=SC2086  # several packages
fetch() { apt -o APT::Status-Fd=4 install --no-install-recommends $packages; }

# How far apt is, from what it says on its status descriptor (README.progress-reporting
# in its documentation): in place on a terminal, else a line now and then.
progress() {
    before=
    while IFS=: read -r kind _ percent _; do
        case $kind in
        dlstatus) doing=downloading ;;
        pmstatus) doing=installing ;;
        *) continue ;;
        esac
        percent=${percent%%.*}
        if [ -t 1 ]; then
            printf '\rInstalling %s: %s, %s %%   ' "$name" "$doing" "$percent"
        elif [ "$doing ${percent%?}" != "$before" ] && [ -n "${percent%?}" ]; then
            echo "Installing $name: $doing, $percent %"
        fi
        before="$doing ${percent%?}"
    done
    if [ -t 1 ]; then echo; fi
}

# Not at the next boot either.
disable() {
    for one in $services; do
        if has systemctl; then systemctl -q disable "$one"; fi
        if has update-rc.d; then update-rc.d "${one%.service}" disable; fi
    done
}

if installed; then exit 0; fi
if [ "$(id -u)" != 0 ]; then become_root; fi
if ! has apt-get; then
    echo "$name is missing, and there is no apt-get to install it with." >&2
    exit 1
fi

echo "Installing $name ..."
was_there=$(command -v "$what" || true)
deny_starts
# The lists of a bare system are empty or old.
said=$(mktemp -d)
{ fetch || { apt update && fetch; } || touch "$said/failed"; } 4>&1 >"$said/text" 2>&1 | progress
if [ -e "$said/failed" ]; then
    cat "$said/text" >&2
    rm -r "$said"
    echo "$name could not be installed: apt-get failed, see above." >&2
    exit 1
fi
rm -r "$said"
if [ -z "$was_there" ]; then disable >/dev/null 2>&1 || true; fi
