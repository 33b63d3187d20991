# Functions that scripts/test and scripts/check share. Sourced; expects $results and $jobs.
# shellcheck shell=bash
# shellcheck disable=SC2154 # $results and $jobs are the caller's

# With the minutes since the beginning: of a run that is cut off, too, one sees where its time went.
step() { printf '\n==> %s (after %d:%02d)\n' "$*" $((SECONDS / 60)) $((SECONDS % 60)); }

# configure PRESET [CMAKE OPTION]...: unless the folder is there.
configure() {
  [[ -f build/$1/build.ninja ]] || cmake --preset "$@"
}

# Test binaries that are not integration or end-to-end tests, one per line.
unit_test_targets() {
  cmake --build --preset "$1" --target help | sed -nE 's/^([a-z0-9_]+_test): phony$/\1/p' |
    grep -vE '^(integration|e2e|bench)' | sort -u
}

# Unit tests of what reads foreign bytes (recipes, archives, documents of registries and indexes, reports, requests),
# which scripts/test runs under the sanitizers. Those of the coordinator's own state would make it compile all of the
# coordinator twice.
sanitized_test_targets() {
  comm -12 <(unit_test_targets "$1") <(cd tests && grep -rhoE --include=CMakeLists.txt '\<crossmill_test\([a-z0-9_]+' \
    common worker coordinator/{images,notices,sources,submissions} | sed 's/.*(//' | sort -u)
}

# Benches that only `scripts/check slow` tries.
bench_targets() { sed -nE 's/^ *set_tests_properties\(([a-z_]+) PROPERTIES LABELS bench.*/\1/p' tests/CMakeLists.txt | sort -u; }

# What `all` of a preset asks for by itself, one per line: its programs by name, and what else tests are made of (a library
# is made for the programs that have it).
targets_of_all() {
  local folders
  mapfile -t folders < <(ninja -C "build/$1" -t targets all | sed -nE 's#^((.*/)?all): phony$#\1#p')
  ninja -C "build/$1" -t query "${folders[@]}" | sed -nE '/^  outputs:/,/^[^ ]/d; s#^    (\|+ )?(bin/)?##p' |
    grep -vE '/all$|\.(a|so|util)$' | sort -u
}

# What a preset makes but for benches and the sanitized tests of another, one per line: what is tested with this one.
targets_without_tests_of() {
  comm -23 <(targets_of_all "$1") <(sort -u <(sanitized_test_targets "$2") <(bench_targets))
}

# run_tests PRESET [CTEST OPTION]...: ctest with a JUnit file, and one of each program that it runs whole. Test binaries
# that were not built are left out.
run_tests() {
  local preset=$1
  shift
  if grep -q '^CROSSMILL_TESTS_BY_PROGRAM:BOOL=ON' "build/$preset/CMakeCache.txt"; then
    local -x GTEST_OUTPUT=xml:$results/$preset/
  fi
  ASAN_OPTIONS=detect_leaks=1:abort_on_error=1 UBSAN_OPTIONS=print_stacktrace=1 TSAN_OPTIONS=halt_on_error=1 \
    ctest --test-dir "build/$preset" -j "$jobs" --output-on-failure --timeout 600 \
    --test-output-size-passed 65536 --exclude-regex '_NOT_BUILT$' \
    --output-junit "$results/$preset.xml" "$@"
}

# run_unit_tests PRESET: without what needs programs, root's farms, or only reads sources.
run_unit_tests() { run_tests "$1" --label-exclude '^(source|integration|e2e|bench)$'; }
