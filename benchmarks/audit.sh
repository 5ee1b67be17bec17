#!/bin/sh
# usage: audit.sh REQUIREMENTS   looks up the known vulnerabilities of the packages that it pins.
#
# Needs pip-audit (`pip install pip-audit`) and a network, or a folder of advisories that pip-audit
# has stored before: AUDIT_CACHE names it. Ends with pip-audit's code, 1 where there are
# vulnerabilities; 0, with one line that says so, where nothing could be looked up.
file=$1
skip() { echo "audit skipped: $1"; exit 0; }

command -v pip-audit >/dev/null 2>&1 || skip "pip-audit is not installed; pip install pip-audit"
test -r "$file" || { echo "audit: $file: cannot be read" >&2; exit 2; }
said=$(mktemp) && trap 'rm -f "$said"' EXIT
pip-audit --requirement "$file" --no-deps --disable-pip --progress-spinner off --timeout 20 \
	${AUDIT_CACHE:+--cache-dir "$AUDIT_CACHE"} >"$said" 2>&1
code=$?
if test $code -ne 0 && grep -Eiq 'connection|network|resolve|timed? ?out|unreachable|proxy|ServiceError' "$said" \
		&& ! grep -q 'known vulnerabilit' "$said"; then
	skip "no vulnerability service could be reached; try again with a network"
fi
cat "$said"
exit $code
