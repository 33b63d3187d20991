# shellcheck shell=bash
# Sourced by scripts/install-*: what they compile is pinned by a go.mod below tests/peers.

# require_go PROGRAM FOLDER: the Go that is here can compile the modules of FOLDER, else the script ends with 77 and says why.
require_go() {
  local program=$1 wanted found
  wanted=$(sed -n 's/^go //p' "$2/go.mod")
  if ! command -v go >/dev/null; then
    say "skipped: there is no Go on this machine, and $program needs $wanted or newer"
    exit 77
  fi
  # Never one that it would fetch.
  export GOTOOLCHAIN=local GOFLAGS=-buildvcs=false
  found=$(go env GOVERSION)
  if [[ $(printf '%s\n' "${found#go}" "$wanted" | sort -V | head -1) != "$wanted" ]]; then
    say "skipped: Go is ${found#go} here, and $program needs $wanted or newer"
    exit 77
  fi
}
