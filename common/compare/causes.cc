#include "common/compare/causes.h"

#include <algorithm>

namespace crossmill::compare {
namespace {

constexpr CauseClass kClasses[] = {
    {"unknown", "", 0},
    {"random", "Take the random part out, or give it a fixed seed.", 1},
    {"order", "Sort before writing; for the order of Python's sets and dictionaries set PYTHONHASHSEED.", 2},
    {"build-path",
     "Build in a folder with a fixed name, or keep it out of the output: -ffile-prefix-map, or no debug "
     "information.",
     3},
    {"embedded-time", "Use SOURCE_DATE_EPOCH, which every step has, in place of the clock.", 4},
    {"host-name", "Do not write the host's name into files; a build has a fixed one only without --verify.",
     5},
    {"kernel", "Do not write the kernel's version into files.", 6},
    {"cpu-model", "Do not write the processor's model into files.", 7},
    {"cpu-features", "Do not compile for the machine at hand: no -march=native.", 8},
    {"processors", "Do not let the output depend on the number of processors: give it as a fixed number.", 9},
    {"process-id", "Do not write process ids into files.", 10},
    {"duration", "Do not write how long something took.", 10},
    {"locale", "Set LC_ALL=C.UTF-8 and TZ=UTC.", 11, "ENV LC_ALL=C.UTF-8 TZ=UTC"},
    {"environment", "Do not write the whole environment into files: name the variables that are meant.", 11},
    {"search-path", "Do not write PATH into files.", 11},
    {"input", "Pin what is fetched: versions, digests, a snapshot of the archive.", 12},
    {"member-order", "Sort the names: tar --sort=name; give zip and ar sorted lists.", 13},
    {"archive-time",
     "Set the times of members: tar --mtime=@$SOURCE_DATE_EPOCH; ar with D; zip -X after touch.", 14},
    {"member-owner", "tar --owner=0 --group=0 --numeric-owner", 15},
    {"member-mode", "Set the modes: a fixed umask, tar --mode=...", 16},
    {"pax-header", "tar --pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime", 17},
    {"gzip-header", "gzip -n", 18},
    {"compressor", "Use one version and level of the compressor on all hosts.", 19},
    {"pyc-header", "python -m compileall --invalidation-mode unchecked-hash", 20},
    {"pyc-body", "Compile in one process, in sorted order, with a fixed PYTHONHASHSEED.", 21},
    {"cache", "Remove it at the end of the RUN that makes it.", 22},
    {"file-metadata", "Set owner and mode in the same RUN.", 23},
    {"file-time",
     "Times earlier than the build's epoch are kept: touch the file, or remove what sets its time.", 24},
};

}  // namespace

absl::Span<const CauseClass> CauseClasses() { return kClasses; }

const CauseClass* FindCauseClass(std::string_view word) {
  const auto found = std::find_if(std::begin(kClasses), std::end(kClasses),
                                  [&](const CauseClass& each) { return each.word == word; });
  return found == std::end(kClasses) ? nullptr : found;
}

}  // namespace crossmill::compare
