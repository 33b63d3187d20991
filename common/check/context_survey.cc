#include "common/check/context_survey.h"

#include <algorithm>
#include <array>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "common/base/status.h"

namespace crossmill::check {
namespace {

struct Folder {
  std::string_view name;
  std::string_view what;
};

constexpr std::array<Folder, 15> kFolders = {{
    {".git", "version control"},
    {".hg", "version control"},
    {".svn", "version control"},
    {"node_modules", "installed Node packages"},
    {".venv", "a virtual environment"},
    {"venv", "a virtual environment"},
    {"__pycache__", "compiled Python files"},
    {".mypy_cache", "a tool's cache"},
    {".pytest_cache", "a tool's cache"},
    {".ruff_cache", "a tool's cache"},
    {".tox", "test environments"},
    {".nox", "test environments"},
    {".terraform", "Terraform's downloads"},
    {".gradle", "Gradle's cache"},
    {".idea", "an editor's settings"},
}};

constexpr std::array<std::string_view, 12> kManifests = {
    "package.json",     "package-lock.json", "yarn.lock", "pnpm-lock.yaml", "pom.xml",
    "go.mod",           "Cargo.toml",        "Gemfile",   "composer.json",  "build.gradle",
    "build.gradle.kts", "pyproject.toml"};

std::string_view BaseName(std::string_view path) {
  const size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

// Made-up keys of tests and examples are no secrets.
bool IsSample(std::string_view path) {
  const std::string lower = absl::AsciiStrToLower(Av(path));
  std::string_view rest = lower;
  while (!rest.empty()) {
    const size_t slash = rest.find('/');
    const std::string_view part = rest.substr(0, slash);
    for (const std::string_view name :
         {"test", "tests", "testdata", "test-data", "fixtures", "example", "examples", "sample", "samples",
          "docs", "spec", "__tests__", "vendor", "site-packages", "node_modules"}) {
      if (part == name) return true;
    }
    if (slash == std::string_view::npos) break;
    rest.remove_prefix(slash + 1);
  }
  return false;
}

bool IsEnvFile(std::string_view name) {
  if (name == ".env") return true;
  if (!name.starts_with(".env.")) return false;
  for (const std::string_view harmless :
       {"example", "sample", "template", "dist", "defaults", "default", "tpl", "schema", "test"}) {
    if (name.ends_with(harmless)) return false;
  }
  return true;
}

bool IsKeyName(std::string_view name) {
  return name == "id_rsa" || name == "id_dsa" || name == "id_ecdsa" || name == "id_ed25519";
}

// The kind of secret that a file looks like; empty if it looks like none.
std::string_view SecretKind(std::string_view path, std::string_view head) {
  const std::string_view name = BaseName(path);
  const bool private_key = absl::StrContains(Av(head), "PRIVATE KEY-----");
  if (name.ends_with(".pem") || name.ends_with(".key") || IsKeyName(name))
    return private_key ? "a private key" : "";
  if (name.ends_with(".p12") || name.ends_with(".pfx")) return "a key store";
  // Settings without a value that matters (PORT=8000) are no secrets: a name must say so.
  if (IsEnvFile(name)) {
    const std::string lower = absl::AsciiStrToLower(Av(head));
    for (const std::string_view word : {"password", "passwd", "secret", "token", "api_key", "apikey",
                                        "private_key", "access_key", "credential", "://"}) {
      if (absl::StrContains(lower, Av(word))) return "passwords and tokens";
    }
    return "";
  }
  if (name == ".npmrc") {
    const size_t at = head.find("_authToken=");
    return at != std::string_view::npos && head.substr(at + 11, 1) != "$" ? "a registry token" : "";
  }
  if (name == ".pypirc") return absl::StrContains(Av(head), "password") ? "a registry password" : "";
  if (name == ".netrc" || name == ".git-credentials") return "passwords";
  if (name == ".dockercfg" || path.ends_with(".docker/config.json"))
    return absl::StrContains(Av(head), "\"auth\"") ? "registry passwords" : "";
  if (path == ".aws/credentials" || path.ends_with("/.aws/credentials")) return "cloud credentials";
  if (name.ends_with(".json") && absl::StrContains(Av(head), "\"private_key\"") && private_key)
    return "cloud credentials";
  if (name == "terraform.tfstate") return "Terraform's state with its secrets";
  return "";
}

}  // namespace

bool ContextSurvey::WantsContent(std::string_view path) {
  const std::string_view name = BaseName(path);
  if (name.ends_with(".json"))
    return absl::StrContains(Av(name), "credential") || absl::StrContains(Av(name), "service-account") ||
           absl::StrContains(Av(name), "service_account") || path.ends_with(".docker/config.json");
  return name.ends_with(".pem") || name.ends_with(".key") || IsKeyName(name) || IsEnvFile(name) ||
         name == ".npmrc" || name == ".pypirc" || name == ".dockercfg";
}

void ContextSurvey::Add(std::string_view path, int64_t bytes, std::string_view head) {
  ++files_;
  bytes_ += bytes;
  // The outermost such folder counts.
  for (size_t begin = 0; begin < path.size();) {
    const size_t slash = path.find('/', begin);
    if (slash == std::string_view::npos) break;
    const std::string_view part = path.substr(begin, slash - begin);
    for (const Folder& folder : kFolders) {
      if (part != folder.name) continue;
      const bool top = begin == 0;
      const std::string pattern = fmt::format("{}{}", top && part != "__pycache__" ? "" : "**/", part);
      Unneeded& entry = unneeded_[pattern];
      if (entry.files == 0) {
        entry.what = folder.what;
        entry.pattern = pattern;
        entry.path = path.substr(0, slash);
      }
      ++entry.files;
      entry.bytes += bytes;
      return;
    }
    begin = slash + 1;
  }
  if (!IsSample(path)) {
    if (const std::string_view what = SecretKind(path, head); !what.empty())
      secrets_.push_back({std::string(path), std::string(what), bytes});
  }
  const std::string_view name = BaseName(path);
  if (std::find(kManifests.begin(), kManifests.end(), name) != kManifests.end() ||
      (name.ends_with(".txt") && absl::StrContains(Av(name), "requirements"))) {
    manifests_.emplace(path);
  }
}

std::vector<ContextSurvey::Unneeded> ContextSurvey::unneeded() const {
  std::vector<Unneeded> list;
  for (const auto& [pattern, entry] : unneeded_) list.push_back(entry);
  std::stable_sort(list.begin(), list.end(),
                   [](const Unneeded& a, const Unneeded& b) { return a.bytes > b.bytes; });
  return list;
}

}  // namespace crossmill::check
