#!/bin/sh
# Takes what the broker's roots say over MQTT, with mosquitto's clients and openssl: keeps the next root, proves it on its port, and gives
# up those that are older. The TLS client is given one root at a time. To be run after renew.sh, with the same arguments.
# usage: trust.sh HOST PORT ID DIR [SECONDS]
# DIR holds what renew.sh has there. DIR/roots is the record of roots, ports and sequences once a root has named another, with its roots in
# DIR/root-<SHA-256>.crt; DIR/ca.crt then holds all of them. PAIR in the environment names another file than DIR/ID.key with certificate and key.
# LINGER there is how many seconds it listens for a root (5).
# Ends with 0 what was said is kept, 1 a step or the certificate is refused, or a port cannot be used, 3 no root said anything, 75 no answer.
set -eu
host=$1 port=$2 id=$3 dir=$4 seconds=${5:-60}
work="$dir/trust" words='trust part error' me=trust most=2 linger=${LINGER:-5}
. "$(dirname "$0")/link.sh"

hear() { # SECONDS WORD TEXT: prints the first payload under the word that has the text. 1 when none came in time, 2 when an error names it
  turns=$(($1 * 5)) pause=0.2
  [ "$1" -le 60 ] || { turns=$(($1 / 2)) pause=2; }
  for turn in $(seq "$turns"); do
    found=$(sed -n "/$3/s|^[^ ]*/$2 ||p" "$work/inbox" | head -n 1)
    if [ "$found" ]; then echo "$found"; return; fi
    if [ "$2" = part ] && grep -q "^[^ ]*/error .*\"$renewal\"" "$work/inbox"; then return 2; fi
    kill -0 "$listener" 2>/dev/null || return 1
    sleep "$pause"
  done
  return 1
}
digest() { openssl dgst -sha256 -r | cut -d ' ' -f 1; }
digest_of() { openssl x509 -in "$1" -outform DER 2>/dev/null | digest; } # FILE: of the first certificate in it
hex() { od -An -v -tx1 -j "$1" -N "$2" "$work/step" | tr -d ' \n'; } # OFFSET LENGTH

