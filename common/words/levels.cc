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
     "what is in the files is the same, only how it is packed differs: times, order and headers in archives, "
     "compression, times in compiled Python"},
    {"exports", "what stages copy from each other is the same"},
    {"none", "nothing of it is known to be the same"},
};

const ComparisonLevel* FindLevel(std::string_view word) {
  // The word of records of before "entries".
  if (word == "manifests") word = "entries";
  return std::find_if(std::begin(kLevels), std::end(kLevels),
                      [&](const ComparisonLevel& each) { return each.word == word; });
}

}  // namespace

absl::Span<const ComparisonLevel> ComparisonLevels() { return kLevels; }

std::string LevelOfBuild(absl::Span<const std::string> cells) {
  const ComparisonLevel* weakest = std::begin(kLevels);
  for (const std::string& cell : cells) {
    const ComparisonLevel* level = FindLevel(cell);
    if (level == std::end(kLevels)) return "";
    weakest = std::max(weakest, level);
  }
  if (cells.empty()) return "";
  return std::string(weakest->word == "image" ? "index" : weakest->word);
}

std::string LevelPhrase(std::string_view word) {
  const ComparisonLevel* level = FindLevel(word);
  return level == std::end(kLevels) ? fmt::format("the same up to: {}", word) : std::string(level->phrase);
}

}  // namespace crossmill
