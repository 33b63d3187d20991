// Checks a Dockerfile given as text, with what a case needs around it.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "common/base/status.h"
#include "common/check/check.h"
#include "common/check/rules.h"

namespace crossmill::check {

inline v1::Platform LinuxPlatform(const std::string& architecture) {
  v1::Platform platform;
  platform.set_os("linux");
  platform.set_architecture(architecture);
  return platform;
}

struct Case {
  std::string dockerfile;
  std::string ignore_file;
  bool has_ignore_file = false;
  std::map<std::string, std::string> arguments;
  std::string target;
  std::map<std::string, std::string> files;
  const ContextSurvey* context = nullptr;
  const History* history = nullptr;
  std::map<std::string, KnownBase, std::less<>> bases;
  std::set<std::string, std::less<>> only;
  std::map<MuslQuestion, MuslAnswer> musl;
};

inline CheckInput InputOf(const Case& given) {
  CheckInput input;
  input.recipe.set_dockerfile(given.dockerfile);
  input.recipe.set_dockerfile_name("Dockerfile");
  input.recipe.set_target(given.target);
  input.recipe.set_ignore_file(given.ignore_file);
  input.has_ignore_file = given.has_ignore_file || !given.ignore_file.empty();
  for (const auto& [name, value] : given.arguments) {
    v1::BuildArgument* argument = input.recipe.add_build_arguments();
    argument->set_name(name);
    argument->set_value(value);
  }
  input.platforms = {LinuxPlatform("amd64")};
  input.build_platform = LinuxPlatform("amd64");
  input.context = given.context;
  input.history = given.history;
  input.bases = given.bases;
  input.only = given.only;
  input.read_context = [&given](std::string_view path) -> std::optional<std::string> {
    const auto file = given.files.find(std::string(path));
    if (file == given.files.end()) return std::nullopt;
    return file->second;
  };
  input.musl = given.musl;
  return input;
}

inline CheckReport Check(const Case& given) { return CheckRecipe(InputOf(given)); }

// "LINE RULE: MESSAGE", Docker's own rules only.
inline std::vector<std::string> DockerFindings(const Case& given) {
  std::vector<std::string> lines;
  for (const Finding& finding : Check(given).findings) {
    const Rule* rule = FindRule(finding.rule);
    if (rule == nullptr || !rule->docker) continue;
    lines.push_back(fmt::format("{} {}: {}", finding.line, finding.rule, finding.message));
  }
  return lines;
}

// "LINE RULE", ours only.
inline std::vector<std::string> OwnFindings(const Case& given) {
  std::vector<std::string> lines;
  for (const Finding& finding : Check(given).findings) {
    const Rule* rule = FindRule(finding.rule);
    if (rule != nullptr && !rule->docker) lines.push_back(fmt::format("{} {}", finding.line, finding.rule));
  }
  return lines;
}

inline const Finding* Find(const CheckReport& report, std::string_view rule) {
  for (const Finding& finding : report.findings) {
    if (finding.rule == rule) return &finding;
  }
  return nullptr;
}

}  // namespace crossmill::check
