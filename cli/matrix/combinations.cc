#include "cli/matrix/combinations.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_join.h"
#include "cli/show/text.h"
#include "common/base/status.h"
#include "common/words/platform.h"

namespace crossmill::cli {
namespace {

// A farm takes fewer (--limit combinations); this bounds what is made before it is asked.
constexpr size_t kMost = 4096;

bool IsArgumentName(std::string_view name) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  return !name.empty() && letter(name.front()) &&
         std::all_of(name.begin(), name.end(), [&](char c) { return letter(c) || (c >= '0' && c <= '9'); });
}

std::string NamesText(const MatrixSpec& spec) {
  return absl::StrJoin(spec.names, ", ",
                       [](std::string* out, const MatrixName& each) { out->append(each.name); });
}

bool Varies(const MatrixSpec& spec, const std::string& name) {
  return std::any_of(spec.names.begin(), spec.names.end(),
                     [&](const MatrixName& each) { return each.name == name; });
}

absl::Status CheckNames(const MatrixSpec& spec, const OddCells& entry) {
  for (const auto& [name, value] : entry.arguments) {
    if (!Varies(spec, name)) {
      return absl::InvalidArgumentError(fmt::format("{}: {} is not varied; the matrix varies {}", entry.place,
                                                    Printable(name), NamesText(spec)));
    }
  }
  return absl::OkStatus();
}

bool Matches(const v1::MatrixCombination& combination, const OddCells& entry) {
  return std::all_of(entry.arguments.begin(), entry.arguments.end(), [&](const auto& argument) {
    return std::any_of(combination.arguments().begin(), combination.arguments().end(),
                       [&](const v1::BuildArgument& each) {
                         return each.name() == argument.first && each.value() == argument.second;
                       });
  });
}

bool Has(const v1::MatrixCombination& combination, const v1::Platform& platform) {
  return std::any_of(combination.platforms().begin(), combination.platforms().end(),
                     [&](const v1::Platform& each) { return SamePlatform(each, platform); });
}

// Takes its cells out; false if there was none.
bool Exclude(const OddCells& entry, std::vector<v1::MatrixCombination>* combinations) {
  bool any = false;
  for (v1::MatrixCombination& combination : *combinations) {
    if (!Matches(combination, entry)) continue;
    auto& platforms = *combination.mutable_platforms();
    const auto gone = std::remove_if(platforms.begin(), platforms.end(), [&](const v1::Platform& platform) {
      return entry.platforms.empty() ||
             std::any_of(entry.platforms.begin(), entry.platforms.end(),
                         [&](const v1::Platform& each) { return SamePlatform(each, platform); });
    });
    any = any || gone != platforms.end();
    platforms.erase(gone, platforms.end());
  }
  std::erase_if(*combinations, [](const v1::MatrixCombination& each) { return each.platforms().empty(); });
  return any;
}

absl::Status Include(const MatrixSpec& spec, const OddCells& entry,
                     const std::vector<v1::Platform>& platforms,
                     std::vector<v1::MatrixCombination>* combinations) {
  for (const MatrixName& name : spec.names) {
    if (entry.arguments.contains(name.name)) continue;
    return absl::InvalidArgumentError(
        fmt::format("{}: what is included has to say {}, too", entry.place, name.name));
  }
  auto known = std::find_if(combinations->begin(), combinations->end(),
                            [&](const v1::MatrixCombination& each) { return Matches(each, entry); });
  if (known == combinations->end()) {
    known = combinations->emplace(combinations->end());
    for (const MatrixName& name : spec.names) {
      v1::BuildArgument& argument = *known->add_arguments();
      argument.set_name(name.name);
      argument.set_value(entry.arguments.at(name.name));
    }
  }
  for (const v1::Platform& platform : entry.platforms.empty() ? platforms : entry.platforms) {
    if (!Has(*known, platform)) *known->add_platforms() = platform;
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<v1::MatrixCombination>> Product(const MatrixSpec& spec,
                                                           const std::vector<v1::Platform>& platforms) {
  std::vector<v1::MatrixCombination> combinations(1);
  for (const MatrixName& name : spec.names) {
    if (combinations.size() * name.values.size() > kMost)
      return absl::InvalidArgumentError(fmt::format("--matrix: more than {} combinations", kMost));
    std::vector<v1::MatrixCombination> longer;
    for (const v1::MatrixCombination& combination : combinations) {
      for (const std::string& value : name.values) {
        v1::BuildArgument& argument = *longer.emplace_back(combination).add_arguments();
        argument.set_name(name.name);
        argument.set_value(value);
      }
    }
    combinations = std::move(longer);
  }
  for (v1::MatrixCombination& combination : combinations)
    combination.mutable_platforms()->Assign(platforms.begin(), platforms.end());
  return combinations;
}

}  // namespace

absl::StatusOr<MatrixName> ParseMatrixName(std::string_view text) {
  const size_t equals = text.find('=');
  MatrixName name{std::string(text.substr(0, equals)), {}};
  if (equals == std::string_view::npos || !IsArgumentName(name.name)) {
    return absl::InvalidArgumentError(
        fmt::format("--matrix {}: expected NAME=VALUE,VALUE,... with the name of a build argument", text));
  }
  std::set<std::string> seen;
  for (const std::string& value : Split(text.substr(equals + 1), ',')) {
    if (!seen.insert(value).second)
      return absl::InvalidArgumentError(
          fmt::format("--matrix {}: the value \"{}\" is there twice", text, value));
    name.values.push_back(value);
  }
  return name;
}

void MergeNames(const std::vector<MatrixName>& given, MatrixSpec* spec) {
  for (const MatrixName& name : given) {
    const auto known = std::find_if(spec->names.begin(), spec->names.end(),
                                    [&](const MatrixName& each) { return each.name == name.name; });
    if (known == spec->names.end()) {
      spec->names.push_back(name);
    } else {
      *known = name;
    }
  }
}

absl::StatusOr<std::vector<v1::MatrixCombination>> Combinations(const MatrixSpec& spec,
                                                                const std::vector<v1::Platform>& platforms) {
  if (spec.names.empty()) return absl::InvalidArgumentError("--matrix: nothing is varied");
  for (const std::vector<OddCells>& entries : {spec.exclude, spec.include}) {
    for (const OddCells& entry : entries) RETURN_IF_ERROR(CheckNames(spec, entry));
  }
  ASSIGN_OR_RETURN(std::vector<v1::MatrixCombination> combinations, Product(spec, platforms));
  for (const OddCells& entry : spec.exclude) {
    if (!Exclude(entry, &combinations)) {
      return absl::InvalidArgumentError(
          fmt::format("{}: there is no such cell, or an exclusion before has it", entry.place));
    }
  }
  for (const OddCells& entry : spec.include) RETURN_IF_ERROR(Include(spec, entry, platforms, &combinations));
  if (combinations.empty())
    return absl::InvalidArgumentError("--matrix: no combination is left by what is excluded");
  return combinations;
}

}  // namespace crossmill::cli
