#include "common/words/normalize_rules.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_split.h"
#include "common/base/status.h"

namespace crossmill {
namespace {

constexpr NormalizeRule kRules[] = {
    {.name = "apt-logs",
     .sentence = "logs of apt, dpkg, update-alternatives and debootstrap are emptied",
     .causes = "*",
     .files = "var/log/apt/*,var/log/dpkg.log,var/log/alternatives.log,var/log/bootstrap.log"},
    {.name = "apt-caches",
     .sentence = "apt's binary caches are removed, and its lists get one time",
     .causes = "*",
     .files = "var/cache/apt/pkgcache.bin,var/cache/apt/srcpkgcache.bin"},
    {.name = "ldconfig-cache",
     .sentence = "ldconfig's notes about files it has seen are removed",
     .causes = "*",
     .files = "var/cache/ldconfig/aux-cache"},
    {.name = "machine-id",
     .sentence = "a machine id that the step made is emptied",
     .causes = "random",
     .files = "etc/machine-id,var/lib/dbus/machine-id"},
    // Accounts whose password expires keep their day; of these a warning tells.
    {.name = "shadow-dates",
     .sentence = "passwords that the step set have the day of the build's epoch as that of their last change",
     .causes = "embedded-time",
     .files = "etc/shadow,etc/shadow-",
     .proviso = "if the password does not expire"},
    // Files with their source beside them need no rule: where the time differs, none is.
    {.name = "pyc-times",
     .sentence = "compiled Python files name no time that no source beside them has",
     .causes = "pyc-header",
     .files = "*.pyc"},
    {.name = "man-db",
     .sentence = "the index of manual pages is removed",
     .causes = "*",
     .files =
         "var/cache/man/*index.db,var/cache/man/*index.bt,var/cache/man/index.db,var/cache/man/index.bt"},
    {.name = "fontconfig",
     .sentence = "caches of fontconfig are removed",
     .causes = "*",
     .files =
         "var/cache/fontconfig/*,root/.cache/fontconfig/*,home/*/.cache/fontconfig/*,var/log/fontconfig.log"},
    {.name = "cargo-cache",
     .sentence = "cargo's notes about when it last used what it fetched are removed",
     .causes = "*",
     .files = "*/.cargo/.global-cache,.cargo/.global-cache,usr/local/cargo/.global-cache"},
    {.name = "temporary-folder",
     .sentence = "TMPDIR is a folder of its own, empty at the start and no part of the layer"},
    {.name = "build-paths",
     .sentence = "GCC names temporary folders without the random part of their name",
     .causes = "build-path",
     .files = "*.o,*.so,*.so.*,*.a,*/bin/*,*/sbin/*,*/lib/*,*/libexec/*",
     .proviso = "if GCC compiled it"},
    {.name = "python-hash-seed",
     .sentence = "PYTHONHASHSEED is 0",
     .causes = "order,pyc-body",
     .files = "*",
     .proviso = "if Python wrote it in the order of a set"},
};

std::string AllNames() {
  std::string names = "all";
  for (const NormalizeRule& rule : kRules) names += fmt::format(", {}", rule.name);
  return names;
}

absl::Status Unknown(std::string_view name) {
  return absl::InvalidArgumentError(
      fmt::format("--normalize: there is no rule '{}'; there are {}", name, AllNames()));
}

}  // namespace

absl::Span<const NormalizeRule> NormalizeRules() { return kRules; }

absl::StatusOr<std::vector<std::string>> ParseNormalize(std::string_view text) {
  std::set<std::string_view> wanted;
  for (const absl::string_view part : absl::StrSplit(Av(text), ',')) wanted.insert(Sv(part));
  const bool all = wanted.erase("all") > 0;
  std::vector<std::string> names;
  for (const NormalizeRule& rule : kRules) {
    if (wanted.erase(rule.name) > 0 || all) names.emplace_back(rule.name);
  }
  if (!wanted.empty()) return Unknown(*wanted.begin());
  return names;
}

absl::Status CheckNormalize(absl::Span<const std::string> names) {
  auto next = std::begin(kRules);
  for (const std::string& name : names) {
    const auto is_named = [&](const NormalizeRule& rule) { return rule.name == name; };
    if (std::none_of(std::begin(kRules), std::end(kRules), is_named)) return Unknown(name);
    next = std::find_if(next, std::end(kRules), is_named);
    if (next == std::end(kRules)) {
      return absl::InvalidArgumentError(
          fmt::format("normalize: '{}' is out of order or named twice; expected names in the order of: {}",
                      name, AllNames()));
    }
    ++next;
  }
  return absl::OkStatus();
}

}  // namespace crossmill
