#include "worker/task/varied_variables.h"

#include <algorithm>

#include "common/base/status.h"
#include "worker/task/step_circumstances.h"

namespace crossmill::worker {
namespace {

using Environment = std::vector<std::string>;

std::string* Find(std::string_view name, Environment* env) {
  const auto found = std::find_if(env->begin(), env->end(), [&](const std::string& each) {
    return each.size() > name.size() && each.starts_with(name) && each[name.size()] == '=';
  });
  return found == env->end() ? nullptr : &*found;
}

// In POSIX form, which needs no data base of zones in the image. East of UTC and west of it by turns, never
// UTC.
std::string TimeZone(unsigned number) {
  constexpr unsigned kHours = 8;
  const unsigned less = (number - 1) / 2 % kHours;
  return number % 2 == 1 ? fmt::format("TZ=<+{0:02}>-{0}", 14 - less)
                         : fmt::format("TZ=<-{0:02}>{0}", 12 - less);
}

// "" if the environment already has one of the names.
std::string AddUnless(std::initializer_list<std::string_view> names, std::string variable, Environment* env) {
  const bool known =
      std::any_of(names.begin(), names.end(), [&](auto name) { return Find(name, env) != nullptr; });
  if (known) return {};
  env->push_back(variable);
  return variable;
}

std::string Vary(v1::Aspect aspect, unsigned number, Environment* env) {
  switch (aspect) {
    case v1::ASPECT_ENVIRONMENT:
      return AddUnless({"CROSSMILL_VARIATION"}, fmt::format("CROSSMILL_VARIATION={}", number), env);
    case v1::ASPECT_TIME_ZONE:
      return AddUnless({"TZ"}, TimeZone(number), env);
    case v1::ASPECT_LOCALE:
      // Any of these decides over LANG, wholly or in part.
      return AddUnless({"LANG", "LANGUAGE", "LC_ALL", "LC_COLLATE", "LC_CTYPE", "LC_MESSAGES", "LC_MONETARY",
                        "LC_NUMERIC", "LC_TIME"},
                       number % 2 == 1 ? "LANG=C.UTF-8" : "LANG=et_EE.UTF-8", env);
    case v1::ASPECT_SEARCH_PATH: {
      std::string* path = Find("PATH", env);
      if (path == nullptr) return {};
      const std::string folder = fmt::format("/nonexistent/crossmill-{}", number);
      *path += ":" + folder;
      return "PATH=...:" + folder;
    }
    default:
      return {};
  }
}

std::string_view LimitOf(v1::Aspect aspect) {
  if (aspect == v1::ASPECT_TIME_ZONE) return "programs that read no POSIX time zones (Go)";
  if (aspect == v1::ASPECT_LOCALE) return "programs that find no such locale in the image";
  return "";
}

}  // namespace

std::vector<VariedVariable> VaryVariables(const v1::Variation& variation, std::vector<std::string>* env) {
  std::vector<VariedVariable> told;
  for (const v1::Aspect aspect :
       {v1::ASPECT_ENVIRONMENT, v1::ASPECT_TIME_ZONE, v1::ASPECT_LOCALE, v1::ASPECT_SEARCH_PATH}) {
    const std::string given =
        Varies(variation, aspect) ? Vary(aspect, variation.number(), env) : std::string();
    if (given.empty()) {
      told.push_back({aspect, std::string(kUsualValue), ""});
    } else {
      told.push_back({aspect, given, std::string(LimitOf(aspect))});
    }
  }
  return told;
}

}  // namespace crossmill::worker
