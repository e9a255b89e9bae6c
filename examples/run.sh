#!/usr/bin/env bash
# Runs an example in another language: examples/run.sh c|cpp|python|node, an automation in Python: examples/run.sh followup, or
# the host in C: examples/run.sh host [arguments]
# Builds the C libraries first, into target/c; the first time this takes some minutes.
set -euo pipefail
cd "$(dirname "$0")/.."
language=${1:-}
prefix=${RENKEI_PREFIX:-$PWD/target/c}
case $language in
    c | cpp | python | node | followup | host) ;;
    *) echo "usage: examples/run.sh c|cpp|python|node|followup|host" >&2 && exit 2 ;;
esac
# A prefix that was given is taken as it is.
[ -n "${RENKEI_PREFIX:-}" ] || include/install.sh --prefix "$prefix" >/dev/null
mkdir -p examples/output
flags=(-Wall -Wextra -pedantic "-I$prefix/include" "-L$prefix/lib" "-Wl,-rpath,$prefix/lib")
case $language in
    c)
        ${CC:-cc} -std=c99 -O2 examples/c/quickstart.c "${flags[@]}" -lrenkei -o "$prefix/quickstart"
        "$prefix/quickstart"
        ;;
    host)
        ${CC:-cc} -std=c99 -O2 -pthread examples/c/host.c "${flags[@]}" -lrenkei -o "$prefix/host"
        exec "$prefix/host" "${@:2}"
        ;;
    cpp)
        ${CXX:-c++} -std=c++17 -O2 examples/cpp/quickstart.cpp "${flags[@]}" -lrenkei -o "$prefix/quickstart++"
        "$prefix/quickstart++"
        ;;
    python) RENKEI_LIBRARY="$prefix/lib/librenkei.so" python3 examples/python/quickstart.py ;;
    followup) RENKEI_LIBRARY="$prefix/lib/librenkei.so" python3 examples/python/lead_followup.py ;;
    node)
        [ -d examples/node/node_modules ] || (cd examples/node && npm install --silent --no-audit --no-fund)
        RENKEI_LIBRARY="$prefix/lib/librenkei.so" node examples/node/quickstart.mjs
        ;;
esac
