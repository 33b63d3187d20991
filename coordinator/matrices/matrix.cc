#include "coordinator/matrices/matrix.h"

#include <algorithm>
#include <map>
#include <set>

#include "common/base/status.h"
#include "common/base/utf8.h"
#include "common/oci/reference.h"
#include "common/words/overall.h"
#include "common/words/platform.h"
#include "common/words/words.h"

namespace crossmill::coordinator {
namespace {

using Arguments = std::map<std::string, std::string>;

absl::StatusOr<Arguments> ArgumentsOf(const v1::MatrixCombination& combination) {
  Arguments arguments;
  for (const v1::BuildArgument& argument : combination.arguments()) {
    if (argument.name().empty()) return absl::InvalidArgumentError("an argument has no name");
    if (!arguments.emplace(argument.name(), argument.value()).second) {
      return absl::InvalidArgumentError(
          fmt::format("the argument {} is there twice", Printable(argument.name())));
    }
  }
  if (arguments.empty()) return absl::InvalidArgumentError("it has no arguments");
  return arguments;
}

// What was checked of the combinations before.
struct Seen {
  std::map<Arguments, int> arguments;
  std::map<std::string, int> tags;
};

absl::Status CheckCombination(const v1::MatrixCombination& combination, int index, Seen* seen) {
  ASSIGN_OR_RETURN(const Arguments arguments, ArgumentsOf(combination));
  if (!seen->arguments.empty()) {
    const Arguments& first = seen->arguments.begin()->first;
    const bool same = std::equal(first.begin(), first.end(), arguments.begin(), arguments.end(),
                                 [](const auto& one, const auto& other) { return one.first == other.first; });
    if (!same) return absl::InvalidArgumentError("it does not vary the same arguments as the others");
  }
  if (const auto [known, is_new] = seen->arguments.emplace(arguments, index); !is_new) {
    return absl::InvalidArgumentError(
        fmt::format("it has the same arguments as combination {}", known->second + 1));
  }
  for (const std::string& tag : combination.tags()) {
    const auto reference = oci::ParseReference(tag);
    if (!reference.ok()) return Annotate(reference.status(), fmt::format("-t {}", Printable(tag)));
    const auto [known, is_new] = seen->tags.emplace(reference->ToString(), index);
    if (!is_new && known->second != index) {
      return absl::InvalidArgumentError(fmt::format(
          "its image would have the name {}, which combination {} has", Printable(tag), known->second + 1));
    }
  }
  return absl::OkStatus();
}

void SetArguments(const v1::MatrixCombination& combination, v1::Recipe* recipe) {
  for (const v1::BuildArgument& argument : combination.arguments()) {
    auto& arguments = *recipe->mutable_build_arguments();
    const auto known = std::find_if(arguments.begin(), arguments.end(), [&](const v1::BuildArgument& each) {
      return each.name() == argument.name();
    });
    if (known == arguments.end()) {
      *arguments.Add() = argument;
    } else {
      known->set_value(argument.value());
    }
  }
}

}  // namespace

absl::StatusOr<std::vector<v1::BuildSubmission>> BuildsOfMatrix(const v1::SubmitMatrixRequest& request,
                                                                size_t most) {
  const auto& combinations = request.combinations();
  if (combinations.empty()) return absl::InvalidArgumentError("a matrix needs a combination");
  if (static_cast<size_t>(combinations.size()) > most) {
    return absl::ResourceExhaustedError(fmt::format(
        "the matrix has {} combinations; the farm takes at most {} at once (--limit combinations=N "
        "of the coordinator)",
        combinations.size(), most));
  }
  if (request.submission().options().tags_size() > 0) {
    return absl::InvalidArgumentError(
        "the images of a matrix have one name each: tags belong to combinations");
  }
  Seen seen;
  std::vector<v1::BuildSubmission> builds;
  for (int i = 0; i < combinations.size(); ++i) {
    const v1::MatrixCombination& combination = combinations[i];
    if (const absl::Status checked = CheckCombination(combination, i, &seen); !checked.ok())
      return Annotate(checked, fmt::format("combination {}", i + 1));
    v1::BuildSubmission& build = builds.emplace_back(request.submission());
    SetArguments(combination, build.mutable_recipe());
    *build.mutable_options()->mutable_tags() = combination.tags();
    if (!combination.platforms().empty())
      *build.mutable_options()->mutable_platforms() = combination.platforms();
    v1::MatrixPlace& place = *build.mutable_matrix();
    place.Clear();
    place.set_place(static_cast<uint32_t>(i));
    place.set_size(static_cast<uint32_t>(combinations.size()));
    *place.mutable_combination() = combination.arguments();
  }
  return builds;
}

v1::MatrixView MatrixViewOf(std::vector<v1::BuildView> builds) {
  v1::MatrixView matrix;
  for (v1::BuildView& build : builds) *matrix.add_builds() = std::move(build);
  matrix.set_id(matrix.builds(0).matrix().matrix());
  matrix.set_status(OverallStatus(matrix.builds()));
  matrix.set_verdict(OverallVerdict(matrix.builds()));
  matrix.set_created_at(matrix.builds(0).created_at());
  for (const v1::BuildView& build : matrix.builds()) {
    if (IsFinished(matrix.status()))
      matrix.set_finished_at(std::max(matrix.finished_at(), build.finished_at()));
    for (const v1::Platform& platform : build.options().platforms()) {
      const bool known = std::any_of(matrix.platforms().begin(), matrix.platforms().end(),
                                     [&](const v1::Platform& each) { return SamePlatform(each, platform); });
      if (!known) *matrix.add_platforms() = platform;
    }
  }
  return matrix;
}

}  // namespace crossmill::coordinator
