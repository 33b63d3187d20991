#include "common/base/opening/resolve_in_root.h"

#include <deque>
#include <vector>

#include "absl/strings/str_split.h"
#include "common/base/status.h"
#include "common/base/utf8.h"

namespace crossmill {
namespace {

constexpr int kMostLinks = 40;
// Of one path, with all links in it.
constexpr size_t kMostParts = 4096;

void PutInFront(std::string_view path, std::deque<std::string>* parts) {
  const std::vector<std::string> more = absl::StrSplit(Av(path), '/', absl::SkipEmpty());
  parts->insert(parts->begin(), more.begin(), more.end());
}

}  // namespace

absl::StatusOr<std::string> ResolveInRoot(std::string_view path, const LinkAt& link_at) {
  std::deque<std::string> parts;
  PutInFront(path, &parts);
  std::string at;
  int links = 0;
  while (!parts.empty()) {
    if (parts.size() > kMostParts) return absl::FailedPreconditionError("a path with too many parts");
    const std::string part = std::move(parts.front());
    parts.pop_front();
    if (part == ".") continue;
    if (part == "..") {
      at.resize(at.empty() ? 0 : at.rfind('/'));
      continue;
    }
    std::string next = at + "/" + part;
    ASSIGN_OR_RETURN(const std::optional<std::string> link, link_at(next));
    if (!link) {
      at = std::move(next);
      continue;
    }
    if (++links > kMostLinks) {
      return absl::FailedPreconditionError(fmt::format("{}: too many links", Printable(path.substr(0, 200))));
    }
    if (link->starts_with('/')) at.clear();
    PutInFront(*link, &parts);
  }
  return at.empty() ? "/" : at;
}

}  // namespace crossmill
