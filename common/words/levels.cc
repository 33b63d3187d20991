#include "common/words/levels.h"

#include <algorithm>

#include "common/base/status.h"

namespace crossmill {
namespace {

constexpr ComparisonLevel kLevels[] = {
    {"index", "the index with all its images is the same"},
    {"image", "the whole image is the same"},
    {"config", "config and layers are the same"},
    {"blobs", "the layers are the same, as they are compressed too"},
    {"layers", "all layers are the same"},
    {"entries", "only times of files differ"},
    {"root",
     "the file system is the same, times of files apart: what else differs was removed again, but is in the "
     "layers"},
    {"contents",
     "what is in the files is the same: only times and order in archives, compression, or times in compiled "
     "Python differ"},
    {"exports", "what stages copy from each other is the same"},
    {"none", "nothing of it is known to be the same"},
};

}  // namespace

absl::Span<const ComparisonLevel> ComparisonLevels() { return kLevels; }

std::string LevelOfBuild(absl::Span<const std::string> cells) {
  size_t weakest = 0;
  for (const std::string& cell : cells) {
    size_t rank = 0;
    while (rank < std::size(kLevels) && kLevels[rank].word != cell) ++rank;
    if (rank == std::size(kLevels)) return "";
    weakest = std::max(weakest, rank);
  }
  if (cells.empty()) return "";
  return std::string(kLevels[weakest].word == "image" ? "index" : kLevels[weakest].word);
}

std::string LevelPhrase(std::string_view word) {
  // The word of records of before "entries".
  if (word == "manifests") word = "entries";
  const auto found = std::find_if(std::begin(kLevels), std::end(kLevels),
                                  [&](const ComparisonLevel& each) { return each.word == word; });
  return found == std::end(kLevels) ? fmt::format("the same up to: {}", word) : std::string(found->phrase);
}

}  // namespace crossmill
