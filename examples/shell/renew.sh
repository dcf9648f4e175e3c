#!/bin/sh
# Renews a device's certificate over MQTT with mosquitto's clients and openssl alone, in packets of at most 512 bytes.
# usage: renew.sh HOST PORT ID DIR [SECONDS]
# DIR holds ID.crt, ID.key and ca.crt, with %3A for : and %40 for @ in ID; the replacement takes their place. Run again after a cut, it goes on where it was.
set -eu
umask 077
host=$1 port=$2 id=$3 dir=$4 seconds=${5:-60}
topic="\$enroll/1/$id" name=$(printf %s "$id" | sed 's/:/%3A/g; s/@/%40/g')
work="$dir/renewal" # what outlasts a cut: <renewal>.key, <digest>.der, and new.crt with new.key once they are whole
mkdir -p "$work"
trap '{ kill "${listener:-}" && sleep 1 && kill -9 "$listener"; } 2>/dev/null || :' EXIT # one that is refused would try for ever
trap 'exit 1' INT TERM

listen() { # PAIR: writes every message of the gateway to inbox, a line each: topic, space, payload
  mosquitto_sub -h "$host" -p "$port" --cafile "$dir/ca.crt" --cert "$1.crt" --key "$1.key" -i "$id:listen" -q 1 \
    -t "$topic/offer" -t "$topic/part" -t "$topic/done" -t "$topic/error" -F '%t %p' > "$work/inbox" & listener=$!
}
say() { # PAIR WORD: publishes standard input
  mosquitto_pub -h "$host" -p "$port" --cafile "$dir/ca.crt" --cert "$1.crt" --key "$1.key" -i "$id:say" -q 1 -t "$topic/$2" -s
}
await() { # WORD [TEXT]: prints the first payload under it that has the text; fails on an error message, or when none comes in time
  for _ in $(seq $((seconds * 5))); do
    if grep '^[^ ]*/error ' "$work/inbox" >&2; then return 1; fi
    found=$(sed -n "/${2:-.}/s|^[^ ]*/$1 ||p" "$work/inbox" | head -n 1)
    if [ "$found" ]; then echo "$found"; return; fi
    sleep 0.2
  done
  echo "no $1 within $seconds seconds" >&2; return 1
}
field() { sed -n "s/.*\"$1\" *: *\"\\{0,1\\}\\([^\",}]*\\).*/\\1/p"; } # NAME: its value in the JSON on standard input
hello='{"maxPacket":512,"slots":2}' old="$dir/$name" new="$work/new"

if [ ! -e "$new.crt" ]; then
  echo "1 hello, waiting for an offer"
  listen "$old"
  printf %s "$hello" | say "$old" hello
  offer=$(await offer)
  renewal=$(echo "$offer" | field renewal) key="$work/$renewal.key"
  echo "2 offer $renewal: making a key and a request"
  [ -e "$key" ] || { openssl ecparam -name prime256v1 -genkey -noout -out "$key.part"; mv "$key.part" "$key"; }
  openssl req -new -key "$key" -subj "/CN=$id" |
    awk -v r="$renewal" 'BEGIN { printf "{\"renewal\":\"%s\",\"csr\":\"", r } { printf "%s\\n", $0 } END { printf "\"}" }' |
    say "$old" csr
  offer=$(await offer sha256)
  size=$(echo "$offer" | field size) sha256=$(echo "$offer" | field sha256)
  der="$work/$sha256.der" asked=0; touch "$der"
  while have=$(($(wc -c < "$der"))); [ "$have" -lt "$size" ]; do
    if [ "$have" -ge "$asked" ]; then # a stretch of 400 bytes, which comes in as many parts as our packets need
      printf '{"renewal":"%s","offset":%d,"length":400}' "$renewal" "$have" | say "$old" get
      asked=$((have + 400))
    fi
    part=$(await part "\"offset\":$have,")
    echo "$part" | field bytes | base64 -d >> "$der"
  done
  [ "$(openssl dgst -sha256 -r "$der" | cut -d ' ' -f 1)" = "$sha256" ] || { rm "$der"; echo "the digest is wrong" >&2; exit 1; }
  for ending in crt key; do cp "$old.$ending" "$old.$ending.old"; done
  cp "$key" "$new.key"; echo "$renewal" > "$work/id"
  openssl x509 -inform DER -in "$der" -out "$new.part"; mv "$new.part" "$new.crt"
  echo "3 $size bytes, good until $(openssl x509 -in "$new.crt" -noout -enddate | cut -d= -f2): stored, acknowledging"
  printf '{"renewal":"%s","status":"installed"}' "$renewal" | say "$old" ack
  kill "$listener"; wait "$listener" || :
fi
echo "4 reconnecting with the new certificate"
listen "$new"
printf %s "$hello" | say "$new" hello || {
  [ $? = 5 ] || exit 1 # the link was lost: that says nothing against the certificate
  printf '{"renewal":"%s","status":"failed","code":"refused"}' "$(cat "$work/id")" | say "$old" ack
  rm -r "$work"; echo "the new certificate is refused: the old one stays" >&2; exit 1
}
for ending in key crt; do cp "$new.$ending" "$old.$ending"; done
retires=$(await done) || :
rm -r "$work"
echo "5 done: the old certificate, kept as $name.crt.old, is admitted until $(echo "$retires" | field retires)"
