#include "common/plan/variation.h"

#include <algorithm>
#include <array>

#include "absl/strings/str_split.h"
#include "common/base/status.h"
#include "common/words/words.h"

namespace crossmill::plan {
namespace {

constexpr std::array kStandard = {v1::ASPECT_CLOCK, v1::ASPECT_HOST_NAME, v1::ASPECT_PROCESSORS,
                                  v1::ASPECT_FILE_ORDER};

// Only by a wish: what depends on these depends on its surroundings, and many a recipe may by right.
constexpr std::array kFurther = {v1::ASPECT_PROCESS_IDS, v1::ASPECT_ENVIRONMENT, v1::ASPECT_TIME_ZONE,
                                 v1::ASPECT_LOCALE, v1::ASPECT_SEARCH_PATH};

std::vector<v1::Aspect> AllAspects() {
  std::vector<v1::Aspect> all(kStandard.begin(), kStandard.end());
  all.insert(all.end(), kFurther.begin(), kFurther.end());
  return all;
}

std::string AllWords() {
  std::string words;
  for (const v1::Aspect aspect : AllAspects()) words += fmt::format(", {}", Word(aspect));
  return words;
}

}  // namespace

std::vector<v1::Aspect> AspectsOf(const v1::BuildOptions& options) {
  if (!options.has_vary()) return {kStandard.begin(), kStandard.end()};
  std::vector<v1::Aspect> aspects;
  for (const v1::Aspect aspect : AllAspects()) {
    const auto& asked = options.vary().aspects();
    if (std::find(asked.begin(), asked.end(), aspect) != asked.end()) aspects.push_back(aspect);
  }
  return aspects;
}

bool DiffersInEveryReplica(v1::Aspect aspect) {
  return aspect != v1::ASPECT_PROCESSORS && aspect != v1::ASPECT_FILE_ORDER;
}

absl::StatusOr<v1::Vary> ParseVary(std::string_view text) {
  const auto bad = [&](std::string_view why) {
    return absl::InvalidArgumentError(fmt::format("--vary {}: {}", text, why));
  };
  v1::Vary vary;
  if (text == "none") return vary;
  const std::vector<v1::Aspect> all = AllAspects();
  const auto add = [&](v1::Aspect aspect) {
    const auto& known = vary.aspects();
    if (std::find(known.begin(), known.end(), aspect) == known.end()) vary.add_aspects(aspect);
  };
  for (const absl::string_view part : absl::StrSplit(Av(text), ',')) {
    const std::string_view word = Sv(part);
    if (word == "none") return bad("'none' stands alone");
    if (word == "standard") {
      for (const v1::Aspect aspect : kStandard) add(aspect);
      continue;
    }
    if (word == "all") {
      for (const v1::Aspect aspect : all) add(aspect);
      continue;
    }
    const auto found =
        std::find_if(all.begin(), all.end(), [&](v1::Aspect aspect) { return Word(aspect) == word; });
    if (found == all.end()) {
      return bad(fmt::format("there is no '{}'; there are standard, all, none{}", word, AllWords()));
    }
    add(*found);
  }
  return vary;
}

}  // namespace crossmill::plan
