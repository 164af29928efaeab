#!/usr/bin/env bash
# tests/tshark.sh CLOCKWIRE EXPERIMENT.yaml: runs an experiment that captures at its senders, and lets tshark judge the
# capture: nothing malformed, every checksum right, and as many retransmissions found as the simulation says it made.
set -euo pipefail
clockwire=$1
experiment=$2
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

"$clockwire" run "$experiment" --quiet --out "$out/results" >/dev/null
captures=$(find "$out/results" -name 'capture*.pcapng' | sort)
[ -n "$captures" ] || { echo "$experiment: no capture was written"; exit 1; }

# How many packets of a capture match a filter, with every checksum looked at.
count() {
  tshark -r "$1" -o ip.check_checksum:TRUE -o tcp.check_checksum:TRUE -o udp.check_checksum:TRUE \
    -o tcp.analyze_sequence_numbers:TRUE -Y "$2" -T fields -e frame.number 2>/dev/null | wc -l
}

# The sum of a column of a CSV file.
sum() {
  awk -F, -v name="$2" '
    NR == 1 { for (at = 1; at <= NF; at++) if ($at == name) column = at; if (!column) exit 2; next }
    { total += $column }
    END { print total + 0 }' "$1"
}

for capture in $captures; do
  all=$(count "$capture" "frame")
  [ "$all" -gt 0 ] || { echo "$capture: is empty"; exit 1; }
  for filter in "_ws.malformed" "ip.checksum.status == 0" "tcp.checksum.status == 0" "udp.checksum.status == 0" \
    "icmp.checksum.status == 0" "_ws.expert.severity == error"; do
    wrong=$(count "$capture" "$filter")
    if [ "$wrong" != 0 ]; then
      echo "$capture: $wrong of $all packets are \`$filter\`"
      tshark -r "$capture" -Y "$filter" 2>/dev/null | head -5
      exit 1
    fi
  done
  # At a sender nothing is out of order, so what tshark calls so is a retransmission too.
  found=$(count "$capture" \
    "tcp.analysis.retransmission || tcp.analysis.fast_retransmission || tcp.analysis.out_of_order")
  made=$(sum "$(dirname "$capture")/flows.csv" retransmissions)
  [ "$found" = "$made" ] || { echo "$capture: tshark finds $found retransmissions, the simulation made $made"; exit 1; }
  echo "$(basename "$capture"): $all packets, none malformed, all checksums right, $found retransmissions as simulated"
done
