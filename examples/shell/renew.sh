#!/bin/sh
# Renews a device's certificate over MQTT with mosquitto's clients and openssl alone, in packets of at most 512 bytes.
# usage: renew.sh HOST PORT ID DIR [SECONDS]
# DIR holds ID.crt, ID.key and ca.crt, with %3A for : and %40 for @ in ID. ID.key becomes one file with certificate and key, and ID.crt a link to it, so that one rename
# replaces both. Run again after a cut, it goes on where it was. SECONDS (60) is how long it waits for an answer.
# Ends with 0 renewed, 1 refused (both credentials are kept), 3 nothing is due, 75 no answer or not yet: again, later.
set -eu
host=$1 port=$2 id=$3 dir=$4 seconds=${5:-60}
# What outlasts a cut: <renewal>.key with <renewal>.csr, <digest>.der, and new.pem once the replacement is whole.
work="$dir/renewal" new="$dir/renewal/new.pem" words='offer part done error' me=renew
. "$(dirname "$0")/link.sh"

await() { # WORD [TEXT]: prints the first payload under it that has the text. 2 when an error came instead, 1 when nothing did in time
  for turn in $(seq $((seconds * 5))); do
    # Another session of the device may have heard the answer.
    [ "$turn" != 15 ] || [ -s "$work/inbox" ] || printf %s "$hello" | say "$asked" hello || :
    found=$(sed -n "/${2:-.}/s|^[^ ]*/$1 ||p" "$work/inbox" | head -n 1)
    if [ "$found" ]; then echo "$found"; return; fi
    if grep -q '^[^ ]*/error ' "$work/inbox"; then return 2; fi
    sleep 0.2
  done
  return 1
}
soon() { # STATUS of await: when something falls due within SECONDS, waits for that and asks again; else it is false
  [ "$1" = 2 ] || return 1
  error=$(sed -n 's|^[^ ]*/error ||p' "$work/inbox" | tail -n 1)
  after=$(echo "$error" | field retryAfter) handed=$(echo "$error" | field renewal)
  [ "$(echo "$error" | field code)" = nothing_due ] && [ -z "$handed" ] && [ "${after:-$seconds}" -lt "$seconds" ] || return 1
  sleep "$after"
  sleep "$(jitter 2)"
  ask "$pair"
}
without() { # STATUS of await: ends the run with what the broker said instead
  [ "$1" = 2 ] || end 75 "no answer within $seconds seconds: again, later"
  error=$(sed -n 's|^[^ ]*/error ||p' "$work/inbox" | tail -n 1)
  code=$(echo "$error" | field code) after=$(echo "$error" | field retryAfter) handed=$(echo "$error" | field renewal)
  case $code in
    nothing_due)
      [ -z "$handed" ] || [ -e "$new" ] || printf '{"renewal":"%s","status":"failed","code":"lost"}' "$handed" | tell "$pair" ack
      [ -z "$handed" ] || end 75 "the broker has handed over a replacement: again, soon"
      end 3 "nothing is due; ask again in ${after:-86400} seconds" ;;
    *_csr | csr_* | key_* | *_refused | bad_signature | renewal_closed | unknown_renewal) rm -f "$work"/*.key "$work"/*.csr "$work"/*.der ;;
  esac
  [ "$after" ] || end 1 "$error"
  echo $(($(date +%s) + after + $(jitter 10))) | put "$work/not-before"
  end 75 "$error"
}
fetch() { # DIGEST SIZE RENEWAL: the replacement, into <digest>.der
  der="$work/$1.der" asked=0
  touch "$der"
  while have=$(($(wc -c < "$der"))); [ "$have" -lt "$2" ]; do
    if [ "$have" -ge "$asked" ]; then # a stretch of 400 bytes, which comes in as many parts as our packets need
      printf '{"renewal":"%s","offset":%d,"length":400}' "$3" "$have" | tell "$pair" get
      asked=$((have + 400))
    fi
    part=$(await part "\"offset\":$have,") || without $?
    { cat "$der"; echo "$part" | field bytes | base64 -d; } | put "$der"
  done
  [ "$(openssl dgst -sha256 -r "$der" | cut -d ' ' -f 1)" = "$1" ] || { rm "$der"; end 75 "the digest is wrong: from the start, later"; }
}
obtain() { # with an offer in the inbox, or one to come: ends with the replacement in new.pem
  offer=$(await offer) || { status=$?; soon "$status" || without "$status"; offer=$(await offer) || without $?; }
  renewal=$(echo "$offer" | field renewal) key="$work/$renewal.key" csr="$work/$renewal.csr"
  echo "2 offer $renewal: making a key and a request"
  # Stored before it is sent, byte by byte, and sent again after a cut: ECDSA would sign other bytes each time.
  [ -e "$key" ] || { rm -f "$csr"; openssl ecparam -name prime256v1 -genkey -noout | put "$key"; }
  [ -e "$csr" ] || openssl req -new -key "$key" -subj "/CN=$id" | put "$csr"
  awk -v r="$renewal" 'BEGIN { printf "{\"renewal\":\"%s\",\"csr\":\"", r } { printf "%s\\n", $0 } END { printf "\"}" }' "$csr" |
    tell "$pair" csr
  offer=$(await offer sha256) || without $?
  fetch "$(echo "$offer" | field sha256)" "$(echo "$offer" | field size)" "$renewal"
  echo "$renewal" | put "$work/id"
  { openssl x509 -inform DER -in "$der"; cat "$key"; } | put "$new"
  echo "3 $(wc -c < "$der") bytes, good until $(openssl x509 -in "$new" -noout -enddate | cut -d= -f2): stored, acknowledging"
  printf '{"renewal":"%s","status":"installed"}' "$renewal" | tell "$pair" ack
}
give_way() { # the replacement is refused: the old credential asks what comes now
  echo "the replacement is refused: asking with the old certificate" >&2
  [ -e "$work/forward" ] || printf '{"renewal":"%s","status":"failed","code":"refused"}' "$(cat "$work/id")" | say "$pair" ack ||
    { [ $? = 5 ] && end 1 "both are refused, both are kept"; exit 75; }
  ask "$pair" || end 1 "both are refused, both are kept"
  status=0
  await offer > "$work/next" || status=$?
  case $status in 0) ;; 1) without 1 ;; *)
    errors=$(sed -n 's|^[^ ]*/error ||p' "$work/inbox")
    case $errors in
      *"\"renewal\":\"$(cat "$work/id")\""*)
        touch "$work/forward"
        end 1 "the broker has seen the replacement in use: it is kept and tried again, later" ;;
      *nothing_due*) ;;
      *) end 75 "$errors" ;;
    esac ;;
  esac
  rm -f "$new" "$work"/*.key "$work"/*.csr "$work"/*.der "$work/forward" # the failure was taken: another key has another chance
  [ "$status" = 0 ] || end 1 "it will be offered again"
}

[ ! -e "$work/not-before" ] || [ "$(cat "$work/not-before")" -le "$(date +%s)" ] || end 75 "asked to wait until $(cat "$work/not-before")"
if [ ! -e "$new" ]; then
  echo "1 hello, waiting for an offer"
  ask "$pair" || end 1 "the certificate in use is refused"
  obtain
fi
echo "4 reconnecting with the new certificate"
ask "$new" || { give_way; obtain; ask "$new" || end 1 "the replacement is refused: both are kept"; }
# It was let in: that is the proof. From here on the old one is the one in reserve.
cmp -s "$new" "$pair" || { put "$pair.old" < "$pair"; ln -sf "$name.key.old" "$dir/$name.crt.old"; put "$pair" < "$new"; }
retires=$(await done) || [ $? = 2 ] || end 75 "no answer within $seconds seconds: again, later"
rm -r "$work"
echo "5 done: the old certificate, kept as $name.crt.old, is admitted until $(echo "$retires" | field retires)"
