#include "common/packages/package_failures.h"

#include <string_view>

#include "common/base/status.h"
#include "common/base/text.h"
#include "common/base/utf8.h"

namespace crossmill::packages {
namespace {

// Lines are quoted in tables and kept in the record.
constexpr size_t kLongestQuote = 500;

// What rules read, and is kept of it: nothing longer is a message.
constexpr size_t kLongestRead = 1 << 10;
// Command lines of compilers are longer.
constexpr size_t kLongestCommand = 16 << 10;
constexpr std::string_view kSeeAbove = "see the lines above it in the log";

// Takes off what pip and uv put before a line: "│ ", "╰─> ", "├─▶ ", "× ", "cause: ".
std::string_view WithoutFrame(std::string_view line) {
  line = Trim(line);
  while (true) {
    bool taken = false;
    for (const std::string_view piece : {"│", "╰", "├", "─", "▶", "×", "> ", "cause: "}) {
      if (!line.starts_with(piece)) continue;
      line = Trim(line.substr(piece.size()));
      taken = true;
    }
    if (!taken) return line;
  }
}

// What installers say about a failure without a word of its reason.
constexpr std::string_view kNoise[] = {
    "note: ",
    "hint: ",
    "[notice]",
    "[end of output]",
    "[stdout]",
    "[stderr]",
    "exit code: ",
    "error: subprocess-exited-with-error",
    "error: metadata-generation-failed",
    "error: legacy-install-failure",
    "error: failed-wheel-build-for-install",
    "Encountered error while ",
    "See above for output",
    "Failed to build installable wheels",
    "Failed to build ",
    "ERROR: Failed building ",
    "ERROR: Failed to build ",
    "ERROR: Could not build wheels for ",
    "Running setup.py ",
    "Cleaning up",
    "Building wheel for ",
    "Building editable for ",
    "Getting requirements to build ",
    "Preparing metadata ",
    "Preparing editable metadata ",
    "Installing build dependencies",
    "WARNING: You are using pip version",
    "WARNING: Running pip as the 'root' user",
    "WARNING: Retrying ",
    "DEPRECATION: ",
    "The build backend returned an error",
    "Call to `",
    "ninja: build stopped",
    "make: *** ",
    "During handling of the above exception",
    "The above exception was the direct cause",
    "Traceback (most recent call last)",
    "File \"",
    "raise ",
    "return ",
};

bool IsNoise(std::string_view line) {
  if (line.find_first_not_of("^~-=*!.#_ ") == line.npos) return true;
  if (line.starts_with("[") && line.ends_with("lines of output]")) return true;
  if (line.find(" did not run successfully.") != line.npos) return true;
  // A program that ran another one: the other one's words stand above.
  if (line.find("returned non-zero exit status") != line.npos) return true;
  if (line.starts_with("error: command '") && line.find("failed with exit") != line.npos) return true;
  for (const std::string_view noise : kNoise) {
    if (line.starts_with(noise)) return true;
  }
  return false;
}

bool SpeaksOfError(std::string_view line) {
  // Sentences that only explain have none of these.
  for (const std::string_view word : {"rror:", "Error", "ERROR", "xception:", "fatal", "not found", "No such",
                                      "undefined ", "nsupported", "not installed", "is missing"}) {
    if (line.find(word) != line.npos) return true;
  }
  return false;
}

std::string Quote(std::string_view line) {
  if (line.size() <= kLongestQuote) return std::string(line);
  return std::string(CutBetweenCharacters(line, kLongestQuote)) + "...";
}

// Whether pip ignored exactly the version that was asked for: "1.21.0 Requires-Python >=3.7,<3.11; 1.21.1
// ...".
bool WasIgnored(std::string_view ignored, std::string_view requirement) {
  const size_t equals = requirement.find("==");
  if (equals == requirement.npos) return false;
  std::string_view version = requirement.substr(equals + 2);
  version = version.substr(0, version.find_first_of(" ,;()"));
  const std::string wanted = fmt::format(" {} Requires-Python", version);
  return !version.empty() && ignored.find(wanted) != ignored.npos;
}

}  // namespace

void PackageFailureReader::Add(std::string_view line) {
  // "╰─> NAME": whose failure it is, at the end of pip's own words.
  const bool names_package = Trim(line).starts_with("╰─> ");
  line = WithoutFrame(line);
  if (line.empty()) return;
  if (TellsIgnoredReleases(line)) return;
  Match(line);
  if (names_package || IsNoise(line)) return;
  last_ = Quote(line);
  if (SpeaksOfError(line)) last_error_ = last_;
}

void PackageFailureReader::Match(std::string_view line) {
  KeepPython(line.substr(0, kLongestCommand));
  line = line.substr(0, kLongestRead);
  // The index answered in the end: a connection that was lost before is not the reason.
  const bool listed =
      line.find("(from versions: ") != line.npos && line.find("(from versions: none)") == line.npos;
  if (listed && rule_ && rules_->ClassOf(*rule_) == "network") rule_.reset();
  // That there is no other one then is not the reason either.
  discarded_ = discarded_ ||
               (line.find("Discarding ") != line.npos && line.find(" Command errored out ") != line.npos);
  const auto found = rules_->Find(line, rule_.value_or(0));
  if (!found || (discarded_ && rule_ && rules_->ClassOf(*found) == "no-distribution")) return;
  // The same rule again is a later line.
  rule_ = found;
  rule_line_ = Quote(line);
  matched_ = line;
}

// "gcc ... -I/usr/include/python3.11 -c ...".
void PackageFailureReader::KeepPython(std::string_view line) {
  constexpr std::string_view kFolder = "/include/python3.";
  const size_t at = line.rfind(kFolder);
  if (at == line.npos) return;
  const size_t option = line.rfind("-I", at);
  if (option == line.npos) return;
  std::string_view prefix = line.substr(option + 2, at - option - 2);
  if (prefix.starts_with(" ")) prefix.remove_prefix(1);
  if (prefix.find_first_of(" '\"") != prefix.npos || prefix.size() > kLongestQuote) return;
  const std::string_view version = line.substr(at + kFolder.size() - 2);
  python_prefix_ = prefix;
  python_version_ = version.substr(0, version.find_first_not_of("0123456789."));
}

void PackageFailureReader::SetUnmet(std::string_view requirement, std::string_view ignored,
                                    bool local_index) {
  const bool pinned = requirement.find("==") != requirement.npos;
  const bool none = requirement.find("(from versions: none)") != requirement.npos;
  no_index_ = no_index_ || (none && local_index);
  if (ignored.empty()) return;
  if (pinned ? WasIgnored(ignored, requirement) : none) ignored_line_ = Quote(WithoutFrame(ignored));
}

PackageFailure PackageFailureReader::Judge() const {
  const auto of_class = [this](std::string_view name, const std::string& line) {
    return PackageFailure{std::string(name), line, rules_->NeedOfClass(name), {}, {}};
  };
  if (!rule_) {
    PackageFailure unknown{"unknown", last_error_.empty() ? last_ : last_error_, {}, {}, {}};
    unknown.need.say = kSeeAbove;
    return unknown;
  }
  const std::string& failure_class = rules_->ClassOf(*rule_);
  if (failure_class == "no-distribution" && !ignored_line_.empty())
    return of_class("requires-python", ignored_line_);
  if (failure_class == "no-distribution" && no_index_) return of_class("network", rule_line_);
  // A tool's exit code says nothing; what it printed does.
  const bool quotes_tool = failure_class == "build" && !last_error_.empty();
  return {failure_class, quotes_tool ? last_error_ : rule_line_, rules_->NeedOf(*rule_, matched_), {}, {}};
}

PackageFailure PackageFailureReader::Read() const {
  PackageFailure failure = Judge();
  failure.python_prefix = python_prefix_;
  failure.python_version = python_version_;
  return failure;
}

bool TellsIgnoredReleases(std::string_view line) {
  return line.find("require a different python version: ") != line.npos;
}

bool TellsNoPackage(std::string_view line) {
  return line.starts_with("error: externally-managed-environment") || line == "error: Git operation failed" ||
         line.starts_with("error: Failed to initialize cache at ") ||
         line.find(" is externally managed, and indicates ") != line.npos;
}

PackageFailure ClassifyPackageFailure(absl::Span<const std::string> lines) {
  PackageFailureReader reader;
  for (const std::string& line : lines) reader.Add(line);
  return reader.Read();
}

}  // namespace crossmill::packages
