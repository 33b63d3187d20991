#include "cli/attribution/rounds.h"

#include <fmt/format.h>

#include "cli/show/exit_codes.h"
#include "common/words/platform.h"
#include "common/words/words.h"

namespace crossmill::cli {
namespace {

std::vector<std::string> ImagesOf(const v1::BuildView& build) {
  std::vector<std::string> images;
  for (const v1::CellView& cell : build.cells())
    images.push_back(FormatPlatform(cell.platform()) + " " + cell.image_digest());
  return images;
}

}  // namespace

void Rounds::Take(const v1::BuildView& ended) {
  builds_.push_back(ended.id());
  const std::vector<std::string> images = ImagesOf(ended);
  if (builds_.size() == 1) images_ = images;
  verdict_ = OverallVerdict(ended);
  if (ended.status() != v1::BUILD_STATUS_SUCCEEDED) {
    why_ = "status";
  } else if (images != images_) {
    why_ = "image";
    differs_ = true;
  } else if (verdict_ != v1::VERDICT_REPRODUCIBLE) {
    why_ = "verdict";
  }
}

std::string Rounds::Render() const {
  if (builds_.empty()) return {};
  const std::string round =
      fmt::format("round {} of at most {} (build {})", builds_.size(), most_, builds_.back());
  if (why_ == "status") return fmt::format("{} did not succeed", round);
  if (why_ == "verdict") return fmt::format("{} is {}", round, Word(verdict_));
  if (why_ == "image") {
    return fmt::format("{} gave another image than build {}: crossmill diff {} {}", round, builds_.front(),
                       builds_.front(), builds_.back());
  }
  std::string builds;
  for (const int64_t build : builds_) builds += fmt::format("{}{}", builds.empty() ? "" : ", ", build);
  return fmt::format("{} round{} gave the same image: build{} {}", builds_.size(),
                     builds_.size() == 1 ? "" : "s", builds_.size() == 1 ? "" : "s", builds);
}

Json Rounds::Document() const {
  return {{"wanted", most_},
          {"run", builds_.size()},
          {"builds", builds_},
          {"ended_by", why_.empty() ? Json(nullptr) : Json(why_)}};
}

}  // namespace crossmill::cli
