#include "cli/wheelhouse/wanted.h"

#include <algorithm>
#include <filesystem>
#include <string_view>

#include "absl/strings/str_join.h"
#include "cli/show/text.h"
#include "common/base/status.h"
#include "common/python/requirements_file.h"
#include "common/wheels/url.h"

namespace crossmill::cli {
namespace {

constexpr size_t kMostFiles = 100;
constexpr size_t kMostBytes = 1 << 20;

// Of an address that goes into a recipe: a shell and the recipe's language must see one word.
absl::Status CheckAddress(std::string_view address) {
  if (std::any_of(address.begin(), address.end(), [](char c) {
        return static_cast<unsigned char>(c) <= 0x20 || static_cast<unsigned char>(c) >= 0x7f ||
               std::string_view("'\"`$<>\\").find(c) != std::string_view::npos;
      })) {
    return absl::InvalidArgumentError(
        fmt::format("{} is no address as a recipe can have it", Printable(address)));
  }
  const std::string authority = python::SplitUrl(address).authority;
  const std::string_view user = std::string_view(authority).substr(0, authority.find('@'));
  if (authority.find('@') != std::string::npos && user.find(':') != std::string_view::npos) {
    return absl::InvalidArgumentError(
        "an address has a password in it, and recipes are on record: let the farm's workers know that index "
        "(crossmill-worker --index-url)");
  }
  return absl::OkStatus();
}

class WantedReader {
 public:
  explicit WantedReader(const TextReader& read) : read_(read) {}

  absl::StatusOr<WantedPackages> Run(const WantedNames& names) {
    for (const std::string& path : names.files) {
      ASSIGN_OR_RETURN(const size_t place, Take(path, false));
      found_.roots.push_back(place);
    }
    if (!names.requirements.empty()) {
      ASSIGN_OR_RETURN(const size_t place,
                       TakeText("the command line", absl::StrJoin(names.requirements, "\n") + "\n", false));
      found_.roots.push_back(place);
    }
    for (const std::string& path : names.constraints) {
      ASSIGN_OR_RETURN(const size_t place, Take(path, true));
      found_.constraints.push_back(place);
    }
    if (requirements_ == 0) {
      return absl::InvalidArgumentError(
          "nothing is asked for: give -r FILE, or requirements such as 'numpy==1.26.4'");
    }
    return std::move(found_);
  }

 private:
  absl::StatusOr<size_t> Take(const std::string& path, bool constraints) {
    const auto known = places_.find({path, constraints});
    if (known != places_.end()) return known->second;
    ASSIGN_OR_RETURN(const std::string text, read_(path));
    return TakeText(path, text, constraints);
  }

  absl::StatusOr<size_t> TakeText(const std::string& path, const std::string& text, bool constraints) {
    bytes_ += text.size();
    if (found_.files.size() >= kMostFiles || bytes_ > kMostBytes) {
      return absl::InvalidArgumentError(
          fmt::format("more than {} requirements files, or of more than {} bytes", kMostFiles, kMostBytes));
    }
    if (text.find('\0') != std::string::npos)
      return absl::InvalidArgumentError(fmt::format("{}: it is no text", Printable(path)));
    ASSIGN_OR_RETURN(const python::RequirementsFile parsed, python::ParseRequirementsFile(text, path));
    const size_t place = found_.files.size();
    // Before what it includes, which may include it again.
    places_[{path, constraints}] = place;
    found_.files.push_back({path, ""});
    for (const python::RequirementLine& line : parsed.requirements)
      RETURN_IF_ERROR(Annotate(TakeLine(line, constraints), fmt::format("{}:{}", path, line.line)));
    RETURN_IF_ERROR(Annotate(TakeOptions(parsed), path));
    ASSIGN_OR_RETURN(std::string rewritten, WithIncludes(path, text, parsed, constraints));
    found_.files[place].text = std::move(rewritten);
    return place;
  }

