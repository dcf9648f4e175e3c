#!/bin/sh
# Renews the certificate of a mosquitto bridge to nolapse, with mosquitto's clients and openssl. To be run every hour or every day
# as the user mosquitto runs as; it may be killed at any moment and run again. Ends with 0 when it renewed, or nothing was due.
# usage: renew.sh HOST PORT ID DIR [COMMAND ...]
#   DIR/ID.pem is what the bridge uses: the key, then the certificate with its chain; DIR/ca.crt is what it trusts. In names of
#   files ID has %3A for : and %40 for @.
#   COMMAND is run once the replacement is in the place of ID.pem. None is needed: mosquitto reads the file whenever the bridge
#   connects, and nolapse ends the connection made with the old certificate when overlap ends. A restart of mosquitto hastens it.
set -eu
umask 077
host=$1 port=$2 id=$3 dir=$4
shift 4
name=$(printf %s "$id" | sed 's/:/%3A/g; s/@/%40/g')
# Where trust.sh has proved another port, that one counts.
[ ! -e "$dir/roots" ] || port=$(sed -n 's/^committed \([0-9]*\) .*/\1/p' "$dir/roots")
topic="\$enroll/1/$id" current="$dir/$name.pem" key="$dir/$name.next.key"
exec 9> "$dir/.$name.lock"
flock -n 9 || { echo "another renewal of $id is at work" >&2; exit 1; }
rm -rf "$dir"/renewal.??????
work=$(mktemp -d "$dir/renewal.XXXXXX")
trap 'hush; rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

# The bridge's client id is ID itself, and one client id is one connection: here they have suffixes.
client() { # PROGRAM PAIR ARGUMENT...: one of mosquitto's clients
  program=$1 pair=$2
  shift 2
  timeout 60 "$program" -h "$host" -p "$port" --cafile "$dir/ca.crt" --cert "$pair" --key "$pair" -q 1 "$@"
}
say() { client mosquitto_pub "$1" -i "$id:renew-say" -t "$topic/$2" -s; } # PAIR WORD: publishes standard input
listen() { # PAIR: writes what nolapse says to inbox, a line each: topic, space, payload
  : > "$work/inbox"
  mosquitto_sub -h "$host" -p "$port" --cafile "$dir/ca.crt" --cert "$1" --key "$1" -q 1 -i "$id:renew" \
    -t "$topic/offer" -t "$topic/cert" -t "$topic/error" -F '%t %p' >> "$work/inbox" 9>&- & listener=$!
}
hush() { # ends what listen began
  [ -z "${listener:-}" ] || { kill "$listener" 2>/dev/null || :; wait "$listener" || :; }
  listener=
}
heard() { sed -n "s|^[^ ]*/$1 \\(.*}\\)\$|\\1|p" "$work/inbox" | tail -n 1; } # WORD: the last payload under it
await() { # SECONDS WORD...: waits for a message under one of the words; 1 when none came, or an error did
  left=$1
  shift
  while :; do
    for word in "$@"; do [ -z "$(heard "$word")" ] || return 0; done
    [ -z "$(heard error)" ] || { heard error >&2; return 1; }
    kill -0 "$listener" 2>/dev/null || { echo "the connection ended" >&2; exit 1; }
    [ $((left -= 1)) -ge 0 ] || return 1
    sleep 1
  done
}
field() { sed -n "s/.*\"$1\" *: *\"\\{0,1\\}\\([^\",}]*\\).*/\\1/p"; } # NAME: its value in the JSON on standard input

inquire() { # PAIR: says hello. 0 when an offer or a certificate is the answer, 1 when it is an error or none comes
  # Whole certificates and no parts; said first, so that it is known by the time one is sent.
  printf '{"maxPacket":16384}' | say "$1" hello || exit 1
  listen "$1"
  await 3 offer cert && return
  [ -z "$(heard error)" ] || return 1
  # The bridge's own session may have heard the answer: asked again, now that this one listens.
  printf '{"maxPacket":16384}' | say "$1" hello || exit 1
  await 15 offer cert
}

