# shellcheck shell=bash
# What the wrappers of scripts/ci have in common: each sources it. Needs bash, sha256sum and `crossmill` in PATH.
#
# CROSSMILL_REPORTS   folder of the files that are left for the pipeline [crossmill-reports]
# CROSSMILL_IDENTITY_TOKEN  in place of CROSSMILL_TOKEN: what the pipeline service signed for the job
# CROSSMILL_KEY       idempotency key [made of pipeline, job, attempt and arguments]

crossmill_reports=${CROSSMILL_REPORTS:-crossmill-reports}

# crossmill_key WORD...: the same job, run again with the same arguments, waits for the build that it submitted before.
# What tells pipelines and attempts apart is in the words, which may hold anything.
crossmill_key() { printf '%s\0' "$@" | sha256sum | cut -c1-40; }

# crossmill_login: where there is no CROSSMILL_TOKEN, exchanges CROSSMILL_IDENTITY_TOKEN, which the pipeline service signed for
# this job, for a token of the farm. It is kept until the script ends, in a folder of its own.
crossmill_login() {
  if [ -n "${CROSSMILL_TOKEN-}" ] || [ -z "${CROSSMILL_IDENTITY_TOKEN-}" ]; then return 0; fi
  XDG_CONFIG_HOME=$(mktemp -d) || return 5
  export XDG_CONFIG_HOME
  trap 'rm -rf -- "$XDG_CONFIG_HOME"' EXIT
  crossmill login "${CROSSMILL_COORDINATOR:?says where the farm is}" >&2
}

# crossmill_build KEY ARGUMENT...: `crossmill build` with its files in the folder of reports. Returns its exit code. When
# the job is cancelled so is the build, and the files tell of that.
crossmill_build() {
  local key=${CROSSMILL_KEY:-$1} pid code
  shift
  mkdir -p -- "$crossmill_reports" || return 5
  crossmill_login || return
  # Reports in the context change it from run to run: nothing that copies all of it is ever taken from the cache.
  case $crossmill_reports in
    /* | ../*) ;;
    *) grep -qsF -- "$crossmill_reports" .dockerignore ||
      echo "crossmill: put $crossmill_reports into .dockerignore: it is no part of what is built" >&2 ;;
  esac
  crossmill build --idempotency-key "$key" \
    --metadata-file "$crossmill_reports/metadata.json" --junit "$crossmill_reports/junit.xml" \
    --sarif "$crossmill_reports/crossmill.sarif" --code-quality "$crossmill_reports/code-quality.json" \
    --summary "$crossmill_reports/summary.md" "$@" <&0 &
  pid=$!
  # Not INT: a shell without a terminal starts what runs beside it deaf to that.
  trap 'kill -TERM "$pid" 2>/dev/null' INT TERM
  wait "$pid"
  code=$?
  # The first wait ends with the signal, the build a moment later.
  while kill -0 "$pid" 2>/dev/null; do
    wait "$pid"
    code=$?
  done
  trap - INT TERM
  return "$code"
}

# crossmill_value NAME: a number or text at the top of the metadata; nothing if there is none.
crossmill_value() {
  [ -r "$crossmill_reports/metadata.json" ] || return 0
  sed -nE "s/^  \"$1\": \"?([^\",]*)\"?,?\$/\\1/p" "$crossmill_reports/metadata.json" | sed -n '/^null$/!p' | head -n 1
}

# The number of the build, or m and that of the matrix.
crossmill_number() {
  local matrix
  matrix=$(crossmill_value matrix_id)
  if [ -n "$matrix" ]; then printf 'm%s' "$matrix"; else crossmill_value build_id; fi
}
