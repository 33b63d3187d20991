#include "coordinator/engine/planning/source_replacements.h"

#include <algorithm>
#include <set>

#include "common/base/status.h"
#include "common/base/utf8.h"

namespace crossmill::coordinator {
namespace {

constexpr int kMostReplacements = 1000;
constexpr size_t kLongestReplacement = 16 << 10;

// Puts what a replacement says into what is to be fetched.
template <typename Wanted>
Wanted ReplacedBy(const v1::SourceReplacement* replacement, Wanted wanted) {
  if (replacement == nullptr) return wanted;
  wanted.set_url(replacement->replacement());
  wanted.set_checksum(replacement->replacement_checksum());
  return wanted;
}

}  // namespace

absl::Status CheckReplacements(const v1::BuildSubmission& submission) {
  if (submission.replacements_size() > kMostReplacements) {
    return absl::InvalidArgumentError(fmt::format("replacements: {} of them; there may be {}",
                                                  submission.replacements_size(), kMostReplacements));
  }
  std::set<std::pair<std::string, std::string>> sources;
  for (const v1::SourceReplacement& each : submission.replacements()) {
    const std::string shown = Printable(CutBetweenCharacters(each.source(), 200));
    const size_t longest = std::max({each.source().size(), each.checksum().size(), each.replacement().size(),
                                     each.replacement_checksum().size()});
    if (longest > kLongestReplacement) {
      return absl::InvalidArgumentError(fmt::format("replacements: {}: a text of {} bytes; there may be {}",
                                                    shown, longest, kLongestReplacement));
    }
    if (each.source().empty() || each.replacement().empty())
      return absl::InvalidArgumentError(
          fmt::format("replacements: '{}': expected a source and what to take in its place", shown));
    if (!sources.emplace(each.source(), each.checksum()).second)
      return absl::InvalidArgumentError(fmt::format("replacements: {}: expected each source once", shown));
  }
  return absl::OkStatus();
}

SourceReplacements::SourceReplacements(const v1::BuildSubmission& submission) {
  for (const v1::SourceReplacement& each : submission.replacements())
    replacements_.emplace(std::pair(each.source(), each.checksum()), &each);
}

const v1::SourceReplacement* SourceReplacements::Find(const std::string& source,
                                                      const std::string& checksum) const {
  const auto found = replacements_.find({source, checksum});
  return found == replacements_.end() ? nullptr : found->second;
}

const std::string& SourceReplacements::ImageFor(const std::string& reference) const {
  const v1::SourceReplacement* found = Find(reference, "");
  return found == nullptr ? reference : found->replacement();
}

v1::RemoteFile SourceReplacements::FileFor(v1::RemoteFile file) const {
  const v1::SourceReplacement* found = Find(file.url(), file.checksum());
  return ReplacedBy(found, std::move(file));
}

v1::RemoteGit SourceReplacements::RepositoryFor(v1::RemoteGit repository) const {
  const v1::SourceReplacement* found = Find(repository.url(), repository.checksum());
  return ReplacedBy(found, std::move(repository));
}

}  // namespace crossmill::coordinator