  absl::Status TakeLine(const python::RequirementLine& line, bool constraints) {
    if (line.kind == python::RequirementLine::Kind::kPath ||
        line.kind == python::RequirementLine::Kind::kEditable ||
        (line.requirement && python::SplitUrl(line.requirement->url).scheme == "file")) {
      return absl::InvalidArgumentError(
          fmt::format("{} is on this machine: a wheelhouse takes packages of an index or of an address",
                      Printable(line.requirement ? line.requirement->url : line.location)));
    }
    if (line.kind == python::RequirementLine::Kind::kUrl) {
      return absl::InvalidArgumentError(fmt::format("{}: what it is called is not known; write NAME @ {}",
                                                    Printable(line.location), Printable(line.location)));
    }
    const python::Requirement& requirement = *line.requirement;
    if (!constraints) ++requirements_;
    if (!requirement.url.empty()) {
      RETURN_IF_ERROR(CheckAddress(requirement.url));
      found_.addresses[requirement.normal_name] = requirement.url;
    }
    auto& hashes = found_.hashes[requirement.normal_name];
    hashes.insert(hashes.end(), line.hashes.begin(), line.hashes.end());
    if (hashes.empty()) found_.hashes.erase(requirement.normal_name);
    for (const std::string& setting : line.config_settings) {
      if (setting.find_first_of("'\n") != std::string::npos)
        return absl::InvalidArgumentError("a quote in --config-settings is not understood here");
      found_.build_options[requirement.normal_name] += fmt::format(" --config-settings='{}'", setting);
    }
    return absl::OkStatus();
  }

  absl::Status AddAddress(const char* option, const std::string& value, std::vector<std::string>* words) {
    RETURN_IF_ERROR(CheckAddress(value));
    if (!python::IsHttpUrl(value)) {
      return absl::InvalidArgumentError(
          fmt::format("{} {}: it is on this machine, or no address", option, Printable(value)));
    }
    words->insert(words->end(), {option, value});
    return absl::OkStatus();
  }

  // pip takes what one file says for all of them, the last index-url of all.
  absl::Status TakeOptions(const python::RequirementsFile& parsed) {
    std::vector<std::string>& index = found_.index_options;
    if (parsed.index_url) RETURN_IF_ERROR(AddAddress("--index-url", *parsed.index_url, &index));
    for (const std::string& url : parsed.extra_index_urls)
      RETURN_IF_ERROR(AddAddress("--extra-index-url", url, &index));
    for (const std::string& url : parsed.find_links) RETURN_IF_ERROR(AddAddress("--find-links", url, &index));
    for (const std::string& host : parsed.trusted_hosts) {
      RETURN_IF_ERROR(CheckAddress(host));
      index.insert(index.end(), {"--trusted-host", host});
    }
    if (parsed.no_index) index.emplace_back("--no-index");
    std::vector<std::string>& compile = found_.compile_options;
    for (const std::string& name : parsed.format.no_binary) {
      RETURN_IF_ERROR(CheckAddress(name));
      compile.insert(compile.end(), {"--no-binary", name});
    }
    if (parsed.pre) compile.emplace_back("--pre");
    if (parsed.prefer_binary) compile.emplace_back("--prefer-binary");
    return absl::OkStatus();
  }

  // The text with what it includes named as the recipe has it.
  absl::StatusOr<std::string> WithIncludes(const std::string& path, const std::string& text,
                                           const python::RequirementsFile& parsed, bool constraints) {
    std::vector<std::string> lines = Split(text, '\n');
    for (const python::RequirementsFile::Include& include : parsed.includes) {
      const auto refuse = [&](std::string_view why) {
        return absl::InvalidArgumentError(
            fmt::format("{}:{}: {}: {}", path, include.line, Printable(include.location), why));
      };
      if (python::IsHttpUrl(include.location)) return refuse("fetch it and name the file");
      const size_t at = static_cast<size_t>(include.line) - 1;
      if (at >= lines.size() || lines[at].ends_with("\\") || lines[at].ends_with("\\\r"))
        return refuse("write what is included on one line");
      const std::filesystem::path folder = std::filesystem::path(path).parent_path();
      auto place =
          Take((folder / include.location).lexically_normal().string(), constraints || include.constraints);
      if (!place.ok()) return Annotate(place.status(), fmt::format("{}:{}", path, include.line));
      lines[at] = fmt::format("{} {}.txt", include.constraints ? "-c" : "-r", *place);
    }
    return absl::StrJoin(lines, "\n");
  }

  const TextReader& read_;
  WantedPackages found_;
  std::map<std::pair<std::string, bool>, size_t> places_;
  size_t bytes_ = 0;
  int requirements_ = 0;
};

}  // namespace

absl::StatusOr<WantedPackages> ReadWanted(const WantedNames& names, const TextReader& read) {
  return WantedReader(read).Run(names);
}

}  // namespace crossmill::cli
