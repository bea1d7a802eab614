#!/bin/sh
# Installs edgewbc on this PC from this folder, without a network: run it in a terminal, or "Run as a program".
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P) || exit 2
code=2
python=
for name in @PYTHON_NAMES@ python3 python; do
  if "$name" -I -c 'import sys; sys.exit(sys.version_info[:2] not in [@VERSION_TUPLES@])' >/dev/null 2>&1; then
    python=$name
    break
  fi
done
if [ -n "$python" ]; then
  "$python" -I "$here/files/install.py"
  code=$?
else
  echo "NOT READY: this PC has no Python @PYTHONS_OR@."
  echo "@PYTHON_HELP@"
fi
if [ -t 0 ] && [ -z "${EDGEWBC_NO_PAUSE:-}" ]; then
  printf '\nPress Enter to close. '
  read -r _
fi
exit "$code"
