#!/usr/bin/env bash
# Builds the static binary and runs it where nothing else is: no libraries, no fonts, no display, no home. Says how large it is and how long it
# takes to start.
#
#   tests/static_binary.sh [BINARY]
#
# Without BINARY it is built first, in a folder of its own (about five minutes on two cores); needs `rustup target add x86_64-unknown-linux-musl` and
# `musl-gcc` (Debian: musl-tools), and root or user namespaces for the empty root. No part of `.ci/run`, which has no time for a second build of everything.
set -euo pipefail
cd "$(dirname "$0")/.."
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
binary=${1:-}
if [ -z "$binary" ]; then
  cargo build --release --locked --package experiments --target x86_64-unknown-linux-musl
  binary=target/x86_64-unknown-linux-musl/release/clockwire
fi
if readelf -d "$binary" | grep -q NEEDED; then
  echo "it needs libraries:" && readelf -d "$binary" | grep NEEDED
  exit 1
fi
mkdir "$out/empty"
cp "$binary" "$out/empty/clockwire"
cp experiments/reno-sawtooth.yaml "$out/empty/"
alone=("$(command -v chroot)")
[ "$(id -u)" = 0 ] || alone=("$(command -v unshare)" --map-root-user "${alone[@]}")
inside() {
  env -i "${alone[@]}" "$out/empty" /clockwire "$@"
}
inside --version
inside run /reno-sawtooth.yaml --out /results
inside report /results --out /page.html >/dev/null
inside verify /reno-sawtooth.yaml
for file in report.html seed-1/plots/cwnd.png seed-1/plots/cwnd.svg seed-1/tcp.csv; do
  [ -s "$out/empty/results/$file" ] || { echo "there is no $file"; exit 1; }
done
# The same results as with this machine's own libraries, where the command was built.
if [ -x target/release/clockwire ]; then
  target/release/clockwire run --quiet "$out/empty/reno-sawtooth.yaml" --out "$out/own"
  diff -r "$out/own/seed-1" "$out/empty/results/seed-1"
  echo "the same bytes as target/release/clockwire"
fi
echo "size: $(stat -c %s "$binary") bytes, stripped: $(strip -o "$out/stripped" "$binary" && stat -c %s "$out/stripped")"
python3 - "$binary" <<'PY'
import statistics, subprocess, sys, time
def start():
    before = time.perf_counter()
    subprocess.run([sys.argv[1], "--version"], stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - before
print(f"start-up: {statistics.median(start() for _ in range(51)) * 1e3:.1f} ms, median of 51")
PY
