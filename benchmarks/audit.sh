#!/bin/sh
# usage: audit.sh REQUIREMENTS   looks up the known vulnerabilities of the packages that it pins.
#
# Needs pip-audit (the Makefile keeps it in a virtual environment of its own) and a network, or a
# folder of advisories that pip-audit has stored before: AUDIT_CACHE names it. Ends with pip-audit's code, 1 where there are
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
# pip-audit ends well where the service knows nothing of a package, such as a mirror without one.
pinned=$(grep -c '==' "$file")
unknown=$(grep -c 'could not be audited' "$said")
if test $code -eq 0 && test "$unknown" -gt 0; then
	test "$unknown" -ge "$pinned" && skip "the vulnerability service knows none of the $pinned packages"
	echo "audit: $unknown of $pinned packages could not be looked up:"
fi
cat "$said"
exit $code
