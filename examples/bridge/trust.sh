#!/bin/sh
# Has a mosquitto bridge follow the roots of nolapse: keeps the next root, proves it on its port, and then leads the bridge there. Uses
# examples/shell/trust.sh, whose environment counts here too. To be run by the user mosquitto runs as; may be killed and run again.
# usage: trust.sh HOST PORT ID DIR [COMMAND ...]
#   DIR/ID.pem and DIR/ca.crt are as renew.sh has them; ca.crt gets all roots that are held, and mosquitto reads it whenever it connects.
#   DIR/nolapse.conf is the bridge's section: its line `address` gets the port that was proved.
#   COMMAND restarts mosquitto, which reads no address otherwise. It is run again at the next start until it has succeeded.
#   SHELL_DEVICE in the environment: the folder of examples/shell, else the one beside this script's.
# Ends as examples/shell/trust.sh does: 0 something was kept, 1 refused, 3 no root said anything, 75 no answer.
set -eu
umask 077
host=$1 port=$2 id=$3 dir=$4
shift 4
name=$(printf %s "$id" | sed 's/:/%3A/g; s/@/%40/g')
conf="$dir/nolapse.conf" moved="$dir/.$name.moved"
exec 9> "$dir/.$name.trust.lock"
flock -n 9 || { echo "another one listens for the roots of $id" >&2; exit 75; }
status=0
PAIR="$dir/$name.pem" sh "${SHELL_DEVICE:-$(dirname "$0")/../shell}/trust.sh" "$host" "$port" "$id" "$dir" || status=$?
[ -e "$dir/roots" ] || exit "$status"
proved=$(sed -n 's/^committed \([0-9]*\) .*/\1/p' "$dir/roots")
sed "s/^address .*/address $host:$proved/" "$conf" > "$conf.part"
if cmp -s "$conf.part" "$conf"; then
  rm "$conf.part"
else
  : > "$moved"
  sync
  mv "$conf.part" "$conf"
fi
if [ -e "$moved" ]; then
  [ $# = 0 ] || "$@"
  rm "$moved"
  echo "5 the bridge is led to port $proved"
fi
exit "$status"
