// Cache keys: the sha256 of a canonical message of everything that can influence a result.
//
// The message is a sequence of fields in the order given here. Each field is
//
//   tag     1 byte, an ASCII letter as below
//   length  8 bytes, little endian: number of bytes of the value
//   value
//
// Integers are 8 bytes, little endian, two's complement. Booleans are one byte, 0 or 1. Texts and names are
// their bytes. Digests are the 32 bytes of the sha256. A list is a field that holds its number of
// elements as integer, followed by its elements as fields. No field is left out, so equal bytes mean
// equal fields.
//
// Step key, "crossmill-step-key":
//   H  text     "crossmill-step-key"
//   V  integer  version of this format (kKeyVersion)
//   S  integer  version of the sandbox's rules: umask, host name, capabilities (kSandboxVersion)
//   P  text     platform, "linux/arm64"
//   L  list of  d digests: the parent layers' diffIDs, bottom first
//   C  integer  clamp value of the layer, seconds since 1970
//   K  boolean  mtimes are kept instead of clamped
//   A  text     action: "run", "copy" or "workdir"; then the action's fields:
//   run:
//     a  list of texts (t): argv
//     e  list of texts (t): environment, NAME=value, in order (proxies that are no part of it stay out)
//     w  text     working directory
//     u  text     user as written
//     n  integer  network mode
//     f  list of files: t name, t content, i mode
//     M  list of mounts: t type, t target, r boolean read-only, t id, i sharing, i size, q boolean required,
//        t variable, i mode, i uid, i gid, t path in the cache, s list of at most one source, as below
//     h  list of texts (t): lines of /etc/hosts
//     z  integer size of /dev/shm, 0: the usual
//     U  list of limits: t name, i soft, i hard
//     N  text     host name, empty: the usual
//     y  integer version of the rules of --normalize, then y list of texts (t): those rules; only if there
//     are any E  list of at most one integer (i): SOURCE_DATE_EPOCH that the command sees
//   copy:
//     D  text     destination
//     o  text     owner as written
//     m  text     mode as written
//     l  boolean  link
//     p  boolean  parents
//     s  list of sources, each an x boolean "an archive is extracted", a k text "context", "export", "inline"
//     or "pattern" and then:
//        context: M list of matches: t name, k "file" "directory" or "symlink", then d digest (file,
//                 directory) or t target (symlink), i mode, i mtime (0 unless mtimes are kept), P list of
//                 integers (i): modes of the folders in the name (with --parents).
//                 A directory's digest is that of its Directory message, so it stands for all below.
//        export:  d digest of the export blob
//        inline:  t name, t content, i mode
//        pattern: t pattern, b parents, list of excludes (M, t), t context, t URL, t checksum, g boolean keep
//        the
//                 git folder: only for a step that is not resolved
//   workdir:
//     D  text     path
//     u  text     user as written
//   and of each, behind the action's fields:
//     G  text     cache domain: the project; only if there is one
//
// Export key, "crossmill-export-key":
//   H  text, V integer, L list of parent diffIDs as above (all layers of the producer), then
//   D  text     pattern
//   p  boolean  parents
//   M  list of texts (t): excludes
//
// Not in a key: step numbers, texts, ranges and paths for messages, proxy settings, values of secrets, what
// is in a cache.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/types/span.h"
#include "common/base/digest.h"
#include "crossmill/v1/plan.pb.h"

namespace crossmill::plan {

inline constexpr int64_t kKeyVersion = 5;
// To be raised when the sandbox changes in a way that commands can see, or layers are made by other rules.
// 2: the headers of compiled Python files name the times that the layer gives their sources.
inline constexpr int64_t kSandboxVersion = 2;

// Hex sha256. `parents`: diffIDs, bottom first. `resolved_step`: as in a task (matches and export blobs
// filled in). `source_date_epoch`: what RUN sees; other actions do not depend on it.
std::string StepKey(const v1::Platform& platform, absl::Span<const Digest> parents,
                    const v1::Step& resolved_step, std::optional<int64_t> source_date_epoch);

// The same of a step of a task, for the task's platform and with its epoch.
std::string StepKey(const v1::Task& task, absl::Span<const Digest> parents, const v1::Step& resolved_step);

// Hex sha256 of an export out of a root made of these layers.
std::string ExportKey(absl::Span<const Digest> parents, const v1::Export& wanted);

}  // namespace crossmill::plan
