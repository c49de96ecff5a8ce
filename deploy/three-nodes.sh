#!/usr/bin/env bash
# Three nodes on this machine, to look at and to try what happens when one dies: each
# is an ssed and a NATS server, and HAProxy stands before them (three-nodes.cfg). On
# three machines it is the same with other addresses.
#
#     deploy/three-nodes.sh [FOLDER]
#
# It runs until Ctrl-C, and leaves nothing behind then, unless it is given a FOLDER:
# there it keeps the messages for the next time, and the logs.
#
# It takes haproxy, and ssed and nats-server: those of $SSED_BINARY and $NATS_SERVER, or
# in the PATH. Where they are missing, go builds them.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
PATH=$PATH:/usr/sbin # where Debian keeps haproxy

# Each node has a loopback address of its own, so all have the same ports.
export THREE_NODES_NET=${THREE_NODES_NET:-127.0.40}
net=$THREE_NODES_NET
nodes=(1 2 3)
patience=60 # seconds

work=${1:-}
if [ -z "$work" ]; then
  work=$(mktemp -d)
  temporary=$work
fi
mkdir -p "$work"

names=() pids=()

# stop ends all that runs, those first who depend on the others.
stop() {
  trap '' INT TERM HUP
  local i
  for ((i = ${#pids[@]} - 1; i >= 0; i--)); do
    kill -TERM "${pids[i]}" 2>/dev/null || continue
    for ((n = 0; n < 100; n++)); do
      kill -0 "${pids[i]}" 2>/dev/null || break
      sleep 0.1
    done
    kill -KILL "${pids[i]}" 2>/dev/null || true
  done
  wait 2>/dev/null || true
  if [ -n "${temporary:-}" ]; then rm -rf "$temporary"; fi
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

fail() {
  echo "three-nodes: $*" >&2
  exit 1
}

# start runs a program in the background: in a session of its own, so that a Ctrl-C
# reaches this script alone, and no longer than this script, even if that is killed.
start() {
  local name=$1
  shift
  setsid setpriv --pdeathsig TERM "$@" >>"$work/$name.log" 2>&1 &
  names+=("$name")
  pids+=($!)
}

# await waits until a command succeeds, and gives up when something has died.
await() {
  local what=$1 i
  shift
  for ((n = 0; n < patience * 10; n++)); do
    if "$@" 2>/dev/null; then return; fi
    for i in "${!pids[@]}"; do
      kill -0 "${pids[i]}" 2>/dev/null || fail "${names[i]} has ended: $(tail -n 5 "$work/${names[i]}.log")"
    done
    sleep 0.1
  done
  fail "waited $patience s in vain for $what; the logs are in $work"
}

answers() { (: <"/dev/tcp/$1/$2"); }
reached() { grep -q 'store available' "$work/ssed-$1.log"; }

command -v haproxy >/dev/null || fail "haproxy is missing: install it"
nats=${NATS_SERVER:-$(command -v nats-server || true)}
if [ -z "$nats" ]; then
  echo "three-nodes: building nats-server"
  GOBIN=$work go install github.com/nats-io/nats-server/v2@v2.15.2
  nats=$work/nats-server
fi
ssed=${SSED_BINARY:-$(command -v ssed || true)}
if [ -z "$ssed" ]; then
  echo "three-nodes: building ssed"
  (cd "$here/.." && go build -o "$work/ssed" ./cmd/ssed)
  ssed=$work/ssed
fi
unset SSED_BINARY # ssed reads SSED_ variables

routes=() urls=()
for i in "${nodes[@]}"; do
  routes+=("nats://$net.$i:6251")
  urls+=(--nats "nats://$net.$i:4251")
done
for i in "${nodes[@]}"; do
  start "nats-$i" "$nats" --name "nats-$i" --addr "$net.$i" --port 4251 --jetstream --store_dir "$work/nats-$i" \
    --cluster_name ssed --cluster "nats://$net.$i:6251" --routes "$(IFS=,; echo "${routes[*]}")"
done
for i in "${nodes[@]}"; do await "nats-$i" answers "$net.$i" 4251; done
# Three replicas: any one server may die. The daemons make the stream themselves.
for i in "${nodes[@]}"; do
  start "ssed-$i" "$ssed" serve --listen "$net.$i:8051" --publish "tcp://$net.$i:8052" --trusted-proxy 127.0.0.1/32 \
    "${urls[@]}" --nats-stream-replicas 3
done
for i in "${nodes[@]}"; do await "ssed-$i at its store" reached "$i"; done
start haproxy haproxy -db -f "$here/three-nodes.cfg"
await haproxy answers "$net.10" 8051

cat <<END
Three nodes are up. Any of them is all of them:

    curl -N http://$net.10:8051/subscribe/pets
    printf 'PUB /pets/dogs new-dog Corgi\n' | nc -q1 $net.10 8052

    http://$net.1:8051/admin/   http://$net.2:8051/admin/   http://$net.3:8051/admin/

Kill one, and go on:

END
for i in "${!pids[@]}"; do printf '    kill -9 %-8s # %s\n' "${pids[i]}" "${names[i]}"; done
printf '\nThe logs are in %s. Ctrl-C ends all.\n' "$work"
wait || true
