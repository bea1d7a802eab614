#!/bin/sh
# Classifies images of cells: classify.sh FOLDER. Without a folder it asks for one, which can be dragged in.
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P) || exit 2
python="$here/venv/bin/python"
[ -x "$python" ] || python="${XDG_DATA_HOME:-$HOME/.local/share}/edgewbc/kit/venv/bin/python"
if [ -x "$python" ]; then
  "$python" -I "$here/files/classify.py" "$@"
  code=$?
else
  echo "Not installed on this PC yet: run install.sh first."
  code=2
fi
if [ -t 0 ] && [ -z "${EDGEWBC_NO_PAUSE:-}" ]; then
  printf '\nPress Enter to close. '
  read -r _
fi
exit "$code"
