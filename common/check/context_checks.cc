// Checks of the context: what lies in it and should not, with what it weighs.
#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "common/base/status.h"
#include "common/check/subject.h"

namespace crossmill::check {
namespace {

using dockerfile::Instruction;
using dockerfile::Keyword;

// A context of this size is worth a word even if it is never copied whole.
constexpr int64_t kLargeContext = 50'000'000;
// Less of a kind is not worth one, unless it changes all the time.
constexpr int64_t kSmallFolder = 100'000;

// The first COPY or ADD of everything in the context.
const Instruction* CopyOfAll(const Subject& subject) {
  for (const dockerfile::Stage& stage : subject.outline.stages) {
    if (!subject.stages[stage.index].reached) continue;
    for (const Instruction* instruction : stage.body) {
      if (instruction->keyword() != Keyword::kCopy && instruction->keyword() != Keyword::kAdd) continue;
      if (instruction->FindFlag("from") != nullptr) continue;
      for (size_t i = 0; i + 1 < instruction->words.size(); ++i) {
        const std::string& source = instruction->words[i].text;
        if (source == "." || source == "./" || source == "/" || source == "*" || source == "./*")
          return instruction;
      }
    }
  }
  return nullptr;
}

bool Mentions(const Subject& subject, std::string_view text) {
  return std::any_of(
      subject.outline.document.instructions.begin(), subject.outline.document.instructions.end(),
      [&](const Instruction& instruction) { return absl::StrContains(instruction.text, Av(text)); });
}

std::string IgnoreName(const CheckInput& input) {
  return input.recipe.ignore_file_name().empty() ? ".dockerignore" : input.recipe.ignore_file_name();
}

}  // namespace

void CheckContext(const Subject& subject, Sink& sink) {
  if (subject.input.context == nullptr) return;
  const ContextSurvey& context = *subject.input.context;
  const Instruction* all = CopyOfAll(subject);
  std::vector<std::string> patterns;
  for (const ContextSurvey::Unneeded& entry : context.unneeded()) {
    const size_t slash = entry.path.rfind('/');
    const std::string name = slash == std::string::npos ? entry.path : entry.path.substr(slash + 1);
    // Somebody wants it.
    if (Mentions(subject, name)) continue;
    if (entry.bytes < kSmallFolder && name != ".git") continue;
    patterns.push_back(entry.pattern);
    if (!subject.input.has_ignore_file) continue;
    if (Finding* finding = sink.AddAtFile(
            "UnneededFilesInContext", IgnoreName(subject.input),
            fmt::format("{} ({}) is in the context: {} in {} {}", entry.path, entry.what,
                        BytesText(entry.bytes), entry.files, entry.files == 1 ? "file" : "files"))) {
      finding->fix = fmt::format("add a line to {}: {}", IgnoreName(subject.input), entry.pattern);
      finding->replacement = entry.pattern;
    }
  }
  for (const ContextSurvey::Secret& secret : context.secrets()) {
    if (Finding* finding =
            sink.AddAtFile("SecretsInContext", secret.path,
                           fmt::format("{} looks like {} and is in the context", secret.path, secret.what))) {
      finding->fix =
          fmt::format("add a line to {}: {}; give it to the step that needs it with RUN --mount=type=secret",
                      IgnoreName(subject.input), secret.path);
      finding->replacement = secret.path;
      patterns.push_back(secret.path);
    }
  }
  if (subject.input.has_ignore_file) return;
  const bool junk = !patterns.empty();
  if (!junk && all == nullptr && context.bytes() < kLargeContext) return;
  const std::string weight = fmt::format("{} in {} {}", BytesText(context.bytes()), context.files(),
                                         context.files() == 1 ? "file" : "files");
  Finding* finding = nullptr;
  if (all != nullptr) {
    finding = sink.Add("MissingIgnoreFile", *all, {},
                       fmt::format("The whole context ({}) is copied and there is no .dockerignore", weight));
  } else {
    finding = sink.AddAtFile("MissingIgnoreFile", ".dockerignore",
                             fmt::format("There is no .dockerignore for a context of {}", weight));
  }
  if (finding == nullptr) return;
  if (junk) {
    std::vector<std::string> costs;
    for (const ContextSurvey::Unneeded& entry : context.unneeded()) {
      if (std::find(patterns.begin(), patterns.end(), entry.pattern) == patterns.end()) continue;
      costs.push_back(fmt::format("{} {}", entry.path, BytesText(entry.bytes)));
    }
    if (!costs.empty()) finding->why += "; of these, " + absl::StrJoin(costs, ", ");
  } else if (context.bytes() < kLargeContext) {
    finding->severity = Severity::kInfo;
  }
  if (all != nullptr) {
    for (const char* own : {"Dockerfile*", ".dockerignore"}) patterns.emplace_back(own);
    if (std::find(patterns.begin(), patterns.end(), ".git") == patterns.end() && !Mentions(subject, ".git"))
      patterns.insert(patterns.begin(), ".git");
  }
  finding->fix = "write a .dockerignore that begins with these lines";
  finding->replacement = absl::StrJoin(patterns, "\n");
  if (patterns.empty()) finding->fix = "write a .dockerignore with what the build does not need";
}

}  // namespace crossmill::check