fetch() { # SIZE: the step of renewal, into step
  : > "$work/step"
  asked_to=0
  while have=$(($(wc -c < "$work/step"))); [ "$have" -lt "$1" ]; do
    if [ "$have" -ge "$asked_to" ]; then
      printf '{"renewal":"%s","offset":%d,"length":400}' "$renewal" "$have" | tell "$pair" get
      asked_to=$((have + 400))
    fi
    part=$(hear "$seconds" part "\"$renewal\".*\"offset\":$have,") || end 75 "the step does not come: again, later"
    echo "$part" | field bytes | base64 -d >> "$work/step"
  done
}
is_root() { # FILE: is it a self-signed CA below which another CA may follow?
  says=$(openssl x509 -in "$1" -noout -ext basicConstraints,keyUsage 2>/dev/null) || return 1
  case $says in *CA:TRUE*pathlen:0 | *CA:TRUE*pathlen:0[!0-9]*) return 1 ;; *CA:TRUE*) ;; *) return 1 ;; esac
  case $says in *'Key Usage'*) case $says in *'Certificate Sign'*) ;; *) return 1 ;; esac ;; esac
  openssl verify -no_check_time -check_ss_sig -no-CApath -CAfile "$1" "$1" > /dev/null 2>&1
}
read_step() { # sets kind, sequence, signer and named, and writes the root of a successor to next.crt; false when the bytes are no step
  length=$(($(wc -c < "$work/step")))
  [ "$length" -gt 76 ] && [ "$length" -le 5196 ] || return 1
  case "$(hex 0 2)" in 0101) kind=successor ;; 0102) kind=drop ;; 0103) kind=withdraw ;; *) return 1 ;; esac
  case "$(hex 2 8)" in 000[0-3]*) sequence=$((0x$(hex 2 8))) ;; *) return 1 ;; esac
  [ "$sequence" -ge 1 ] && [ "$sequence" -le 999999999999999 ] || return 1
  [ "t$sequence" = "$renewal" ] || return 1 # what was announced and what was fetched are the same
  signer=$(hex 10 32) named=$(hex 42 32) size=$((0x$(hex 74 2)))
  [ $((76 + size)) -lt "$length" ] || return 1
  tail -c "+$((77 + size))" "$work/step" > "$work/signature"
  printf 'nolapse trust 1\n%s\n%s\n%s\n%s\n' "$kind" "$sequence" "$signer" "$named" > "$work/text"
  [ "$kind" = successor ] || { [ "$named" = "$signer" ] && [ "$size" = 0 ]; return; }
  [ "$named" != "$signer" ] && [ "$size" -gt 0 ] || return 1
  tail -c +77 "$work/step" | head -c "$size" > "$work/next.der"
  [ "$(digest < "$work/next.der")" = "$named" ] || return 1
  openssl x509 -inform DER -in "$work/next.der" -out "$work/next.crt" 2>/dev/null || return 1
  [ "$(digest_of "$work/next.crt")" = "$named" ] && is_root "$work/next.crt"
}
verifies() { # the signature, by the key of the root that the step names as its signer
  [ -s "$(root_file "$signer")" ] || return 1
  openssl x509 -in "$(root_file "$signer")" -noout -pubkey > "$work/key"
  if openssl pkey -pubin -in "$work/key" -noout -text | grep -q ED25519; then
    openssl pkeyutl -verify -rawin -pubin -inkey "$work/key" -sigfile "$work/signature" -in "$work/text" > /dev/null 2>&1
  else
    openssl dgst -sha256 -verify "$work/key" -signature "$work/signature" "$work/text" > /dev/null 2>&1
  fi
}
adopt() { # begins the record with the roots of ca.crt
  [ ! -e "$dir/roots" ] || return 0
  count=$(awk -v to="$work/made" '/BEGIN CERTIFICATE/ { n++ } n { print > (to n) } END { print n + 0 }' "$dir/ca.crt")
  first=
  for number in $(seq "$count"); do
    made=$(digest_of "$work/made$number")
    put "$(root_file "$made")" < "$work/made$number"
    echo "root $made 0 0 stays"
    first=${first:-$made}
  done > "$work/made"
  { printf 'committed %s %s\nannounced 0\nlast 0\nport %s\n' "$port" "$first" "$port"; cat "$work/made"; } | put "$dir/roots"
  at "$port" "$first"
}
take() { # keeps what the step says: prints nothing, or the code of the refusal
  read_step || { echo malformed_step; return; }
  verified=0
  ! verifies || verified=1
  decide -v action=take -v kind="$kind" -v sequence="$sequence" -v signer="$signer" -v named="$named" \
    -v verifies="$verified" -v at="$announced_port" -v most="$most" > "$work/roots"
  read -r answer code < "$work/roots"
  case $answer in
    refused) echo "$code" ;;
    known) ;;
    *)
      # The root first: the record names nothing that is not there whole.
      [ "$kind" != successor ] || put "$(root_file "$named")" < "$work/next.crt"
      put "$dir/roots" < "$work/roots"
      tidy ;;
  esac
}
acknowledge() { # CODE: that the step of renewal failed so; empty: that it is kept
  if [ "$1" ]; then
    printf '{"renewal":"%s","status":"failed","code":"%s"}' "$renewal" "$1" | tell "$pair" ack
  else
    printf '{"renewal":"%s","status":"stored"}' "$renewal" | tell "$pair" ack
  fi
}
try() { # connects to the announced port under the newest root alone, and on failure where it worked last, and says why
  echo "3 trying port $announced_port"
  hush
  trial=$announced_port
  ask "$pair" || end 1 "the certificate in use is refused"
  trial=0
  [ -z "$trial_code" ] || { acknowledge "$trial_code"; end 1 "back on port $at_port: $trial_code"; }
  echo "4 proved: port $at_port"
}

ask "$pair" || end 1 "the certificate in use is refused"
outcome=3
while announcement=$(hear "$linger" trust .); do
  : > "$work/inbox"
  renewal=$(echo "$announcement" | field renewal) announced_port=$(echo "$announcement" | field port)
  size=$(echo "$announcement" | field size)
  case $renewal in t[1-9]*) ;; *) end 1 "not an announcement: $announcement" ;; esac
  case $announced_port$size in *[!0-9]* | '') end 1 "not an announcement: $announcement" ;; esac
  echo "1 $renewal: $size bytes, port $announced_port"
  adopt
  known=$(decide -v action=taken -v sequence="${renewal#t}")
  if [ -z "$known" ]; then
    [ "$size" -le 5196 ] || { acknowledge malformed_step; end 1 "$renewal: malformed_step"; }
    fetch "$size"
    code=$(take)
    acknowledge "$code"
    [ -z "$code" ] || end 1 "$renewal: $code"
    known=taken
    [ "$(hex 0 2)" != 0101 ] || known="taken $(hex 42 32)"
  else
    acknowledge ''
  fi
  echo "2 $renewal: kept"
  outcome=0
  brought=${known#taken} brought=${brought# }
  [ -z "$brought" ] || grep -qx "committed $announced_port $brought" "$dir/roots" || try
done
rm -rf "$work"
[ "$outcome" = 0 ] || end 3 "no root has said anything"
