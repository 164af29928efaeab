#!/usr/bin/env bash
# tests/tshark-rpc.sh CLOCKWIRE: makes calls in every form that tshark has a dissector for, and a page with its images, and lets tshark judge the
# captures: each call and each answer is read, and nothing is malformed.
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
  grpc: { from: client, to: server, port: 50051, rpc: { form: grpc, count: 5, timeout: 1 s } }
  missing: { from: client, to: server, port: 50052, rpc: { form: grpc, count: 5, missing: 100 % } }
  watch: { from: client, to: server, port: 50053, rpc: { form: grpc, operation: watch, size: 3, gap: 5 ms, count: 5 } }
  upload: { from: client, to: server, port: 50054, rpc: { form: grpc, operation: upload, size: 4, gap: 5 ms, count: 5 } }
  chat: { from: client, to: server, port: 50055, rpc: { form: grpc, operation: chat, size: 4, gap: 5 ms, count: 5 } }
  late: { from: client, to: server, port: 50056, rpc: { form: grpc, operation: chat, size: 40, gap: 5 ms, timeout: 52 ms, count: 1 } }
  secure: { from: client, to: server, port: 50057, rpc: { form: grpc, count: 5, tls: {} } }
outputs: { capture: [path] }
YAML
"$clockwire" run "$out/calls.yaml" --quiet --out "$out/calls" >/dev/null
"$clockwire" run experiments/enter-a-url.yaml --quiet --out "$out/page" >/dev/null
calls=$out/calls/seed-1/capture.pcapng
page=$out/page/seed-1/capture.pcapng
ports=(-d tcp.port==80,http -d tcp.port==81,http2 -d tcp.port==82,http -d tcp.port==9090,thrift -d tcp.port==9091,thrift -d tcp.port==1099,rmi)
# The description of the service, from which names of messages and fields come.
proto=(-d tcp.port==50051,http2 -d tcp.port==50052,http2 -d tcp.port==50053,http2 -d tcp.port==50054,http2 -d tcp.port==50055,http2 -d tcp.port==50056,http2 -d tcp.port==50057,tls -o protobuf.preload_protos:TRUE -o protobuf.pbf_as_hf:TRUE
  -o "uat:protobuf_search_paths:\"$PWD/sim-protocols/src/rpc/grpc\",\"TRUE\"")

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
expect 5 "$calls" 'tcp.dstport == 9091 && thrift.mtype == 1' thrift.method
expect 5 "$calls" 'tcp.srcport == 9091 && thrift.mtype == 2' thrift.method
expect 10 "$calls" 'rmi && serialization' frame.number
expect 5 "$calls" 'tcp.dstport == 50051 && http2.headers.path == "/clockwire.ItemService/Get"' pbf.clockwire.GetRequest.id "${proto[@]}"
expect 5 "$calls" 'tcp.dstport == 50051 && http2.header.name == "grpc-timeout"' frame.number "${proto[@]}"
expect 5 "$calls" 'tcp.srcport == 50051 && http2.header.name == "grpc-status" && pbf.clockwire.Item.price_cents' pbf.clockwire.Item.name "${proto[@]}"
expect 5 "$calls" 'tcp.srcport == 50052 && http2.header.name == "grpc-status" && http2.header.value == "5"' frame.number "${proto[@]}"
expect 15 "$calls" 'tcp.srcport == 50053 && protobuf.message.name == "clockwire.Item"' pbf.clockwire.Item.id "${proto[@]}"
expect 20 "$calls" 'tcp.dstport == 50054 && protobuf.message.name == "clockwire.Item"' pbf.clockwire.Item.id "${proto[@]}"
expect 5 "$calls" 'tcp.srcport == 50054 && http2.header.name == "grpc-status" && http2.header.value == "0"' pbf.clockwire.UploadResponse.price_cents "${proto[@]}"
expect 20 "$calls" 'tcp.dstport == 50055 && protobuf.message.name == "clockwire.Item"' pbf.clockwire.Item.id "${proto[@]}"
expect 20 "$calls" 'tcp.srcport == 50055 && protobuf.message.name == "clockwire.Item"' pbf.clockwire.Item.id "${proto[@]}"
# 10 ms for the connection: nine messages in what is left, three of which are answered by then; then RST_STREAM with CANCEL.
expect 9 "$calls" 'tcp.dstport == 50056 && protobuf.message.name == "clockwire.Item"' pbf.clockwire.Item.id "${proto[@]}"
expect 1 "$calls" 'tcp.dstport == 50056 && http2.type == 3 && http2.rst_stream.error == 8' frame.number "${proto[@]}"
# Inside of TLS: by the secrets that are embedded in the capture, and what is spoken by the handshake (ALPN).
expect 5 "$calls" 'tcp.dstport == 50057 && tls && http2.headers.path == "/clockwire.ItemService/Get"' pbf.clockwire.GetRequest.id "${proto[@]}"
expect 5 "$calls" 'tcp.srcport == 50057 && tls && http2.header.name == "grpc-status" && pbf.clockwire.Item.price_cents' pbf.clockwire.Item.name "${proto[@]}"
expect 1 "$page" 'http.response.code == 301' http.response.code
expect 8 "$page" 'http2.headers.method == "GET"' http2.headers.path
for capture in "$calls" "$page"; do
  for wrong in _ws.malformed "ip.checksum.status == 0" "tcp.checksum.status == 0" "udp.checksum.status == 0"; do
    expect 0 "$capture" "$wrong" frame.number "${proto[@]}"
  done
done
echo "REST, REST over HTTP/2, JSON-RPC, Thrift, RMI, gRPC: 5 calls and 5 answers each are read, and streams of messages up, down and both ways, and gRPC inside of TLS; a page with DNS, TLS and HTTP/2, too; nothing is malformed"
