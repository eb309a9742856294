#!/bin/sh
# Bundles editor.mjs with CodeMirror into codemirror.js. Needed only after a change of editor.mjs or of
# a version in package.json: the bundle is committed, so that building Inquest needs no Node.
set -eu
cd "$(dirname "$0")"
npm install --no-audit --no-fund --no-package-lock
npx esbuild editor.mjs --bundle --format=esm --minify --legal-comments=none --target=es2022 --outfile=codemirror.js
