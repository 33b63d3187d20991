# Makes base images beside what a script does meanwhile: one long part of it is emulated, which leaves processors to the
# compilers. Sourced.
# shellcheck shell=bash
#
#   begin_base_images LOG [OPTION]...   begins scripts/base-images build; as a user it does nothing, since sudo may ask
#   base_images_begun                   whether it did
#   finish_base_images                  waits for the end, shows the log; the exit code of the making

base_images_maker=''
base_images_log=''

begin_base_images() {
  base_images_log=$1
  if ((EUID != 0)); then return; fi
  mkdir -p "$(dirname "$base_images_log")"
  setsid scripts/base-images build "${@:2}" >"$base_images_log" 2>&1 &
  base_images_maker=$!
  trap 'kill -- "-$base_images_maker" 2>/dev/null || true' EXIT
}

base_images_begun() { [[ -n $base_images_maker ]]; }

finish_base_images() {
  local made=0
  wait "$base_images_maker" || made=$?
  trap - EXIT
  cat "$base_images_log"
  return "$made"
}
