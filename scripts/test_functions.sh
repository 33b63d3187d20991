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

# What a preset makes but for the unit tests of another, one per line: what only this one can test.
targets_without_tests_of() {
  comm -23 <(ninja -C "build/$1" -t targets all | sed -nE 's#^bin/([A-Za-z0-9_-]+): .*#\1#p' | sort -u) <(unit_test_targets "$2")
}

# run_tests PRESET [CTEST OPTION]...: ctest with a JUnit file. Test binaries that were not built are left out.
run_tests() {
  local preset=$1
  shift
  ASAN_OPTIONS=detect_leaks=1:abort_on_error=1 UBSAN_OPTIONS=print_stacktrace=1 TSAN_OPTIONS=halt_on_error=1 \
    ctest --test-dir "build/$preset" -j "$jobs" --output-on-failure --timeout 600 \
    --test-output-size-passed 65536 --exclude-regex '_NOT_BUILT$' \
    --output-junit "$results/$preset.xml" "$@"
}

# run_unit_tests PRESET: without what needs programs, root's farms, or only reads sources.
run_unit_tests() { run_tests "$1" --label-exclude '^(source|integration|e2e|bench)$'; }
