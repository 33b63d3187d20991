// Definitions (BuildKit's marshalled graphs) as far as they are read: tokens that stand for a result of ours,
// and graphs that name one source, whose files a client reads before it builds. Pure.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "moby/buildkit/v1/ops.pb.h"

namespace crossmill::coordinator::buildkit {

// A definition that clients hand back as they got it: the id stands in it.
pb::Definition TokenFor(const std::string& id);
// The id, if it is such a token.
std::optional<std::string> IdOfToken(const pb::Definition& definition);

// The one source of a definition.
struct RawSource {
  enum class Kind { kGit, kHttp };
  Kind kind = Kind::kGit;
  // "https://host/team/app.git#ref:folder", "https://host/archive.tgz".
  std::string url;
  std::map<std::string, std::string> attributes = {};
  // Of an archive: its files are meant.
  bool unpacked = false;
};

// UNIMPLEMENTED names the operation that is not served.
absl::StatusOr<RawSource> ReadRawSource(const pb::Definition& definition);

}  // namespace crossmill::coordinator::buildkit
