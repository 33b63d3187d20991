// The levels at which images and their builds are compared (docs/formats.md, "Verdicts"): one word for each,
// everywhere. Pure.
#pragma once

#include <string>
#include <string_view>

#include "absl/types/span.h"

namespace crossmill {

struct ComparisonLevel {
  std::string_view word;
  // What is equal, for people.
  std::string_view phrase;
};

// The strictest first.
absl::Span<const ComparisonLevel> ComparisonLevels();

// Of a build by those of its cells: the least strict of them; "index" if all are "image", since an index
// follows from its images. Empty if it is not known of some cell.
std::string LevelOfBuild(absl::Span<const std::string> cells);

// For people; of a word that is none, such as one of an older record, the word.
std::string LevelPhrase(std::string_view word);

}  // namespace crossmill
