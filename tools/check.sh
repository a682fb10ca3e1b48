#!/usr/bin/env bash
# check.sh [--all]: everything that judges the code without running it. Goes through all steps, so that one
# run shows every fault; the last line tells which failed. --all lints all files, not only changed ones.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
shopt -s nullglob
places=(src/ tests/ bench*/ tools/ deploy*/)

lint=()
for argument in "$@"; do
    case $argument in
        --all) lint=(--all) ;;
        *)
            echo "check: unknown option $argument" >&2
            exit 2
            ;;
    esac
done

failed=()
# step NAME COMMAND...: runs it and keeps count.
step() {
    local name=$1 start=$SECONDS
    shift
    if "$@"; then
        printf 'check: %-10s ok      (%d s)\n' "$name" $((SECONDS - start))
    else
        printf 'check: %-10s FAILED  (%d s)\n' "$name" $((SECONDS - start))
        failed+=("$name")
    fi
}

check_format() {
    find "${places[@]}" \( -name '*.h' -o -name '*.cc' \) -print0 |
        xargs -0 -r -n 40 -P "$(nproc)" clang-format-16 --dry-run -Werror
}

check_scripts() {
    local file status=0
    while read -r file; do
        bash -n "$file" || status=1
    done < <(grep -lE -m1 '^#!.*bash' dev .ci/run $(find "${places[@]}" -type f \
        \( -name '*.sh' -o ! -name '*.*' \)))
    find "${places[@]}" -name '*.py' -print0 |
        xargs -0 -r python3 -c 'import ast, sys
for name in sys.argv[1:]: ast.parse(open(name).read(), name)' || status=1
    return "$status"
}

check_generated() {
    [[ -f tools/generate_model.py ]] || return 0
    python3 -B tools/generate_model.py --check
}

# Headers and lint need the generated sources and the compile commands of a debug build.
check_headers() {
    mkdir -p build
    cmake --preset debug >build/configure.log 2>&1 || {
        cat build/configure.log
        return 1
    }
    local generated
    mapfile -t generated < <(ninja -C build/debug -t targets all | sed -n 's/^\(.*\.pb\.h\):.*/\1/p')
    ninja -C build/debug --quiet headers "${generated[@]}" | sed '/no work to do/d'
}

step tidy python3 -B tools/tidy.py
step format check_format
step scripts check_scripts
step generated check_generated
step headers check_headers
step lint python3 -B tools/lint.py "${lint[@]}"

if ((${#failed[@]})); then
    echo "check: FAILED: ${failed[*]}"
    exit 1
fi
echo "check: all well"
