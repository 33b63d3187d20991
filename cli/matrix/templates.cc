#include "cli/matrix/templates.h"

#include <algorithm>
#include <map>

#include "absl/strings/str_join.h"
#include "common/base/status.h"
#include "common/base/utf8.h"
#include "common/oci/reference.h"

namespace crossmill::cli {
namespace {

std::string Varied(const v1::MatrixCombination& combination) {
  return absl::StrJoin(combination.arguments(), ", ", [](std::string* out, const v1::BuildArgument& each) {
    out->append("{" + each.name() + "}");
  });
}

std::string CombinationText(const v1::MatrixCombination& combination) {
  return absl::StrJoin(combination.arguments(), ", ", [](std::string* out, const v1::BuildArgument& each) {
    out->append(Printable(each.name() + "=" + each.value()));
  });
}

}  // namespace

std::string SafeValue(std::string_view value) {
  std::string safe;
  for (const char c : value) {
    const bool kept = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '_' || c == '.' || c == '-';
    // One for each byte: "a b" and "a  b" stay two values.
    safe += kept ? c : '-';
  }
  return safe;
}

absl::StatusOr<std::string> Expand(std::string_view flag, std::string_view text,
                                   const v1::MatrixCombination& combination) {
  std::string expanded;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '}')
      return absl::InvalidArgumentError(
          fmt::format("{} {}: a brace is closed that was not opened", flag, text));
    if (text[i] != '{') {
      expanded += text[i];
      continue;
    }
    const size_t end = text.find('}', i);
    if (end == std::string_view::npos)
      return absl::InvalidArgumentError(fmt::format("{} {}: a brace is not closed", flag, text));
    const std::string_view name = text.substr(i + 1, end - i - 1);
    const auto& arguments = combination.arguments();
    const auto found = std::find_if(arguments.begin(), arguments.end(),
                                    [&](const v1::BuildArgument& each) { return each.name() == name; });
    if (found == arguments.end()) {
      return absl::InvalidArgumentError(fmt::format(
          "{} {}: {{{}}} is not varied; the matrix has {}{}", flag, text, name, Varied(combination),
          name == "platform" ? " (an index holds all platforms of its combination)" : ""));
    }
    expanded += SafeValue(found->value());
    i = end;
  }
  return expanded;
}

absl::StatusOr<std::vector<std::string>> ExpandApart(std::string_view flag, std::string_view text,
                                                     const std::vector<v1::MatrixCombination>& combinations) {
  std::vector<std::string> all;
  for (const v1::MatrixCombination& combination : combinations) {
    ASSIGN_OR_RETURN(std::string one, Expand(flag, text, combination));
    const auto known = std::find(all.begin(), all.end(), one);
    if (known != all.end()) {
      return absl::InvalidArgumentError(
          fmt::format("{} {}: {} and {} would have the same; put what is varied into it: {}", flag, text,
                      CombinationText(combinations[static_cast<size_t>(known - all.begin())]),
                      CombinationText(combination), Varied(combination)));
    }
    all.push_back(std::move(one));
  }
  return all;
}

absl::Status SetTags(const std::vector<std::string>& tags, std::vector<v1::MatrixCombination>* combinations) {
  std::map<std::string, size_t> names;
  for (size_t i = 0; i < combinations->size(); ++i) {
    v1::MatrixCombination& combination = (*combinations)[i];
    for (const std::string& text : tags) {
      ASSIGN_OR_RETURN(const std::string tag, Expand("-t", text, combination));
      const auto reference = oci::ParseReference(tag);
      if (!reference.ok()) return Annotate(reference.status(), fmt::format("-t {} is {}", text, tag));
      const auto [known, is_new] = names.emplace(reference->ToString(), i);
      if (!is_new && known->second != i) {
        return absl::InvalidArgumentError(fmt::format(
            "-t {}: {} would be the image of {} and of {}; the name has to tell them apart, by {}", text, tag,
            CombinationText((*combinations)[known->second]), CombinationText(combination),
            Varied(combination)));
      }
      combination.add_tags(tag);
    }
  }
  return absl::OkStatus();
}

}  // namespace crossmill::cli
