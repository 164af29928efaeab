#!/usr/bin/env bash
# Speed side by side with ns-3, in one run: each scenario alternates ours and theirs, pinned to one core, and
# reports the median of the ratios of packet-hops per CPU second of the run loop.
#
#   tests/peers/compare.sh [--full] [repetitions] [scenario ...]      e.g.  tests/peers/compare.sh 3 p1 p2 p3 p4
#
# Needs Debian's libns3-dev and g++ (tests/peers/ns3/README.md) and a release build of clockwire. Without --full the
# simulated times are shortened on both sides alike. Results also go to results/peers.jsonl.
set -euo pipefail
cd "$(dirname "$0")/../.."
full=0; [ "${1:-}" = --full ] && { full=1; shift; }
reps=${1:-3}; shift || true
scenarios=${*:-p1 p2 p3 p4}
ns3=tests/peers/ns3/build/3.37
[ -x "$ns3/p1_dumbbell" ] || (cd tests/peers/ns3 && OUT=build/3.37 ./build.sh >/dev/null)
cargo build --release -q -p experiments
ours=target/release/clockwire
core=${CORE:-$(($(nproc) - 1))}
mkdir -p results
: > results/peers.jsonl
declare -A time_short=([p1]=1 [p2]=0.01 [p3]=0.5 [p4]=0.5) time_full=([p1]=10 [p2]=0.2 [p3]=5 [p4]=2)
field() { sed -E "s/.*\"$2\":([0-9.]+).*/\1/" <<<"$1"; }
for s in $scenarios; do
  [ "$full" = 1 ] && t=${time_full[$s]} || t=${time_short[$s]}
  ratios=()
  for ((i = 0; i < reps; i++)); do
    case $s in
      p1) a=$(taskset -c "$core" "$ns3/p1_dumbbell" --cc=newreno --sim="$t") ;;
      p2) a=$(taskset -c "$core" "$ns3/p2_fattree" --routing=fast --sim="$t") ;;
      p3) a=$(taskset -c "$core" "$ns3/p3_udp_chain" --sim="$t") ;;
      p4) a=$(taskset -c "$core" "$ns3/p1_dumbbell" --name=p4 --n=1000 --access=1Gbps --bottle=10Gbps --queue=10000 \
                --buf=1048576 --spread=1 --sim="$t" --routing=fast) ;;
      *) echo "unknown scenario $s" >&2; exit 2 ;;
    esac
    b=$(taskset -c "$core" "$ours" run experiments/bench/$s.yaml --set stop="$t s" --threads 1 --timing --quiet --out "$(mktemp -d)/out")
    printf '%s\n%s\n' "$a" "$b" >> results/peers.jsonl
    ha=$(field "$a" packet_hops_per_s) hb=$(field "$b" packet_hops_per_s)
    ratios+=("$(awk -v a="$ha" -v b="$hb" 'BEGIN { printf "%.2f", b / a }')")
  done
  median=$(printf '%s\n' "${ratios[@]}" | sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }')
  ga=$(field "$a" goodput_bps) gb=$(field "$b" goodput_bps)
  awk -v s="$s" -v t="$t" -v m="$median" -v all="${ratios[*]}" -v ha="$ha" -v hb="$hb" -v ga="$ga" -v gb="$gb" \
      -v ra="$(field "$a" rss_mib)" -v rb="$(field "$b" rss_mib)" \
      'BEGIN { printf "%s, %s s: %s times ns-3 (%s); last run %.0f against %.0f packet-hops/CPU-s; goodput %.4f of ns-3 (%.1f against %.1f Mbit/s); peak memory %.1f against %.1f MiB\n", s, t, m, all, hb, ha, gb / ga, gb / 1e6, ga / 1e6, rb, ra }'
done
