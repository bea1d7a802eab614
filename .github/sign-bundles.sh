#!/usr/bin/env bash
# sign-bundles.sh FOLDER KEYS: signs every bundle in FOLDER with the Ed25519 key in EDGEWBC_SIGNING_KEY (PEM; its
# password in EDGEWBC_KEY_PASSWORD), and checks each signature against KEYS, the published public key.
# Without a key and without a published one, the bundles stay unsigned, and a warning says so.
set -euo pipefail
folder=$1 public=$2
secret=${EDGEWBC_SIGNING_KEY:-}
unset EDGEWBC_SIGNING_KEY
if [ -z "$secret" ] && [ ! -f "$public" ]; then
  echo "::warning::no signing key: the bundles of this release are not signed"
  exit 0
fi
if [ -z "$secret" ]; then
  echo "::error::$public is published, but the secret EDGEWBC_SIGNING_KEY is not set"
  exit 1
fi
if [ ! -f "$public" ]; then
  echo "::error::the public key is not published: commit the file FILE.pub of the key as $public"
  exit 1
fi
umask 077
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
printf '%s\n' "$secret" > "$work/key"
cp "$public" "$work/key.pub" # names the signer
for bundle in "$folder"/*/; do
  edgewbc sign "${bundle%/}" --key "$work/key"
  edgewbc verify "${bundle%/}" --trust "$public" --require-signature
done
