// Files that name files, as pip follows them.
#include "common/predict/matrix/requirement_files.h"

#include <utility>

#include "common/base/status.h"
#include "common/base/utf8.h"

namespace crossmill::predict {
namespace {

constexpr int kMostFiles = 200;
constexpr int kMostDepth = 20;

std::string PathFrom(std::string_view folder, std::string_view path) {
  if (path.starts_with('/')) return std::string(path);
  if (path.starts_with("./")) path.remove_prefix(2);
  return folder.ends_with('/') ? fmt::format("{}{}", folder, path) : fmt::format("{}/{}", folder, path);
}

std::string FolderAbove(std::string_view path) {
  const size_t slash = path.rfind('/');
  return slash == path.npos || slash == 0 ? "/" : std::string(path.substr(0, slash));
}

class RequirementCollector {
 public:
  RequirementCollector(const Install& install, const ReadText& read,
                       const std::map<std::string, std::string, std::less<>>& variables)
      : install_(install), read_(read), variables_(variables) {
    collected_.requirements = install.requirements;
    collected_.rules = install.rules;
  }

  absl::StatusOr<CollectedRequirements> Collect() {
    for (const InstallFile& file : install_.files) {
      if (file.kind == InstallFile::Kind::kOverrides)
        return absl::InvalidArgumentError("uv's overrides are not understood here");
      if (file.content.has_value()) {
        RETURN_IF_ERROR(Take(*file.content, file.path, file.path, file.kind, 0));
        continue;
      }
      if (install_.folder.empty() && !file.path.starts_with('/')) {
        return absl::InvalidArgumentError(fmt::format("the folder of {} is not known",
                                                      Printable(std::string_view(file.path).substr(0, 200))));
      }
      RETURN_IF_ERROR(Read(PathFrom(install_.folder, file.path), file.path, file.kind, 0));
    }
    return std::move(collected_);
  }

 private:
  absl::Status Read(const std::string& path, const std::string& name, InstallFile::Kind kind, int depth) {
    const std::string shown = Printable(std::string_view(name).substr(0, 200));
    if (path.find("://") != std::string::npos)
      return absl::InvalidArgumentError(fmt::format("{} is not fetched", shown));
    for (const std::string_view ending : {".toml", ".cfg", ".py"}) {
      if (path.ends_with(ending))
        return absl::InvalidArgumentError(fmt::format("{} is no requirements file", shown));
    }
    if (++files_ > kMostFiles || depth > kMostDepth)
      return absl::InvalidArgumentError("too many files name each other");
    const auto text = read_(path);
    if (!text.ok()) return Annotate(text.status(), shown);
    return Take(*text, path, name, kind, depth);
  }

  absl::Status Take(const std::string& text, const std::string& path, const std::string& name,
                    InstallFile::Kind kind, int depth) {
    ASSIGN_OR_RETURN(const python::RequirementsFile file,
                     python::ParseRequirementsFile(text, name, variables_));
    const bool constraints = kind != InstallFile::Kind::kRequirements;
    std::vector<RootRequirement>& target = kind == InstallFile::Kind::kBuildConstraints
                                               ? collected_.build_constraints
                                           : constraints ? collected_.constraints
                                                         : collected_.requirements;
    for (const python::RequirementLine& line : file.requirements) {
      RootRequirement root = RootOf(line);
      root.origin = fmt::format("{} {} (line {})", constraints ? "-c" : "-r", name, line.line);
      target.push_back(std::move(root));
    }
    TakeRules(file);
    for (const python::RequirementsFile::Include& include : file.includes) {
      const InstallFile::Kind inner = include.constraints && kind == InstallFile::Kind::kRequirements
                                          ? InstallFile::Kind::kConstraints
                                          : kind;
      RETURN_IF_ERROR(
          Read(PathFrom(FolderAbove(path), include.location), include.location, inner, depth + 1));
    }
    return absl::OkStatus();
  }

  // A file's index stands in place of the command's; the rest adds up.
  void TakeRules(const python::RequirementsFile& file) {
    InstallRules& rules = collected_.rules;
    if (file.index_url.has_value()) rules.index_url = file.index_url;
    const auto add = [](const std::vector<std::string>& more, std::vector<std::string>& list) {
      list.insert(list.end(), more.begin(), more.end());
    };
    add(file.extra_index_urls, rules.extra_index_urls);
    add(file.find_links, rules.find_links);
    rules.no_index |= file.no_index;
    rules.prefer_binary |= file.prefer_binary;
    rules.pre |= file.pre;
    rules.require_hashes |= file.require_hashes;
    for (const std::string& name : file.format.no_binary) rules.format.NoBinary(name);
    for (const std::string& name : file.format.only_binary) rules.format.OnlyBinary(name);
  }

  const Install& install_;
  const ReadText& read_;
  const std::map<std::string, std::string, std::less<>>& variables_;
  CollectedRequirements collected_;
  int files_ = 0;
};

}  // namespace

absl::StatusOr<CollectedRequirements> CollectRequirements(
    const Install& install, const ReadText& read,
    const std::map<std::string, std::string, std::less<>>& variables) {
  return RequirementCollector(install, read, variables).Collect();
}

}  // namespace crossmill::predict
