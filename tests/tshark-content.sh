#!/usr/bin/env bash
# tests/tshark-content.sh CLOCKWIRE: what the column `content` of the table `packets` says of each packet of `enter-a-url` is what tshark says of the
# capture of the same link: ARP, ICMP, questions and answers of DNS, start lines of HTTP, whom each ClientHello asks for, how many ServerHellos there are.
set -euo pipefail
cd "$(dirname "$0")/.."
clockwire=$1
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

"$clockwire" run experiments/enter-a-url.yaml --quiet --out "$out/results" >/dev/null
capture=$out/results/seed-1/capture.pcapng

# What our table says of the packets that a filter of SQL takes, in the order of time.
ours() {
  "$clockwire" query "$out/results" --csv \
    "select content from packets where port like 'lan.%' and ($1) order by enqueued_s, packet" | tail -n +2 | tr -d '"'
}

# What tshark prints of the packets of a filter.
theirs() {
  local filter=$1
  shift
  tshark -r "$capture" -Y "$filter" -T fields "$@" 2>/dev/null
}

agree() {
  if ! diff "$out/ours" "$out/theirs" || [ ! -s "$out/ours" ]; then
    echo "the column \`content\` (<) and tshark (>) differ about $1"
    exit 1
  fi
  echo "content: $(wc -l <"$out/ours") lines of $1 as tshark has them"
}

ours "content like 'ARP%' or content like 'DNS%' or content like 'ICMP%' or content like '%HTTP/1%'" >"$out/ours"
# tshark's words for the same: `Standard query 0x38ea A www.shop.test`.
theirs "arp || dns || icmp || http" -e _ws.col.Info | sed -E '
  s/^Who has ([^?]*)\? Tell (.*)$/ARP, Request who-has \1 tell \2/
  s/^([0-9.]+) is at (.*)$/ARP, Reply \1 is-at \2/
  s/^Standard query response 0x[0-9a-f]+ [A-Z]+ [^ ]+ (.*)$/DNS answer \1/
  s/^Standard query 0x[0-9a-f]+ ([A-Z]+) ([^ ]+)$/DNS query \2 \1/
  s/^Echo \(ping\) (request|reply) +id=0x0*([0-9a-f]+), seq=([0-9]+)\/.*$/ICMP echo \1, id \2, seq \3/
  s/  \([a-z/]+\)$//
  s/ $//' >"$out/theirs"
agree "ARP, DNS, ICMP and HTTP"

ours "content like 'ClientHello%'" >"$out/ours"
theirs "tls.handshake.type == 1" -e tls.handshake.extensions_server_name | sed 's/.*/ClientHello (&)/' >"$out/theirs"
agree "ClientHello"

ours "content like '%ServerHello%'" | sed 's/,.*//' >"$out/ours"
theirs "tls.handshake.type == 2" -e frame.number | sed 's/.*/ServerHello/' >"$out/theirs"
agree "ServerHello"
