#include "worker/normalize/compiler_wrapper.h"

namespace crossmill::worker {

const std::string_view kCompilerWrapper = R"sh(#!/bin/sh
# Runs GCC's own compiler of this name, and has it write temporary folders without the random part of their
# name. Made by Crossmill for one step (rule build-paths of --normalize); GCC finds it by COMPILER_PATH.
real=$(unset COMPILER_PATH; "${COLLECT_GCC:?GCC did not say how it was called}" -print-prog-name="${0##*/}") || exit
case $real in
  */*) ;;
  *) echo "crossmill: $COLLECT_GCC has no ${0##*/}" >&2; exit 1 ;;
esac
# Compilers before GCC 8 map paths in debug information only.
option=-fdebug-prefix-map
version=${real%/*}
version=${version##*/}
case ${version%%.*} in
  [89] | [1-9][0-9]) option=-ffile-prefix-map ;;
esac

# Sets `from` to the beginning of the path $1 that ends with the last random name in it, and `to` to the same
# without the random parts.
find_random() {
  rest=${1#/} path='' mapped='' from='' above=''
  while [ -n "$rest" ]; do
    name=${rest%%/*}
    case $rest in
      */*) rest=${rest#*/} ;;
      *) rest='' ;;
    esac
    path=$path/$name
    case $name in
      # The folder of a source: pip calls it so when it is asked for the archive, and else by the package in a
      # folder for all of them. It makes the same of it.
      pip-req-build-???????? | pip-install-????????) fixed=pip-build ;;
      # pip and build: eight characters of Python's tempfile after a purpose.
      pip-?*-[a-z0-9_][a-z0-9_][a-z0-9_][a-z0-9_][a-z0-9_][a-z0-9_][a-z0-9_][a-z0-9_] | \
        build-env-???????? | build-via-sdist-????????)
        fixed=${name%-????????} ;;
      tmp[a-z0-9_][a-z0-9_][a-z0-9_][a-z0-9_][a-z0-9_][a-z0-9_][a-z0-9_][a-z0-9_]) fixed=tmp ;;
      # mktemp; uv and others that are written in Rust.
      tmp.?????????? | .tmp??????) fixed=tmp ;;
      # The folder of a package in pip's.
      ?*_????????????????????????????????)
        fixed=$name
        case ${name##*_} in
          *[!0-9a-f]*) ;;
          *) fixed=${name%_*} ;;
        esac ;;
      *) fixed=$name ;;
    esac
    case $above:$fixed in
      pip-install-*:"$name") mapped=$mapped/$name ;;
      pip-install-*) ;;
      *) mapped=$mapped/$fixed ;;
    esac
    above=$name
    if [ "$fixed" != "$name" ]; then
      from=$path to=$mapped
    fi
  done
}

folder=$(pwd -P)
seen=''
for argument in "$folder" "$@"; do
  case $argument in
    /*) ;;
    -I/*) argument=${argument#-I} ;;
    *) continue ;;
  esac
  find_random "$argument"
  # GCC takes the first "=" for the end of what it is to replace.
  case $from in
    '' | *=*) continue ;;
  esac
  case $seen in
    *"
$from
"*) continue ;;
  esac
  seen=$seen"
$from
"
  set -- "$@" "$option=$from=$to"
done
exec "$real" "$@"
)sh";

}  // namespace crossmill::worker
