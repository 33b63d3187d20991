// Checks a recipe: the 22 checks of Docker's builder and the good practice that costs people most
// (docs/checks.md). Pure: everything from outside comes in the input.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/check/context_survey.h"
#include "common/check/finding.h"
#include "common/check/history.h"
#include "common/check/selection.h"
#include "crossmill/v1/plan.pb.h"

namespace crossmill::check {

// A base image, as far as it is known.
struct KnownBase {
  // Names in its environment.
  std::set<std::string, std::less<>> variables;
  // Empty: root.
  std::string user;
  bool has_healthcheck = false;
  std::vector<v1::Platform> platforms;
};

// What the package indexes have for a requirement on a musl base.
struct MuslAnswer {
  // From what is fine to what is not.
  enum class Kind { kWheel, kSource, kNone };
  Kind kind = Kind::kWheel;
  // What would give a wheel there; a sentence, or empty.
  std::string help;
};
// Base image's reference after expansion, and requirement as it is written.
using MuslQuestion = std::pair<std::string, std::string>;

struct CheckInput {
  // Dockerfile, its name, build arguments, target, and the ignore file if there is one. The context's digest
  // is not looked at.
  v1::Recipe recipe;
  bool has_ignore_file = false;
  // At least one.
  std::vector<v1::Platform> platforms;
  v1::Platform build_platform;
  // Not owned; null: nothing is known of the context.
  const ContextSurvey* context = nullptr;
  // Text of a file in the context (a requirements file); empty function: none can be read.
  std::function<std::optional<std::string>(std::string_view path)> read_context;
  // By reference as it is after expansion.
  std::map<std::string, KnownBase, std::less<>> bases;
  // Not owned; may be null.
  const History* history = nullptr;
  // Of MuslQuestions, as far as somebody knows.
  std::map<MuslQuestion, MuslAnswer> musl;
  // --rules.
  std::set<std::string, std::less<>> only;
};

struct CheckReport {
  // By line, then column; those of no line last.
  std::vector<Finding> findings;
  // The Dockerfile or the build argument asks that any finding of warning or more fails the check.
  bool error_requested = false;
};

CheckReport CheckRecipe(const CheckInput& input);

// References of the base images of the recipe's stages, for CheckInput::bases; empty if it cannot be read.
std::vector<std::string> BasesOf(const v1::Recipe& recipe, const v1::Platform& platform,
                                 const v1::Platform& build_platform);

// What pip is told to install on bases with musl, each once; empty if the recipe cannot be read.
std::vector<MuslQuestion> MuslQuestions(const CheckInput& input);

// "12.4 MB" and "1m 02s", as findings say them.
std::string BytesText(int64_t bytes);
std::string SecondsText(double seconds);

}  // namespace crossmill::check
