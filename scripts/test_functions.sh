# Functions that scripts/test and scripts/check share. Sourced; expects $results and $jobs.
# shellcheck shell=bash
# shellcheck disable=SC2154 # $results and $jobs are the caller's

step() { printf '\n==> %s\n' "$*"; }

# configure PRESET [CMAKE OPTION]...: unless the folder is there.
configure() {
  [[ -f build/$1/build.ninja ]] || cmake --preset "$@"
}

# Test binaries that are not integration or end-to-end tests, one per line.
unit_test_targets() {
  cmake --build --preset "$1" --target help | sed -nE 's/^([a-z0-9_]+_test): phony$/\1/p' |
    grep -vE '^(integration|e2e|bench)' | sort -u
}

# run_tests PRESET [unit]: ctest with a JUnit file. With `unit` binaries that were not built are left out.
run_tests() {
  local preset=$1 kind=$2 options=()
  if [[ $kind == unit ]]; then options=(--exclude-regex '_NOT_BUILT$|^e2e' --label-exclude '^(integration|e2e|bench)$'); fi
  ASAN_OPTIONS=detect_leaks=1:abort_on_error=1 UBSAN_OPTIONS=print_stacktrace=1 TSAN_OPTIONS=halt_on_error=1 \
    ctest --test-dir "build/$preset" -j "$jobs" --output-on-failure --timeout 600 \
    --test-output-size-passed 65536 \
    --output-junit "$results/$preset.xml" "${options[@]}"
}
