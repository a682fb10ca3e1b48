#!/usr/bin/env bash
# fuzz.sh [--seconds N] [name...]: fuzzes each parser for N seconds (60), two at a time, and prints a line
# for each. A name is a subject (sip_message) or any part of it. The corpora of tests/corpus are only read;
# inputs found on the way gather in build/fuzz/found/SUBJECT, those that crash in build/fuzz/crashes/SUBJECT.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

seconds=60
names=()
while (($#)); do
    case $1 in
        --seconds)
            seconds=${2:?--seconds takes a number}
            shift
            ;;
        --seconds=*) seconds=${1#*=} ;;
        -*)
            echo "fuzz: unknown option $1" >&2
            exit 2
            ;;
        *) names+=("$1") ;;
    esac
    shift
done
[[ $seconds =~ ^[1-9][0-9]*$ ]] || {
    echo "fuzz: --seconds takes a positive number, not '$seconds'" >&2
    exit 2
}

# fuzz_one PROGRAM SUBJECT: exit code 1 and the crashing file's name when it crashed.
fuzz_one() {
    local program=build/fuzz/$1 subject=$2
    local found=build/fuzz/found/$subject crashes=build/fuzz/crashes/$subject
    local log=build/fuzz/found/$subject.log corpus=()
    mkdir -p "$found" "$crashes"
    [[ ! -d tests/corpus/$subject ]] || corpus=("tests/corpus/$subject")
    local runs
    if "$program" -max_total_time="$seconds" -timeout=5 -rss_limit_mb=2048 -print_final_stats=1 \
        -verbosity=1 -artifact_prefix="$crashes/" "$found" "${corpus[@]}" >"$log" 2>&1; then
        runs=$(awk '/number_of_executed_units/ {print $2}' "$log")
        printf '%-24s ok      %12s runs, %6s inputs kept\n' "$subject" "$runs" \
            "$(find "$found" -type f | wc -l)"
    else
        local input
        input=$(sed -n 's/.*Test unit written to //p' "$log" | tail -1)
        printf '%-24s FAILED  input: %s\n' "$subject" "${input:-none written}"
        grep -m1 -E 'ERROR: |runtime error: ' "$log" || tail -3 "$log"
        printf '    the whole report: %s\n    again: %s %s\n' "$log" "$program" "$input"
        return 1
    fi
}

./dev build fuzz fuzzers

chosen=()
while read -r program subject; do
    if ((${#names[@]} == 0)); then
        chosen+=("$program $subject")
        continue
    fi
    for name in "${names[@]}"; do
        [[ $subject != *"$name"* ]] || {
            chosen+=("$program $subject")
            break
        }
    done
done <build/fuzz/fuzzers.txt
((${#chosen[@]})) || {
    echo "fuzz: no fuzzer is named like: ${names[*]:-(there are none)}" >&2
    exit 2
}

echo "fuzz: ${#chosen[@]} fuzzers, $seconds s each, two at a time"
failed=0
running=0
for one in "${chosen[@]}"; do
    if ((running == 2)); then
        wait -n || failed=1
        running=$((running - 1))
    fi
    # shellcheck disable=SC2086 # two words
    fuzz_one $one &
    running=$((running + 1))
done
while ((running > 0)); do
    wait -n || failed=1
    running=$((running - 1))
done
exit "$failed"
