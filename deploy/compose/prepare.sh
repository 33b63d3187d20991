#!/bin/sh
# Makes what a farm of compose.yaml begins with, in its volumes: a certificate of an authority of its own, a token for
# workers and one for a person. Run as root in the coordinator's image; what is there already stays.
set -eu
umask 077
etc=${ETC:-/etc/crossmill}
data=${DATA:-/var/lib/crossmill/coordinator}
owner=${OWNER:-801:801}

names="DNS:coordinator,DNS:localhost,IP:127.0.0.1"
for name in ${NAMES:-}; do
  case $name in
    *:*) kind=IP ;;
    *[!0-9.]*) kind=DNS ;;
    *) kind=IP ;;
  esac
  names="$names,$kind:$name"
done

# All keys are made here; those of the authorities go with it and are kept nowhere.
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# certificate NAME AUTHORITY EXTENSION...: cert.pem and key.pem of a new authority, ca.pem, in the scratch folder.
certificate() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj "/CN=$2" \
    -keyout "$scratch/ca-key.pem" -out "$scratch/ca.pem" 2>/dev/null
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$1" \
    -keyout "$scratch/key.pem" -out "$scratch/request.pem" 2>/dev/null
  shift 2
  printf '%s\n' "$@" >"$scratch/extensions"
  openssl x509 -req -in "$scratch/request.pem" -CA "$scratch/ca.pem" -CAkey "$scratch/ca-key.pem" -CAcreateserial \
    -days 3650 -extfile "$scratch/extensions" -out "$scratch/cert.pem" 2>/dev/null
}

if [ ! -e "$etc/tls/cert.pem" ]; then
  # A new certificate is a new authority.
  certificate coordinator "Crossmill certificate authority" "subjectAltName=$names" extendedKeyUsage=serverAuth
  install -m 0600 "$scratch/key.pem" "$etc/tls/key.pem"
  for folder in workers clients; do install -m 0644 "$scratch/ca.pem" "$etc/$folder/ca.pem"; done
  install -m 0644 "$scratch/cert.pem" "$etc/tls/cert.pem"
fi

# Who comes with Docker's own clients shows a certificate that names a token (docs/buildkit.md): one for the person below. For more
# people take an authority of your own.
if [ ! -e "$etc/tls/buildkit-clients.pem" ]; then
  certificate person "Crossmill buildx clients" extendedKeyUsage=clientAuth
  install -m 0600 "$scratch/key.pem" "$etc/clients/buildx-key.pem"
  install -m 0644 "$scratch/cert.pem" "$etc/clients/buildx-cert.pem"
  install -m 0644 "$scratch/ca.pem" "$etc/tls/buildkit-clients.pem"
fi

# token ROLE NAME FOLDER
token() {
  if [ -e "$etc/$3/token" ]; then return; fi
  crossmill-coordinator --config none --data "$data" token "$1" "$2" >"$etc/$3/token.new"
  mv "$etc/$3/token.new" "$etc/$3/token"
}
token worker '*' workers
token operate person clients
chown -R "$owner" "$data" "$etc/tls" "$etc/clients"
chmod 0755 "$etc/tls" "$etc/workers" "$etc/clients"
# Workers read it as their own user; nothing else is in their containers.
chmod 0444 "$etc/workers/token"
