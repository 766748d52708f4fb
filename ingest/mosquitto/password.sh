#!/bin/sh
# Gives a user of the broker a password, or another one:  password.sh FILE NAME SECRET
# The broker takes it over when it is told to (SIGHUP) or starts.
set -eu
[ $# -eq 3 ] || { echo "say whose password it is and what: NAME SECRET" >&2; exit 2; }
umask 077
touch "$1"
mosquitto_passwd -b "$1" "$2" "$3"
# Mosquitto's images run it as user 1883, which alone may read the hashes.
[ "$(id -u)" != 0 ] || chown 1883:1883 "$1"
