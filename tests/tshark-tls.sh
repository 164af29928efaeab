#!/usr/bin/env bash
# tests/tshark-tls.sh: runs the interop tests and the lab that leave captures of TLS connections (CARGO_FLAGS: such as --release), and lets
# tshark judge them: with the secrets that are embedded in each file it must see the requests inside, without them none, and
# nothing malformed either way.
set -euo pipefail
cd "$(dirname "$0")/.."
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

# shellcheck disable=SC2086
CLOCKWIRE_CAPTURES=$out cargo test ${CARGO_FLAGS:-} --locked --quiet --workspace --test interop \
  tls_http::the_protocol_is_agreed_on_in_the_handshake >"$out/said.txt" 2>&1 || { cat "$out/said.txt"; exit 1; }

# How many packets of a capture match a filter.
count() {
  tshark -r "$1" -o tcp.check_checksum:TRUE -o ip.check_checksum:TRUE "${@:3}" -Y "$2" -T fields -e frame.number 2>/dev/null | wc -l
}

# Says how many there must be.
expect() {
  local capture=$1 filter=$2 wanted=$3 found
  found=$(count "$capture" "$filter" "${@:4}")
  if [ "$found" != "$wanted" ]; then
    echo "$(basename "$capture"): $found packets are \`$filter\`, $wanted should be"
    tshark -r "$capture" 2>/dev/null | head -40
    exit 1
  fi
}

for version in 1.2 1.3; do
  for protocol in h2 http-1.1; do
    capture=$out/tls-$version-$protocol.pcapng
    if [ $protocol = h2 ]; then
      request='http2.headers.path == "/secret/2000"'
    else
      request='http.request.uri == "/secret/2000"'
    fi
    expect "$capture" "$request" 1
    for wrong in "_ws.malformed" "tls.alert_message.level == 2" "ip.checksum.status == 0" "tcp.checksum.status == 0" \
      "_ws.expert.severity == error"; do
      expect "$capture" "$wrong" 0
    done
    # Without the secrets the same packets tell nothing.
    editcap --discard-all-secrets "$capture" "$out/closed.pcapng"
    expect "$out/closed.pcapng" "http || http2" 0
    expect "$out/closed.pcapng" "_ws.malformed" 0
    all=$(count "$capture" "frame")
    opened=$(count "$capture" "http || http2")
    echo "$(basename "$capture"): $all packets, none malformed, $opened with decrypted HTTP, none without the secrets"
  done
done

# The same of runs of files: every way of TLS in the lab, with the requests that each point has made.
# shellcheck disable=SC2086
cargo run ${CARGO_FLAGS:-} --locked --quiet -- run experiments/http-vs-https.yaml --set outputs.capture='[path]' --out "$out/lab" --quiet \
  >"$out/said.txt" 2>&1 || { cat "$out/said.txt"; exit 1; }
for variant in https-kept tls13-full tls12-full tls13-resumed tls12-resumed tls13-0rtt; do
  capture="$out/lab/variant=$variant,web.http.response=10kB/seed-1/capture.pcapng"
  expect "$capture" 'http.request.uri contains "/items/"' 20
  expect "$capture" 'http.response.code == 200' 20
  for wrong in "_ws.malformed" "tls.alert_message.level == 2" "ip.checksum.status == 0" "tcp.checksum.status == 0"; do
    expect "$capture" "$wrong" 0
  done
  editcap --discard-all-secrets "$capture" "$out/closed.pcapng"
  expect "$out/closed.pcapng" "http || http2" 0
  echo "$variant: 20 requests and their answers are read, none without the secrets"
done
