#!/usr/bin/env bash
# tests/tshark-dns.sh CLOCKWIRE: runs the lab of DNS, and lets tshark judge its capture: nothing malformed, and as many questions,
# answers, truncated answers, absences and questions over TCP at the resolver as the simulation has counted there.
set -euo pipefail
cd "$(dirname "$0")/.."
clockwire=$1
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

"$clockwire" run experiments/dns-caches.yaml --quiet --out "$out/results" >/dev/null
capture=$(find "$out/results" -name capture.pcapng)
servers=$(dirname "$capture")/name_servers.csv
resolver=$(tshark -r "$capture" -Y "dns.flags.response == 0 && dns.flags.recdesired == 1" -T fields -e ip.dst 2>/dev/null | awk 'NR == 1')

# What the simulation has counted of the resolver.
counted() {
  awk -F, -v name="$1" '
    NR == 1 { for (at = 1; at <= NF; at++) if ($at == name) column = at; if (!column) exit 2; next }
    $2 == "provider" { print $column }' "$servers"
}

# How many packets match a filter, with every checksum looked at. ICMP quotes what came too late: it is counted where it came.
found() {
  tshark -r "$capture" -o ip.check_checksum:TRUE -o tcp.check_checksum:TRUE -o udp.check_checksum:TRUE \
    -Y "($1) && !icmp" -T fields -e frame.number 2>/dev/null | wc -l
}

agree() {
  local wanted=$1 what=$2
  shift 2
  local seen
  seen=$(found "$*")
  if [ "$seen" != "$wanted" ]; then
    echo "tshark finds $seen $what (\`$*\`), the simulation counts $wanted"
    tshark -r "$capture" -Y dns 2>/dev/null | head -40
    exit 1
  fi
}

for wrong in "_ws.malformed" "_ws.expert.severity == error" "_ws.expert.severity == warning" "ip.checksum.status == 0" \
  "tcp.checksum.status == 0" "udp.checksum.status == 0" "dns.unsolicited" "dns.retransmit_request"; do
  agree 0 "packets that are wrong" "$wrong"
done
asked="dns.flags.response == 0 && ip.dst == $resolver"
answered="dns.flags.response == 1 && ip.src == $resolver"
agree "$(counted udp_questions)" "questions by UDP" "$asked && udp"
agree "$(counted tcp_questions)" "questions by TCP" "$asked && tcp"
agree "$(counted answers)" "answers" "$answered"
agree "$(counted truncated)" "truncated answers" "$answered && dns.flags.truncated == 1"
agree "$(counted nxdomain)" "answers that there is no such name" "$answered && dns.flags.rcode == 3"
agree "$(counted servfail)" "answers that nobody could tell" "$answered && dns.flags.rcode == 2"
agree "$(counted asked)" "questions of the resolver's own" "dns.flags.response == 0 && ip.src == $resolver"
echo "$(found dns) messages of DNS, none malformed; tshark counts questions, answers, truncation and codes as the simulation does"
