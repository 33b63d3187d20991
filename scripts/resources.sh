# What a script needs of this machine before it begins: disk space per file system, and memory for compilers. Sourced.
# shellcheck shell=bash
#
#   need_folder MIB FOLDER PURPOSE   FOLDER will have this size; what it holds already counts
#   need_space MIB FOLDER PURPOSE    as much will be written below FOLDER, whatever it holds
#   require_resources NAME           ends the script when something is short, and says how much of what

space_needs=()

need_space() { space_needs+=("$1|$2|$3"); }

need_folder() {
  local there=0
  if [[ -d $2 ]]; then there=$(du -sm "$2" 2>/dev/null | cut -f1); fi
  need_space $(($1 - ${there:-0})) "$2" "$3"
}

nearest_folder() {
  local folder=$1
  while [[ ! -d $folder ]]; do folder=$(dirname "$folder"); done
  printf '%s' "$folder"
}

# Two numbers for people: 1536 MiB are "1.5 GiB".
gibibytes() { awk -v mib="$1" 'BEGIN { printf "%.1f GiB", mib / 1024 }'; }

# Lines "MOUNT|FREE|NEEDED|PURPOSES" in MiB, one for each file system: needs on the same one add up.
space_by_file_system() {
  local need mib folder purpose mount free
  declare -A needed free_of purposes
  for need in "${space_needs[@]}"; do
    IFS='|' read -r mib folder purpose <<<"$need"
    if ((mib <= 0)); then continue; fi
    read -r free mount < <(df -Pm "$(nearest_folder "$folder")" | awk 'NR == 2 { print $4, $6 }')
    free_of[$mount]=$free
    needed[$mount]=$((${needed[$mount]:-0} + mib))
    purposes[$mount]+="${purposes[$mount]:+, }$purpose $(gibibytes "$mib")"
  done
  for mount in "${!needed[@]}"; do
    printf '%s|%s|%s|%s\n' "$mount" "${free_of[$mount]}" "${needed[$mount]}" "${purposes[$mount]}"
  done
}

available_memory() { awk '$1 == "MemAvailable:" { print int($2 / 1024) }' "${MEMINFO:-/proc/meminfo}"; }

# The largest sources take this much of a compiler, in MiB.
memory_per_compiler=1200

# How many compilers fit: at most one per processor.
compilers_that_fit() {
  local count=$(($(available_memory) / memory_per_compiler)) processors
  processors=$(nproc)
  if ((count > processors)); then count=$processors; fi
  if ((count < 1)); then count=1; fi
  printf '%s' "$count"
}

require_resources() {
  local name=$1 mount free needed purposes short=0 memory
  while IFS='|' read -r mount free needed purposes; do
    if ((free >= needed)); then continue; fi
    printf '%s: needs %s on %s (%s), and %s are free\n' "$name" "$(gibibytes "$needed")" "$mount" "$purposes" \
      "$(gibibytes "$free")" >&2
    short=1
  done < <(space_by_file_system)
  memory=$(available_memory)
  if ((memory < memory_per_compiler)); then
    printf '%s: needs %s of memory for a compiler, and %s are available\n' "$name" \
      "$(gibibytes "$memory_per_compiler")" "$(gibibytes "$memory")" >&2
    short=1
  fi
  if ((short)); then exit 1; fi
}
