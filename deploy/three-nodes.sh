#!/usr/bin/env bash
# Starts three nodes on this machine, to explore them and to see what happens when a node
# dies. Each node is an ssed and a NATS server, with HAProxy in front of all
# (three-nodes.cfg). The setup on three machines is the same, with other addresses.
#
#     deploy/three-nodes.sh [FOLDER]
#
# It runs until Ctrl-C and then removes all its files. With a FOLDER, it keeps the
# messages for the next start and the logs there.
#
# It needs haproxy, ssed and nats-server. It uses $SSED_BINARY and $NATS_SERVER if they
# are set, or else the programs in PATH. If ssed or nats-server is missing, go builds it.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
PATH=$PATH:/usr/sbin # Debian installs haproxy there

# Each node has its own loopback address, so all nodes use the same ports.
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

# stop stops all programs, in the reverse order of their start.
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

# start runs a program in the background, in its own session, so that Ctrl-C reaches only
# this script. The program exits with this script, even if the script is killed.
start() {
  local name=$1
  shift
  setsid setpriv --pdeathsig TERM "$@" >>"$work/$name.log" 2>&1 &
  names+=("$name")
  pids+=($!)
}

# await waits until a command succeeds. It fails if a program has exited.
await() {
  local what=$1 i
  shift
  for ((n = 0; n < patience * 10; n++)); do
    if "$@" 2>/dev/null; then return; fi
    for i in "${!pids[@]}"; do
      kill -0 "${pids[i]}" 2>/dev/null || fail "${names[i]} has exited: $(tail -n 5 "$work/${names[i]}.log")"
    done
    sleep 0.1
  done
  fail "timed out after $patience s waiting for $what; the logs are in $work"
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
# Three replicas, so that any server may die. The daemons create the stream.
for i in "${nodes[@]}"; do
  start "ssed-$i" "$ssed" serve --listen "$net.$i:8051" --publish "tcp://$net.$i:8052" --trusted-proxy 127.0.0.1/32 \
    "${urls[@]}" --nats-stream-replicas 3
done
for i in "${nodes[@]}"; do await "ssed-$i at its store" reached "$i"; done
start haproxy haproxy -db -f "$here/three-nodes.cfg"
await haproxy answers "$net.10" 8051

cat <<END
Three nodes are up. Each of them serves all clients and messages:

    curl -N http://$net.10:8051/subscribe/pets
    printf 'PUB /pets/dogs new-dog Corgi\n' | nc -q1 $net.10 8052

    http://$net.1:8051/admin/   http://$net.2:8051/admin/   http://$net.3:8051/admin/

Kill one and continue:

END
for i in "${!pids[@]}"; do printf '    kill -9 %-8s # %s\n' "${pids[i]}" "${names[i]}"; done
printf '\nThe logs are in %s. Ctrl-C stops everything.\n' "$work"
wait || true
