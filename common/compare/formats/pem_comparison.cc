// PEM (RFC 7468): what the blocks hold. What signs a certificate follows from the rest of it.
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_split.h"
#include "common/base/status.h"
#include "common/compare/formats/formats.h"

namespace crossmill::compare {
namespace {

constexpr std::string_view kBegin = "-----BEGIN ";
constexpr std::string_view kDashes = "-----";

struct Block {
  std::string label;
  std::string der;
};

// INVALID_ARGUMENT: there is something beside blocks, or one is not base64.
absl::StatusOr<std::vector<Block>> BlocksOf(std::string_view pem) {
  std::vector<Block> blocks;
  std::string base64;
  bool inside = false;
  for (const absl::string_view line : absl::StrSplit(Av(pem), '\n', absl::SkipEmpty())) {
    const std::string_view text = Sv(line);
    if (!inside && text.starts_with(kBegin) && text.ends_with(kDashes)) {
      blocks.push_back(
          {std::string(text.substr(kBegin.size(), text.size() - kBegin.size() - kDashes.size())), ""});
      inside = true;
    } else if (inside && text.starts_with("-----END ")) {
      if (!absl::Base64Unescape(base64, &blocks.back().der))
        return absl::InvalidArgumentError("the PEM file is damaged");
      base64.clear();
      inside = false;
    } else if (inside) {
      base64 += text;
    } else {
      return absl::InvalidArgumentError("there is text beside the PEM blocks");
    }
  }
  if (inside || blocks.empty()) return absl::InvalidArgumentError("the PEM file is damaged");
  return blocks;
}

}  // namespace

bool IsPem(std::string_view bytes) { return bytes.starts_with(kBegin); }

absl::Status ComparePem(std::string_view first, std::string_view second, Differences* differences) {
  ASSIGN_OR_RETURN(const std::vector<Block> ours, BlocksOf(first));
  ASSIGN_OR_RETURN(const std::vector<Block> theirs, BlocksOf(second));
  if (ours.size() != theirs.size())
    return absl::InvalidArgumentError("they hold different numbers of blocks");
  const int before = differences->count();
  for (size_t i = 0; i < ours.size(); ++i) {
    if (ours[i].label != theirs[i].label) return absl::InvalidArgumentError("they hold different blocks");
  }
  for (size_t i = 0; i < ours.size(); ++i) {
    const Differences::Part part(*differences, ours[i].label);
    const int of_block = differences->count();
    CompareBytes(ours[i].der, theirs[i].der, differences);
    // The signature stands at the end.
    const int added = differences->count() - of_block;
    if (ours[i].label == "CERTIFICATE" && added > 1) differences->MarkDerived(of_block + 1);
  }
  if (differences->count() == before) CompareText(first, second, differences);
  return absl::OkStatus();
}

}  // namespace crossmill::compare
