// Fields of core metadata.
#include "common/predict/resolver/core_metadata.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "absl/strings/ascii.h"
#include "common/base/status.h"
#include "common/base/text.h"
#include "common/base/utf8.h"
#include "common/python/package_name.h"

namespace crossmill::predict {
namespace {

constexpr size_t kMostHeaderBytes = size_t{1} << 20;
constexpr size_t kMostRequirements = 10'000;

struct Field {
  // Lower case.
  std::string name;
  std::string value;
};

std::vector<Field> FieldsOf(std::string_view text) {
  std::vector<Field> fields;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty()) break;
    if (line[0] == ' ' || line[0] == '\t') {
      if (!fields.empty()) fields.back().value += fmt::format(" {}", Trim(line));
      continue;
    }
    const size_t colon = line.find(':');
    if (colon == line.npos) continue;
    fields.push_back(
        {absl::AsciiStrToLower(Av(line.substr(0, colon))), std::string(Trim(line.substr(colon + 1)))});
  }
  return fields;
}

absl::Status TakeRequirement(std::string_view text, CoreMetadata& metadata) {
  if (metadata.requirements.size() == kMostRequirements)
    return absl::ResourceExhaustedError(fmt::format("more than {} requirements", kMostRequirements));
  auto requirement = python::Requirement::Parse(text);
  if (!requirement.ok()) {
    return absl::InvalidArgumentError(fmt::format(
        "'{}' is no requirement: {}", Printable(text.substr(0, 200)), Sv(requirement.status().message())));
  }
  metadata.requirements.push_back(*std::move(requirement));
  return absl::OkStatus();
}

absl::Status TakeField(Field field, CoreMetadata& metadata) {
  if (field.name == "metadata-version")
    metadata.metadata_version = std::move(field.value);
  else if (field.name == "name")
    metadata.name = std::move(field.value);
  else if (field.name == "version")
    metadata.version = std::move(field.value);
  else if (field.name == "provides-extra")
    metadata.extras.push_back(python::NormaliseName(field.value));
  else if (field.name == "dynamic")
    metadata.dynamic.push_back(absl::AsciiStrToLower(field.value));
  else if (field.name == "requires-dist")
    return TakeRequirement(field.value, metadata);
  else if (field.name == "requires-python") {
    auto specifier = python::SpecifierSet::Parse(field.value);
    if (specifier.ok() && !specifier->empty()) metadata.requires_python = *std::move(specifier);
    metadata.requires_python_text = std::move(field.value);
  }
  return absl::OkStatus();
}

}  // namespace

bool CoreMetadata::DependenciesAreStatic() const {
  int major = 0;
  int minor = 0;
  const char* end = metadata_version.data() + metadata_version.size();
  const auto first = std::from_chars(metadata_version.data(), end, major);
  if (first.ec != std::errc()) return false;
  if (first.ptr != end && *first.ptr == '.') std::from_chars(first.ptr + 1, end, minor);
  if (major < 2 || (major == 2 && minor < 2)) return false;
  return std::none_of(dynamic.begin(), dynamic.end(), [](const std::string& field) {
    return field == "requires-dist" || field == "provides-extra";
  });
}

absl::StatusOr<CoreMetadata> ReadCoreMetadata(std::string_view text) {
  const size_t body = std::min(text.find("\n\n"), text.find("\n\r\n"));
  if (std::min(body, text.size()) > kMostHeaderBytes)
    return absl::ResourceExhaustedError(fmt::format("more than {} bytes of fields", kMostHeaderBytes));
  CoreMetadata metadata;
  for (Field& field : FieldsOf(text.substr(0, body))) RETURN_IF_ERROR(TakeField(std::move(field), metadata));
  return metadata;
}

}  // namespace crossmill::predict
