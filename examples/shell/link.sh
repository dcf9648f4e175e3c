# What the scripts beside it share: which files there are, how something is said and heard, and which port and root are used. They set
# host, port, id, dir, seconds, work, words (the topics to listen to) and me (a suffix of client ids), and read this file.
umask 077
here=$(dirname "$0")
topic="\$enroll/1/$id" name=$(printf %s "$id" | sed 's/:/%3A/g; s/@/%40/g')
pair=${PAIR:-$dir/$name.key} hello='{"maxPacket":512,"slots":2}' listener=
trial=0 trial_code=
mkdir -p "$work"

hush() { [ -z "$listener" ] || { kill "$listener" 2>/dev/null || :; wait "$listener" || :; }; listener=; }
trap hush EXIT
trap 'exit 75' INT TERM
end() { code=$1; shift; echo "$*" >&2; exit "$code"; } # CODE TEXT
put() { cat > "$1.part"; sync "$1.part" 2>/dev/null || sync; mv "$1.part" "$1"; } # FILE: standard input becomes it, as a whole
jitter() { echo $(($1 / 2 + $(od -An -N2 -tu2 /dev/urandom) * ($1 - $1 / 2) / 65535)); } # SECONDS: between half of them and all
field() { sed -n "s/.*\"$1\" *: *\"\\{0,1\\}\\([^\",}]*\\).*/\\1/p"; } # NAME: its value in the JSON on standard input

# Before the first step of a root there is no record: ca.crt and the given port are all there is.
decide() { awk -f "$here/roots.awk" "$@" "$dir/roots"; } # -v NAME=VALUE...
root_file() { echo "$dir/root-$1.crt"; } # SHA256
places() { # a line for each port and root to try: PORT SHA256, or PORT and a dash for ca.crt
  if [ -e "$dir/roots" ]; then decide -v action=places -v trial="$trial" -v given="$port"; else echo "$port -"; fi
}
at() { at_port=$1 at_root=$2 at_file=$dir/ca.crt; [ "$2" = - ] || at_file=$(root_file "$2"); } # PORT SHA256: what is said from now on is said there
tidy() { # ca.crt holds the roots of the record, for programs that take several; no other root stays
  [ -e "$dir/roots" ] || return 0
  held=$(sed -n 's/^root \([0-9a-f]*\) .*/\1/p' "$dir/roots")
  for digest in $held; do cat "$(root_file "$digest")" || :; done > "$work/held.crt"
  cmp -s "$work/held.crt" "$dir/ca.crt" || put "$dir/ca.crt" < "$work/held.crt"
  rm -f "$work/held.crt"
  for file in "$dir"/root-*.crt; do
    digest=${file##*/root-} digest=${digest%.crt}
    case " $(echo $held) " in *" $digest "*) ;; *) rm -f "$file" ;; esac
  done
}
commit() { # CONNACK 0 where it is said now, and nothing less: port and root are committed together
  [ "$at_root" != - ] || return 0
  decide -v action=connack -v at="$at_port" -v under="$at_root" > "$work/roots"
  cmp -s "$work/roots" "$dir/roots" || { put "$dir/roots" < "$work/roots"; tidy; }
  rm -f "$work/roots"
}

listen() { # PAIR: writes every message of the broker to inbox, a line each: topic, space, payload
  hush
  : > "$work/inbox"
  set -- "$1" $(for word in $words; do echo "-t $topic/$word"; done)
  pem=$1; shift
  mosquitto_sub -h "$host" -p "$at_port" --cafile "$at_file" --cert "$pem" --key "$pem" -i "$id:$me-listen" -q 1 -W $((seconds * 10 + ${linger:-0})) \
    "$@" -F '%t %p' >> "$work/inbox" & listener=$!
}
say() { # PAIR WORD: publishes standard input. 5 when CONNACK refuses the certificate; every other failure says nothing about it
  timeout "$((seconds * 2))" mosquitto_pub -h "$host" -p "$at_port" --cafile "$at_file" --cert "$1" --key "$1" -i "$id:$me-say" -q 1 -t "$topic/$2" -s
}
tell() { say "$@" || { [ $? != 5 ] || end 1 "the certificate in use is refused"; end 75 "the link was lost: again, later"; }; } # PAIR WORD
greet() { # PAIR: says hello at the first place that answers, and commits that. 5 when the certificate is refused, 1 when none answers
  places > "$work/places"
  while read -r next_port next_root; do
    at "$next_port" "$next_root"
    status=0
    printf %s "$hello" | say "$1" hello 2> "$work/fault" || status=$?
    cat "$work/fault" >&2
    if [ "$status" = 0 ]; then
      [ "$at_port" != "$trial" ] || trial_code=
      commit
      return
    fi
    if [ "$at_port" = "$trial" ]; then
      trial_code=port_unreachable
      ! grep -q 'TLS error' "$work/fault" || trial_code=port_untrusted
    elif [ "$status" = 5 ]; then
      return 5
    fi
  done < "$work/places"
  return 1
}
ask() { # PAIR, kept in asked: says hello and listens. 5 when it is refused; ends the run when there is no answer in three tries
  asked=$1
  for pause in 2 4 8; do
    status=0
    greet "$1" || status=$?
    case $status in 0) listen "$1" && return ;; 5) return 5 ;; esac
    sleep "$(jitter "$pause")"
  done
  end 75 "no answer, which says nothing about the certificate: again, later"
}

[ "$pair" != "$dir/$name.key" ] || [ -L "$dir/$name.crt" ] || {
  { cat "$dir/$name.crt"; openssl pkey -in "$pair"; } | put "$work/pair"
  mv "$work/pair" "$pair"
  ln -sf "$name.key" "$work/crt" && mv "$work/crt" "$dir/$name.crt"
}
tidy