ask() { # leaves a complete replacement in DIR/ID.next.RENEWAL.pem, or ends the script
  if ! inquire "$current"; then
    [ "$(heard error | field code)" = nothing_due ] || exit 1
    handed=$(heard error | field renewal)
    [ -n "$handed" ] || { echo "nothing is due"; exit 0; }
    # The broker has handed over a replacement that is not here: another is the way out.
    printf '{"renewal":"%s","status":"failed","code":"lost"}' "$handed" | say "$current" ack
    exit 1
  fi
  renewal=$({ heard offer; heard cert; } | tail -n 1 | field renewal)
  echo "1 renewal $renewal: making a request"
  # Stored before it is used, and used again after a break: the same key gets the same certificate.
  [ -s "$key" ] || { openssl ecparam -name prime256v1 -genkey -noout -out "$work/key"; mv "$work/key" "$key"; sync; }
  openssl req -new -key "$key" -subj "/CN=$id" -out "$work/csr"
  digest=$(openssl req -in "$work/csr" -outform DER | openssl dgst -sha256 -r | cut -d' ' -f1)
  proof=$(printf 'nolapse csr %s %s' "$renewal" "$digest" | openssl dgst -sha256 -sign "$current" | openssl base64 -A)
  : > "$work/inbox"
  awk -v r="$renewal" -v p="$proof" 'BEGIN { printf "{\"renewal\":\"%s\",\"proof\":\"%s\",\"csr\":\"", r, p }
    { printf "%s\\n", $0 } END { printf "\"}" }' "$work/csr" | say "$current" csr
  # What was refused is not tried again with the same key.
  await 60 cert || { [ -z "$(heard error)" ] || [ -n "$(heard error | field retryAfter)" ] || rm -f "$key"; exit 1; }
  heard cert | field certificate | awk '{ gsub(/\\n/, "\n"); printf "%s", $0 }' > "$work/crt"
  if [ "$(openssl x509 -in "$work/crt" -noout -pubkey)" != "$(openssl pkey -in "$key" -pubout)" ]; then
    rm -f "$key"
    echo "the certificate is not over the key asked for" >&2
    exit 1
  fi
  cat "$key" "$work/crt" > "$work/pem"
  sync
  mv "$work/pem" "$dir/$name.next.$renewal.pem"
  rm -f "$key"
  hush
  echo "2 certificate until $(openssl x509 -in "$work/crt" -noout -enddate | cut -d= -f2): stored beside the old one"
}

find_next() {
  next=
  for file in "$dir/$name".next.*.pem; do [ ! -s "$file" ] || next=$file; done
}
find_next
[ -n "$next" ] || { ask; find_next; }
renewal=${next%.pem} renewal=${renewal##*.}
printf '{"renewal":"%s","status":"installed"}' "$renewal" | say "$current" ack || :
# That a connection is let in with it is the proof. Only 5, a CONNACK that says no, is a refusal: everything else leaves all as it is.
outcome=0
printf '{"maxPacket":16384}' | say "$next" hello || outcome=$?
if [ "$outcome" = 5 ]; then
  echo "the replacement is refused" >&2
  printf '{"renewal":"%s","status":"failed","code":"not_admitted"}' "$renewal" | say "$current" ack || exit 1
  if inquire "$current"; then
    rm -f "$next" # it is offered again, or another is
  elif [ "$(heard error | field code)" = nothing_due ] && [ "$(heard error | field renewal)" != "$renewal" ]; then
    rm -f "$next" # it will be offered again
  fi # else the broker has seen it in use, or did not answer: it is kept, and tried again
  exit 1
fi
[ "$outcome" = 0 ] || exit 1
# `done` may have been said before.
said=$(client mosquitto_sub "$next" -i "$id:renew" -t "$topic/done" -C 1 -W 10) || :
mv "$next" "$current"
sync
echo "3 in place of the old one${said:+, which is admitted until $(printf '%s' "$said" | field retires)}"
[ $# = 0 ] || "$@"
