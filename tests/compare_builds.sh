#!/usr/bin/env bash
# Changes one line of a congestion control, builds, and has the two builds compared: the change must be found at its first event; a build with a
# changed comment must be IDENTICAL.
#
#   tests/compare_builds.sh [--dev]
#
# Builds three times (release unless --dev), the libraries once, in a folder of its own; no part of `.ci/run`, which has no time for it:
# `tests/suite/compare.rs` holds there all but the compiler.
set -euo pipefail
cd "$(dirname "$0")/.."
profile=(--release) folder=release
[[ "${1:-}" == --dev ]] && profile=() folder=debug
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

# A copy of the sources with a line replaced, built; the program is left as $out/NAME.
build() {
  local name=$1 file=$2 from=$3 to=$4
  rm -rf "$out/tree"
  mkdir "$out/tree"
  git ls-files -z | xargs -0 cp --parents -t "$out/tree"
  if [[ -n "$file" ]]; then
    grep -q "$from" "$out/tree/$file" || { echo "$file has no line «$from»" >&2; exit 1; }
    sed -i "s|$from|$to|" "$out/tree/$file"
  fi
  (cd "$out/tree" && CARGO_TARGET_DIR="$out/target" cargo build --quiet --locked "${profile[@]}" --package experiments)
  cp "$out/target/$folder/clockwire" "$out/$name"
}

cubic=sim-protocols/src/tcp/cc/cubic.rs
build base "" "" ""
build comment "$cubic" "^const BETA: u64 = 717;" "const BETA: u64 = 717; // as it was"
build changed "$cubic" "^const BETA: u64 = 717;" "const BETA: u64 = 716;"

say() { echo "== $*"; }
file=experiments/cubic-and-reno.yaml
say "a changed comment"
"$out/base" compare "$out/base" "$out/comment" --on "$file" | tee "$out/same.txt"
grep -q '^IDENTICAL' "$out/same.txt"
say "beta of CUBIC: 716/1024 instead of 717/1024"
code=0
"$out/base" compare "$out/base" "$out/changed" --on "$file" | tee "$out/other.txt" || code=$?
[[ $code == 1 || $code == 3 ]]
grep -q 'the first event that differs' "$out/other.txt"
grep -q 'the first row that differs is row [0-9]* of `tcp`' "$out/other.txt"
say "both were found for what they are"
