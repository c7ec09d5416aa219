#!/bin/sh
# Installs the Debian packages that `make` needs: sh demo/install.sh WHAT... It uses
# apt as root, or through sudo. Installed packages are left alone, and nothing that it
# installs is started or enabled.
set -eu

if [ $# -gt 1 ]; then
    for what; do sh "$0" "$what"; done
    exit 0
fi

policy=/usr/sbin/policy-rc.d
what=${1:-}
services=
# Debian's servers are here, which is not on every user's path.
PATH=$PATH:/usr/sbin

has() { command -v "$1" >/dev/null; }
# The services that Erlang starts at boot, unless it was installed already.
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
pgbouncer)
    name=PgBouncer packages=pgbouncer services=pgbouncer.service
    installed() { has pgbouncer; }
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
    # Playwright's own Node.js needs libatomic.
    name=Chromium packages="chromium libatomic1"
    installed() { has chromium && ls /usr/lib/*/libatomic.so.1 >/dev/null 2>&1; }
    ;;
profanity)
    name=profanity packages=profanity
    installed() { has profanity; }
    ;;
poezio)
    name=poezio packages=poezio
    installed() { has poezio; }
    ;;
gajim)
    # Its windows need a screen, and its icons a loader that Debian only recommends.
    name=Gajim packages="gajim xvfb librsvg2-common"
    installed() {
        has gajim && has Xvfb && ls /usr/lib/*/gdk-pixbuf-2.0/*/loaders/*-svg.so >/dev/null 2>&1
    }
    ;;
npm)
    name=npm packages=npm
    installed() { has npm; }
    ;;
nodejs)
    name=Node.js packages=nodejs
    installed() { has node; }
    ;;
libstrophe)
    name=libstrophe packages="gcc libc6-dev libstrophe-dev"
    installed() { has gcc && [ -e /usr/include/stdio.h ] && [ -e /usr/include/strophe.h ]; }
    ;;
qxmpp)
    name=QXmpp packages="g++ pkg-config libqxmpp-dev"
    installed() { has g++ && has pkg-config && [ -e /usr/include/qxmpp/QXmppClient.h ]; }
    ;;
nbxmpp)
    name=nbxmpp packages=python3-nbxmpp
    installed() { [ -e /usr/lib/python3/dist-packages/nbxmpp/client.py ]; }
    ;;
faketime)
    name=faketime packages=faketime
    installed() { has faketime; }
    ;;
prometheus)
    name=Prometheus packages=prometheus services=prometheus.service
    installed() { has promtool; }
    ;;
luacheck)
    name=luacheck packages=lua-check
    installed() { has luacheck; }
    ;;
luadbi)
    name=LuaDBI packages=lua-dbi-sqlite3
    installed() { ls /usr/lib/*/lua/5.4/dbd/sqlite3.so >/dev/null 2>&1; }
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
    echo "$name is missing, and installing it requires root. Run: $line" >&2
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

# Shows the progress that apt reports on its status descriptor (README.progress-reporting
# in its documentation): in place on a terminal, else a line now and then.
progress() {
    before=
    while IFS=: read -r kind _ percent _; do
        case $kind in
        dlstatus) action=downloading ;;
        pmstatus) action=installing ;;
        *) continue ;;
        esac
        percent=${percent%%.*}
        if [ -t 1 ]; then
            printf '\rInstalling %s: %s, %s %%   ' "$name" "$action" "$percent"
        elif [ "$action ${percent%?}" != "$before" ] && [ -n "${percent%?}" ]; then
            echo "Installing $name: $action, $percent %"
        fi
        before="$action ${percent%?}"
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
output=$(mktemp -d)
{ fetch || { apt update && fetch; } || touch "$output/failed"; } 4>&1 >"$output/text" 2>&1 | progress
if [ -e "$output/failed" ]; then
    cat "$output/text" >&2
    rm -r "$output"
    echo "$name could not be installed: apt-get failed, see above." >&2
    exit 1
fi
rm -r "$output"
if [ -z "$was_there" ]; then disable >/dev/null 2>&1 || true; fi
