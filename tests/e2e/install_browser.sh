#!/usr/bin/env bash
# Makes sure there is a Chromium for the browser tests: one on the PATH, else Playwright's own, else Debian's.
set -euo pipefail
bin=$1
for name in "${CHROMIUM:-}" chromium chromium-browser google-chrome google-chrome-stable; do
	if [ -n "$name" ] && command -v "$name" >/dev/null; then exit 0; fi
done
own() { "$bin/python" -c 'from playwright.sync_api import sync_playwright as p
with p() as play: print(play.chromium.executable_path)' 2>/dev/null; }
# Playwright's download may be there while the system libraries it needs are not: only running it tells.
runs() { "$(own)" --headless --version >/dev/null 2>&1; }
if runs; then exit 0; fi
if "$bin/playwright" install chromium >/dev/null 2>&1 && runs; then exit 0; fi
if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
	apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium >/dev/null && exit 0
fi
echo "The browser tests need Chromium: install it and put it on the PATH, or set CHROMIUM to its executable." >&2
exit 1
