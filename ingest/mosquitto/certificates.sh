#!/bin/sh
# Makes what the broker needs for TLS, where it is missing or ends within 30 days:
#   certificates.sh FOLDER HOST…     the names or addresses by which gateways reach the broker
# A certificate authority of its own (ca.crt is for the gateways, ca.key is to be kept from everybody) signs a server
# certificate. With certificates of another authority in FOLDER as server.crt and server.key, nothing is made.
set -eu
folder=$1
shift
umask 077
mkdir -p "$folder"
cd "$folder"

if [ -s server.crt ] && openssl x509 -in server.crt -noout -checkend 2592000 >/dev/null; then
    exit 0
fi
if [ -s server.crt ] && [ ! -s ca.key ]; then
    echo "the broker's certificate ends within 30 days: put a new one into place as server.crt and server.key" >&2
    exit 0
fi
if [ ! -s ca.key ]; then
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj "/CN=Shouwang gateways" \
        -addext "basicConstraints=critical,CA:TRUE" -addext "keyUsage=critical,keyCertSign,cRLSign" \
        -keyout ca.key -out ca.crt 2>/dev/null
fi
names=
for host in "$@"; do
    case $host in
        *[!0-9.]*) names="$names,DNS:$host" ;;
        *) names="$names,IP:$host" ;;
    esac
done
openssl req -x509 -CA ca.crt -CAkey ca.key -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 825 \
    -subj "/CN=$1" -addext "subjectAltName=${names#,}" -addext "basicConstraints=critical,CA:FALSE" \
    -addext "extendedKeyUsage=serverAuth" -keyout server.key -out server.crt 2>/dev/null
chmod 644 ca.crt server.crt
echo "made the broker's certificate for $*; gateways trust $folder/ca.crt"
