#!/usr/bin/env bash
# Opens reports in a real browser, at the widths of a phone and of a desk, in light and in dark: no console error, no request, nothing wider than
# its window, readable contrasts, tables that sort, values that are read, series that come and go, figures that zoom.
#
#   tests/report_browser.sh CLOCKWIRE [FOLDER]
#
# CLOCKWIRE is the command; with FOLDER screenshots are left there to be looked at. Needs Chromium (`apt-get install --no-install-recommends chromium`,
# about 20 s) and Python; takes half a minute. It is no part of `.ci/run`, which has no time for a browser: `tests/suite/report.rs` holds there what
# can be held without one.
set -euo pipefail
clockwire=$(realpath "$1")
shots=${2:+$(mkdir -p "$2" && realpath "$2")}
cd "$(dirname "$0")/.."
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

# No name resolves, so that what the browser asks its maker for of itself leads nowhere either.
browser() {
  timeout 120 chromium --headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking \
    --disable-component-update --disable-sync --hide-scrollbars --host-resolver-rules='MAP * ~NOTFOUND' --user-data-dir="$out/profile" \
    --enable-logging=stderr --v=0 "$@" 2>"$out/log.txt"
}

# The page with a probe behind it, in a frame as wide as it is to be: a window is never narrower than 500 pixels. Its policy, which lets no script run
# but its own, makes way for the probe.
probed() {
  python3 - "$1" tests/report/probe.js "$2" <<'PY'
import html, re, sys
page, probe = (open(name, encoding="utf-8").read() for name in sys.argv[1:3])
page, found = re.subn(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page)
assert found == 1, "the page has no policy"
page = page.replace("</body>", "<script>" + probe + "</script></body>")
sys.stdout.write(f"""<!doctype html><meta charset="utf-8"><style>body {{ margin: 0 }} iframe {{ width: {sys.argv[3]}px; height: 900px; border: 0 }}</style>
<iframe srcdoc="{html.escape(page)}"></iframe>
<script>
const look = setInterval(() => {{
  const said = document.querySelector('iframe').contentDocument.getElementById('probe');
  if (said) {{ document.body.replaceChildren(document.importNode(said, true)); clearInterval(look); }}
}}, 50);
</script>""")
PY
}

# What the probe has found.
found() {
  python3 -c '
import html, re, sys
m = re.search(r"<pre id=\"probe\">(.*?)</pre>", sys.stdin.read(), re.S)
print(html.unescape(m[1]) if m else "the probe has not ended")'
}

# Addresses that were asked for, but for those that the browser asks of itself.
requests() {
  python3 - "$1" <<'PY'
import re, sys
asked = set(re.findall(r'"url":"(https?://[^"]*)"', open(sys.argv[1], encoding="utf-8").read()))
own = re.compile(r"https?://[^/]*\.(google|googleapis)\.com/")
print("\n".join(sorted(url for url in asked if not own.match(url))))
PY
}

faults=0
fault() {
  echo "FAULT: $*"
  faults=1
}
for case in slow-start-and-loss enter-a-url "rpc-vs-rest --set experiment.seeds=3"; do
  read -r name more <<<"$case"
  # With few seeds an expectation may fail, which the page shows. shellcheck disable=SC2086
  "$clockwire" run --quiet "experiments/$name.yaml" $more --out "$out/$name" 2>"$out/said.txt" || [ $? = 1 ] || { cat "$out/said.txt"; exit 1; }
  page=$out/$name/report.html
  bytes=$(stat -c %s "$page")
  [ "$bytes" -lt 5000000 ] || fault "$name: $bytes bytes"
  for look in "360 light" "1280 light" "360 dark" "1280 dark"; do
    read -r width scheme <<<"$look"
    probed "$page" "$width" >"$out/$name-probed.html"
    blink=preferredColorScheme=$([ "$scheme" = dark ] && echo 0 || echo 1)
    browser --blink-settings="$blink" --window-size="$width",900 --virtual-time-budget=4000 --dump-dom "file://$out/$name-probed.html" >"$out/dom.html"
    said=$(found <"$out/dom.html")
    [[ $said == "faults: 0
window: $width"* ]] || fault "$name, $look: $said"
    # What the console says of the page as it is, with its policy; and what is asked of the network.
    browser --blink-settings="$blink" --window-size="$width",2400 --log-net-log="$out/net.json" --screenshot="${shots:-$out}/$name-$width-$scheme.png" "file://$page"
    if grep CONSOLE "$out/log.txt"; then fault "$name, $look: the console speaks"; fi
    asked=$(requests "$out/net.json")
    [ -z "$asked" ] || fault "$name, $look: asks for $asked"
  done
  # Paper, to be looked at.
  if [ -n "$shots" ]; then browser --no-pdf-header-footer --print-to-pdf="$shots/$name.pdf" "file://$page"; fi
  echo "$name: $bytes bytes"
done
exit $faults
