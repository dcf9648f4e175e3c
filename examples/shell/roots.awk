# Decides on the record of roots and ports that is its input: which step is taken, what is tried, what a CONNACK settles. Prints the record
# as it is afterwards, or the answer. The record has these lines, roots from the oldest to the newest, digests in hex:
#   committed PORT SHA256             the last connection that ended in CONNACK 0
#   announced PORT                    the port of the last successor until that was proved; 0: none
#   last SEQUENCE                     of the last step that was taken; 0: none
#   port PORT                         one that ended in CONNACK 0 once, the last first
#   root SHA256 HEARD BY STANDING     the sequence of its own last step, of the step that brought it (0: none), and stays or leaves
$1 == "committed" { port = $2; root = $3 }
$1 == "announced" { announced = $2 }
$1 == "last" { last = $2 }
$1 == "port" { ports[++p] = $2 }
$1 == "root" { n++; sha[n] = $2; heard[n] = $3; by[n] = $4; standing[n] = $5 }

function find(digest,   i) {
  for (i = n; i > 0 && sha[i] != digest; i--);
  return i
}

function newest(   i) {
  for (i = n; i > 0 && standing[i] != "stays"; i--);
  return i
}

function staying(   i, count) {
  for (i = 1; i <= n; i++) count += standing[i] == "stays"
  return count
}

function drop(at,   i) {
  for (i = at; i < n; i++) { sha[i] = sha[i + 1]; heard[i] = heard[i + 1]; by[i] = by[i + 1]; standing[i] = standing[i + 1] }
  n--
}

# Roots that were given up go, if the last connection was under one that stays.
function settle(   i) {
  i = find(root)
  if (!i || standing[i] != "stays") return
  for (i = n; i > 0; i--) if (standing[i] != "stays") drop(i)
}

function write(   i) {
  print "committed", port, root
  print "announced", announced
  print "last", last
  for (i = 1; i <= p && i <= 4; i++) print "port", ports[i]
  for (i = 1; i <= n; i++) print "root", sha[i], heard[i], by[i], standing[i]
}

# The code for which a step is not taken; empty where it is.
function objection(s, m) {
  if (!s) return "unknown_signer"
  if (!verifies) return "bad_signature"
  if (s != newest()) return "older_root"
  if (sequence + 0 <= heard[s] + 0) return "old_sequence"
  if (kind == "successor" && m) return "already_held"
  if (kind == "withdraw" && staying() < 2) return "last_root"
  # The oldest makes room, but neither the signer nor the root of the last connection.
  if (kind == "successor" && n >= most) {
    for (m = 1; m <= n && (m == s || sha[m] == root); m++);
    if (m > n) return "no_slot"
    drop(m)
  }
  return ""
}

# -v action=take -v kind= -v sequence= -v signer= -v named= -v verifies=1|0 -v at=PORT -v most=ROOTS
function take(   s, m, i, code) {
  s = find(signer); m = find(named)
  if (kind == "successor" && m > s && standing[m] == "stays") { print "known"; return }
  code = objection(s, m)
  if (code == "old_sequence" && sequence + 0 == last + 0) { print "known"; return }
  if (code != "") { print "refused", code; return }
  s = find(signer)
  heard[s] = last = sequence
  for (i = 1; i <= n; i++) if (kind != "successor" && (i == s) == (kind == "withdraw")) standing[i] = "leaves"
  if (kind == "successor") { n++; sha[n] = named; heard[n] = 0; by[n] = sequence; standing[n] = "stays"; announced = at }
  settle()
  write()
}

# -v action=connack -v at=PORT -v under=SHA256
function connack(   i, others) {
  if (!find(under)) { write(); return }
  port = at; root = under
  if (announced == at) announced = 0
  for (i = 1; i <= p; i++) if (ports[i] != at) kept[++others] = ports[i]
  ports[1] = at
  for (i = 1; i <= others; i++) ports[i + 1] = kept[i]
  p = others + 1
  settle()
  write()
}

# -v action=places -v trial=PORT|0 -v given=PORT: a line for each port and root, in the order in which they are tried.
function places(   i, j, round) {
  all[++count] = trial; all[++count] = port
  for (i = 1; i <= p; i++) all[++count] = ports[i]
  all[++count] = announced; all[++count] = given
  for (round = 1; round <= 2; round++) {
    split("", seen)
    seen[0] = 1
    for (j = 1; j <= count; j++) {
      if (all[j] in seen) continue
      seen[all[j]] = 1
      # What worked last is tried first, but on a trial: that is for the newest.
      i = all[j] == port && port != trial ? find(root) : 0
      if (i && (standing[i] == "stays") == (round == 1)) print all[j], sha[i]
      for (i = n; i > 0; i--) {
        if (all[j] == port && port != trial && sha[i] == root) continue
        if ((standing[i] == "stays") == (round == 1)) print all[j], sha[i]
      }
    }
  }
}

# -v action=taken -v sequence=: "taken" and the root that it brought, if any; nothing where it was not taken.
function taken(   i) {
  for (i = n; i > 0; i--) if (by[i] != 0 && by[i] == sequence) { print "taken", sha[i]; return }
  if (last != 0 && last == sequence) print "taken"
}

END {
  if (action == "take") take()
  if (action == "connack") connack()
  if (action == "places") places()
  if (action == "taken") taken()
}
