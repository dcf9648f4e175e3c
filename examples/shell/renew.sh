#!/bin/sh
# Renews a device's certificate over MQTT with mosquitto's clients and openssl alone.
# usage: renew.sh HOST PORT ID DIR     DIR holds ID.crt, ID.key and ca.crt; the replacement takes their place.
set -eu
umask 077
host=$1 port=$2 id=$3 dir=$4
topic="\$enroll/1/$id"
work=$(mktemp -d "$dir/renewal.XXXXXX")
trap 'kill "${listener:-}" 2>/dev/null || :; rm -rf "$work"' EXIT
trap 'exit 1' INT TERM

listen() { # CERT KEY: writes every message of the gateway to inbox, a line each: topic, space, payload
  mosquitto_sub -h "$host" -p "$port" --cafile "$dir/ca.crt" --cert "$1" --key "$2" -i "$id:listen" -q 1 \
    -t "$topic/offer" -t "$topic/cert" -t "$topic/done" -t "$topic/error" -F '%t %p' > "$work/inbox" & listener=$!
}
say() { # CERT KEY WORD: publishes standard input
  mosquitto_pub -h "$host" -p "$port" --cafile "$dir/ca.crt" --cert "$1" --key "$2" -i "$id:say" -q 1 -t "$topic/$3" -s
}
await() { # WORD: prints the payload of the first message under it; fails after 60 seconds or on an error message
  i=0
  until grep -q "^[^ ]*/$1 " "$work/inbox"; do
    if grep '^[^ ]*/error ' "$work/inbox" >&2 || [ $((i += 1)) -gt 60 ]; then echo "no $1" >&2; return 1; fi
    sleep 1
  done
  sed -n "s|^[^ ]*/$1 ||p" "$work/inbox" | head -n 1
}
field() { sed -n "s/.*\"$1\" *: *\"\\{0,1\\}\\([^\",}]*\\).*/\\1/p"; } # NAME: its value in the JSON on standard input

old="$dir/$id.crt" oldkey="$dir/$id.key"
echo "1 hello, waiting for an offer"
listen "$old" "$oldkey"
printf '{}' | say "$old" "$oldkey" hello
renewal=$(await offer | field renewal)
echo "2 offer $renewal: making a key and a request"
openssl ecparam -name prime256v1 -genkey -noout -out "$work/new.key"
openssl req -new -key "$work/new.key" -subj "/CN=$id" |
  awk -v r="$renewal" 'BEGIN { printf "{\"renewal\":\"%s\",\"csr\":\"", r } { printf "%s\\n", $0 } END { printf "\"}" }' |
  say "$old" "$oldkey" csr
await cert | field certificate | awk '{ gsub(/\\n/, "\n"); printf "%s", $0 }' > "$work/new.crt"
echo "3 certificate until $(openssl x509 -in "$work/new.crt" -noout -enddate | cut -d= -f2): storing it, acknowledging"
printf '{"renewal":"%s","status":"installed"}' "$renewal" | say "$old" "$oldkey" ack
kill "$listener"; wait "$listener" || :
echo "4 reconnecting with the new certificate"
listen "$work/new.crt" "$work/new.key"
retires=$(await done | field retires)
cp "$old" "$old.old"; cp "$oldkey" "$oldkey.old"
mv "$work/new.key" "$oldkey"; mv "$work/new.crt" "$old"
echo "5 done: the old certificate, kept as $id.crt.old, is admitted until $retires"
