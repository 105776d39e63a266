#!/usr/bin/env bash
# Make the local virtual environment .venv from envs/cpu.lock.txt, when it is missing or its lock changed.
# Needs Python 3.11 with venv, and libnuma1 for vLLM. Usage: envs/setup.sh
set -euo pipefail
cd "$(dirname "$0")/.."

lock=envs/cpu.lock.txt
torch=$(grep '^torch==' "$lock")
torch_index=https://download.pytorch.org/whl/cpu
stamp=.venv/installed

want=$(cat "$lock" envs/vllm-shim/pyproject.toml envs/setup.sh | sha256sum)
[ "$(cat "$stamp" 2>/dev/null)" = "$want" ] && exit 0

python=${PYTHON:-python3.11}
command -v "$python" >/dev/null || python=python3
"$python" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || {
  echo "setup: $python is not Python 3.11, which $lock is pinned for; install it or set PYTHON=/path/to/python3.11" >&2
  exit 2
}
"$python" -c 'import ctypes; ctypes.CDLL("libnuma.so.1")' 2>/dev/null || {
  echo "setup: libnuma.so.1 is missing and vLLM needs it; install it, for example: apt-get install libnuma1" >&2
  exit 2
}

# One setup at a time: a second one waits, and then finds .venv as it wants it.
exec 9>.setup.lock
flock 9
[ "$(cat "$stamp" 2>/dev/null)" = "$want" ] && exit 0

start=$SECONDS
echo "setup: making .venv from $lock (about 2 minutes, 3 GB)"
rm -rf .venv
"$python" -m venv .venv
install() { DS_BUILD_OPS=0 .venv/bin/python -m pip install -qq --disable-pip-version-check --no-deps "$@"; }
if install "$torch" 2>.venv/torch.log; then
  echo "setup: $torch from the configured package index"
else
  echo "setup: $torch is not on the configured package index; taking it from $torch_index"
  install "$torch" --index-url "$torch_index"
fi
install -r "$lock"
cp -r envs/vllm-shim .venv/vllm-shim
install --no-build-isolation .venv/vllm-shim
echo "$want" > "$stamp"
echo "setup: done in $((SECONDS - start)) s"
