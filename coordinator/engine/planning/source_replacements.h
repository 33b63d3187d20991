// What is taken in the place of sources that a recipe names: BuildSubmission.replacements. Pure.
#pragma once

#include <map>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "crossmill/v1/build.pb.h"

namespace crossmill::coordinator {

// Of what a client submits. INVALID_ARGUMENT: more than 1000, a text longer than 16 KiB, one that has no
// replacement, or two for the same source.
absl::Status CheckReplacements(const v1::BuildSubmission& submission);

// The submission outlives it.
class SourceReplacements {
 public:
  explicit SourceReplacements(const v1::BuildSubmission& submission);

  // The image that is meant by a base's reference.
  const std::string& ImageFor(const std::string& reference) const;
  // What to fetch for ADD.
  v1::RemoteFile FileFor(v1::RemoteFile file) const;
  v1::RemoteGit RepositoryFor(v1::RemoteGit repository) const;

 private:
  const v1::SourceReplacement* Find(const std::string& source, const std::string& checksum) const;

  std::map<std::pair<std::string, std::string>, const v1::SourceReplacement*> replacements_;
};

}  // namespace crossmill::coordinator
