#!/usr/bin/env bash
# tests/rpc_readers.sh RPC_WIRE: lets implementations that are not ours read the messages of our wire forms, and lets ours read
# theirs. RPC_WIRE is the example of sim-protocols (`cargo build --example rpc_wire`). Hessian: Caucho's own library. Object
# streams and RMI: the JDK, for RMI over loopback both ways. Thrift, JSON-RPC, RESP, Dubbo, gRPC's messages: libraries from PyPI,
# and the compiler of Protocol Buffers. The store: a Redis server, reply by reply. Thrift and RESP besides: tshark's dissectors.
# Installs what is missing.
set -euo pipefail
wire=$1
here=$(cd "$(dirname "$0")" && pwd)
out=$(mktemp -d)
started=()
finish() {
  for process in "${started[@]}"; do kill "$process" 2>/dev/null || true; done
  rm -rf "$out"
}
trap finish EXIT

packages=()
hessian=/usr/share/java/hessian.jar
command -v javac >/dev/null || packages+=(default-jdk-headless)
[ -e "$hessian" ] || packages+=(libhessian-java)
command -v redis-server >/dev/null || packages+=(redis-server)
command -v tshark >/dev/null || packages+=(tshark)
python3 -c 'import ensurepip' 2>/dev/null || packages+=(python3 python3-venv)
if [ ${#packages[@]} -gt 0 ]; then
  as_root=$([ "$(id -u)" = 0 ] || echo sudo)
  $as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq
  $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
fi
python3 -m venv "$out/venv"
"$out/venv/bin/pip" install --quiet --disable-pip-version-check -r "$here/rpc/requirements.txt"
# Of this one only the codec is used, so what its client would need stays away.
"$out/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps python3-dubbo==0.0.8
mkdir "$out/classes" "$out/java" "$out/python" "$out/generated"
javac -nowarn -cp "$hessian" -d "$out/classes" "$here"/rpc/clockwire/*.java

# Files of a folder, and no others: a reader that writes less than it should is noticed.
count() {
  local there
  there=$(find "$1" -type f | wc -l)
  [ "$there" = "$2" ] || { echo "$1: $there files, not $2"; exit 1; }
}

"$wire" write "$out/ours"

echo "-- the JDK's object streams, Caucho's Hessian"
# Caucho's library sets fields of exceptions by reflection.
java --add-opens java.base/java.lang=ALL-UNNAMED -cp "$out/classes:$hessian" clockwire.Files "$out/ours" "$out/java"
count "$out/java" 9
"$wire" read "$out/java"

echo "-- libraries from PyPI"
"$out/venv/bin/python" -m grpc_tools.protoc -I "$here/../sim-protocols/src/rpc/grpc" --python_out="$out/generated" items.proto
PYTHONPATH=$out/generated "$out/venv/bin/python" "$here/rpc/readers.py" "$out/ours" "$out/python"
count "$out/python" 31
"$wire" read "$out/python"

# Starts a command that prints its port and lives until its input ends, here until it is killed; the port is in $port.
mkfifo "$out/input"
exec 9<>"$out/input"
serve() {
  : >"$out/port"
  "$@" >"$out/port" 2>"$out/log" <"$out/input" &
  started+=($!)
  for _ in $(seq 100); do
    port=$(head -1 "$out/port")
    [ -z "$port" ] || return 0
    sleep 0.1
  done
  echo "no port from: $*"; cat "$out/log"; exit 1
}

echo "-- our RMI client, the JDK's registry and service"
serve java -Djava.rmi.server.hostname=127.0.0.1 -cp "$out/classes" clockwire.Rmi server
"$wire" rmi-client "$port"

echo "-- the JDK's RMI client, our registry and service"
serve "$wire" rmi-server
java -cp "$out/classes" clockwire.Rmi client "$port" || { cat "$out/log"; exit 1; }
grep -q dirty "$out/log" || { echo "the JDK has not asked our collector"; cat "$out/log"; exit 1; }

echo "-- a Redis server and our store"
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
redis-server --port "$port" --bind 127.0.0.1 --save '' --appendonly no --dir "$out" >"$out/log" 2>&1 &
started+=($!)
for _ in $(seq 100); do (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && break; sleep 0.1; done
"$wire" redis "$port"

echo "-- tshark"
# FILE PORT DISSECTOR FIELD VALUE: the message as one segment; the field is found, and nothing is malformed.
dissect() {
  od -Ax -tx1 -v "$out/ours/$1" | text2pcap -q -T "40000,$2" - "$out/one.pcap" 2>/dev/null
  local found
  found=$(tshark -r "$out/one.pcap" -d "tcp.port==$2,$3" -Y "!_ws.malformed" -T fields -E occurrence=a -e "$4" 2>/dev/null)
  case ",$found," in
    *",$5,"*) echo "$1: $4 is $5" ;;
    *) echo "$1: $4 is «$found», not $5"; tshark -r "$out/one.pcap" -d "tcp.port==$2,$3" -V 2>/dev/null | tail -40; exit 1 ;;
  esac
}
for encoding in binary compact; do
  for method in get list create; do
    dissect "thrift-$encoding-$method.call" 9090 thrift thrift.method "$method"
  done
  for reply in item:get items:list created:create missing:get; do
    dissect "thrift-$encoding-${reply%:*}.reply" 9090 thrift thrift.method "${reply#*:}"
  done
done
dissect redis.requests 6379 resp resp.bulk_string.length 5
echo "all readers agree"
