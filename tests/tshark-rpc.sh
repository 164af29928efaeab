#!/usr/bin/env bash
# tests/tshark-rpc.sh CLOCKWIRE: makes calls in every form that tshark has a dissector for, and a page with its images, and lets tshark judge the
# captures: each call and each answer is read, and nothing is malformed. Of compact Thrift it reads the calls alone: its version 4.0 calls answers
# with a structure inside «shorter than data», which Apache's library reads (tests/rpc_readers.sh).
set -euo pipefail
cd "$(dirname "$0")/.."
clockwire=$1
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

cat >"$out/calls.yaml" <<'YAML'
clockwire: 1
name: calls
stop: 10 s
hosts: { client: {}, server: {} }
links: [{ client -- server: { name: path, rate: 100 Mbit/s, delay: 5 ms } }]
workload:
  rest: { from: client, to: server, port: 80, rpc: { count: 5 } }
  rest2: { from: client, to: server, port: 81, rpc: { form: rest-http2, count: 5 } }
  json: { from: client, to: server, port: 82, rpc: { form: json-rpc, count: 5 } }
  thrift: { from: client, to: server, port: 9090, rpc: { form: thrift-binary, count: 5 } }
  compact: { from: client, to: server, port: 9091, rpc: { form: thrift-compact, count: 5 } }
  rmi: { from: client, to: server, port: 1099, rpc: { form: rmi, count: 5 } }
outputs: { capture: [path] }
YAML
"$clockwire" run "$out/calls.yaml" --quiet --out "$out/calls" >/dev/null
"$clockwire" run experiments/enter-a-url.yaml --quiet --out "$out/page" >/dev/null
calls=$out/calls/seed-1/capture.pcapng
page=$out/page/seed-1/capture.pcapng
ports=(-d tcp.port==80,http -d tcp.port==81,http2 -d tcp.port==82,http -d tcp.port==9090,thrift -d tcp.port==1099,rmi)

# As many fields with a value as there must be.
expect() {
  local wanted=$1 capture=$2 filter=$3 field=$4 found
  shift 4
  found=$(tshark -r "$capture" "${ports[@]}" "$@" -Y "$filter" -T fields -E occurrence=a -e "$field" 2>/dev/null | tr ',' '\n' | grep -c . || true)
  if [ "$found" != "$wanted" ]; then
    echo "$(basename "$(dirname "$(dirname "$capture")")"): tshark finds $found times $field (\`$filter\`), $wanted should be"
    tshark -r "$capture" "${ports[@]}" "$@" 2>/dev/null | head -40
    exit 1
  fi
}

expect 5 "$calls" 'tcp.dstport == 80 && http.request.method == "GET"' http.request.uri
expect 5 "$calls" 'tcp.srcport == 80 && http.response.code == 200 && json' http.response.code
expect 5 "$calls" 'tcp.dstport == 81 && http2.headers.method == "GET"' http2.headers.path
expect 5 "$calls" 'tcp.srcport == 81 && http2.headers.status == 200' http2.headers.status
expect 5 "$calls" 'tcp.dstport == 82 && http.request.method == "POST" && json' http.request.uri
expect 5 "$calls" 'tcp.dstport == 9090 && thrift.mtype == 1' thrift.method
expect 5 "$calls" 'tcp.srcport == 9090 && thrift.mtype == 2' thrift.method
expect 5 "$calls" 'tcp.dstport == 9091 && thrift.mtype == 1' thrift.method -d tcp.port==9091,thrift
expect 10 "$calls" 'rmi && serialization' frame.number
expect 1 "$page" 'http.response.code == 301' http.response.code
expect 8 "$page" 'http2.headers.method == "GET"' http2.headers.path
for capture in "$calls" "$page"; do
  for wrong in "_ws.malformed && !(tcp.srcport == 9091)" "ip.checksum.status == 0" "tcp.checksum.status == 0" "udp.checksum.status == 0"; do
    expect 0 "$capture" "$wrong" frame.number
  done
done
echo "REST, REST over HTTP/2, JSON-RPC, Thrift, RMI: 5 calls and 5 answers each are read; a page with DNS, TLS and HTTP/2, too; nothing is malformed"
