#include "cli/commands/check_command.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <climits>
#include <cstdlib>
#include <filesystem>

#include "absl/strings/str_split.h"
#include "cli/commands/check_output.h"
#include "cli/commands/commands.h"
#include "cli/recipe/check_context.h"
#include "cli/recipe/check_farm.h"
#include "cli/recipe/check_packages.h"
#include "cli/session/json_flag.h"
#include "cli/show/exit_codes.h"
#include "common/base/files.h"
#include "common/check/rules.h"
#include "common/check/variables.h"
#include "common/context/recipe_files.h"
#include "common/words/platform.h"

namespace crossmill::cli {
namespace {

constexpr size_t kLargestRecipe = 16 << 20;
constexpr size_t kLargestRequirements = 1 << 20;

enum class Format { kText, kJson, kSarif };

class CheckCommand {
 public:
  CheckCommand(Session& session, const CheckFlags& flags) : session_(session), flags_(flags) {}

  absl::StatusOr<int> Run();

 private:
  absl::Status ReadFlags();
  absl::Status ReadRules();
  absl::Status ReadPlatforms();
  absl::Status ReadRecipe();
  absl::Status Survey();
  bool Fails(const check::CheckReport& report) const;
  absl::Status Print(const check::CheckReport& report);
  // As a person in this folder would name a file of the context.
  std::string Shown(const std::string& path) const;

  Session& session_;
  const CheckFlags& flags_;
  Format format_ = Format::kText;
  check::Severity fail_on_ = check::Severity::kError;
  std::string folder_;
  // As builds record it.
  std::string recorded_name_;
  std::optional<pattern::IgnoreRules> ignore_;
  // An ignore file that cannot be read as one.
  std::optional<check::Finding> ignore_error_;
  std::optional<check::ContextSurvey> survey_;
  check::CheckInput input_;
};

absl::Status CheckCommand::ReadRules() {
  for (const std::string& list : flags_.rules) {
    for (const auto& part : absl::StrSplit(list, ',', absl::SkipEmpty())) {
      const std::string name(part);
      if (check::FindRule(name) != nullptr) {
        input_.only.insert(name);
        continue;
      }
      std::vector<std::string> names;
      for (const check::Rule& rule : check::Rules()) names.emplace_back(rule.id);
      const std::string near = check::NearMiss(name, names);
      return absl::InvalidArgumentError(
          fmt::format("--rules {}: there is no such rule; {}", name,
                      near.empty() ? "docs/checks.md lists them" : fmt::format("did you mean {}?", near)));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckCommand::ReadPlatforms() {
  ASSIGN_OR_RETURN(const v1::Platform own, OwnPlatform());
  input_.build_platform = own;
  ASSIGN_OR_RETURN(const v1::BuildOptions options, MakeBuildOptions(flags_.build, own, EpochChoice{}));
  input_.platforms.assign(options.platforms().begin(), options.platforms().end());
  return absl::OkStatus();
}

absl::Status CheckCommand::ReadFlags() {
  if (flags_.format == "json" || (session_.json && flags_.format == "text")) {
    format_ = Format::kJson;
  } else if (flags_.format == "sarif") {
    format_ = Format::kSarif;
  } else if (flags_.format != "text") {
    return absl::InvalidArgumentError(
        fmt::format("--format {}: expected text, json or sarif", flags_.format));
  }
  if (flags_.fail_on == "info") {
    fail_on_ = check::Severity::kInfo;
  } else if (flags_.fail_on == "warning") {
    fail_on_ = check::Severity::kWarning;
  } else if (flags_.fail_on != "error") {
    return absl::InvalidArgumentError(
        fmt::format("--fail-on {}: expected error, warning or info", flags_.fail_on));
  }
  RETURN_IF_ERROR(ReadRules());
  RETURN_IF_ERROR(ReadPlatforms());
  RETURN_IF_ERROR(AddBuildArguments(
      flags_.build.build_args, [&](const std::string& name) { return session_.env.Variable(name); },
      &input_.recipe));
  input_.recipe.set_target(flags_.build.target);
  char resolved[PATH_MAX];
  if (realpath(flags_.build.context.c_str(), resolved) == nullptr) {
    return absl::NotFoundError(fmt::format("context folder {}: {}", flags_.build.context, strerror(errno)));
  }
  folder_ = resolved;
  return absl::OkStatus();
}

std::string CheckCommand::Shown(const std::string& path) const {
  std::string folder = flags_.build.context;
  while (folder.starts_with("./")) folder.erase(0, 2);
  while (folder.size() > 1 && folder.ends_with('/')) folder.pop_back();
  return folder.empty() || folder == "." ? path : folder + "/" + path;
}

absl::Status CheckCommand::ReadRecipe() {
  const context::RecipePaths paths = context::FindRecipe(flags_.build.file, folder_);
  recorded_name_ = paths.dockerfile_name;
  const absl::StatusOr<std::string> text =
      paths.dockerfile == "-" ? session_.env.In() : ReadFile(paths.dockerfile, kLargestRecipe);
  if (!text.ok()) {
    return WithHint(text.status(),
                    "-f names the Dockerfile; the default is Dockerfile in the context folder");
  }
  v1::Recipe& recipe = input_.recipe;
  recipe.set_dockerfile(*text);
  recipe.set_dockerfile_name(flags_.build.file.empty()  ? Shown(paths.dockerfile_name)
                             : flags_.build.file == "-" ? paths.dockerfile_name
                                                        : flags_.build.file);
  for (const auto& [path, name] : paths.ignore_files) {
    auto rules = ReadFile(path, kLargestRecipe);
    if (absl::IsNotFound(rules.status())) continue;
    RETURN_IF_ERROR(rules.status());
    input_.has_ignore_file = true;
    recipe.set_ignore_file(*rules);
    recipe.set_ignore_file_name(name);
    auto parsed = pattern::IgnoreRules::Parse(*rules);
    if (parsed.ok()) {
      ignore_ = *std::move(parsed);
    } else {
      check::Finding finding;
      finding.rule = check::kRecipeError;
      finding.severity = check::Severity::kError;
      finding.file = Shown(name);
      const std::string message(Sv(parsed.status().message()));
      finding.line = finding.end_line = static_cast<uint32_t>(std::atoi(message.c_str()));
      finding.message = message.substr(std::min(message.find(": ") + 2, message.size()));
      ignore_error_ = std::move(finding);
    }
    break;
  }
  return absl::OkStatus();
}

absl::Status CheckCommand::Survey() {
  if (ignore_error_) return absl::OkStatus();
  ASSIGN_OR_RETURN(survey_, SurveyContext(folder_, ignore_ ? *ignore_ : pattern::IgnoreRules()));
  input_.context = &*survey_;
  input_.read_context = [this](std::string_view path) -> std::optional<std::string> {
    if (ignore_ && ignore_->Excluding(path)) return std::nullopt;
    // Nothing outside of the context, whatever links say.
    char resolved[PATH_MAX];
    if (realpath(fmt::format("{}/{}", folder_, path).c_str(), resolved) == nullptr ||
        !std::string_view(resolved).starts_with(folder_ + "/")) {
      return std::nullopt;
    }
    auto text = ReadFile(resolved, kLargestRequirements);
    if (!text.ok()) return std::nullopt;
    return *std::move(text);
  };
  return absl::OkStatus();
}

bool CheckCommand::Fails(const check::CheckReport& report) const {
  const check::Severity limit =
      report.error_requested ? std::min(fail_on_, check::Severity::kWarning) : fail_on_;
  return std::any_of(report.findings.begin(), report.findings.end(),
                     [&](const check::Finding& finding) { return finding.severity >= limit; });
}

absl::Status CheckCommand::Print(const check::CheckReport& report) {
  const CheckedRecipe recipe{input_.recipe.dockerfile_name(), input_.recipe.dockerfile(),
                             input_.recipe.target()};
  switch (format_) {
    case Format::kText:
      return session_.Print(RenderFindings(report, recipe, session_.OutText()));
    case Format::kJson:
      return session_.PrintJson(FindingsJson(report, recipe, Fails(report)));
    case Format::kSarif:
      return session_.PrintJson(FindingsSarif(report, recipe));
  }
  return absl::OkStatus();
}

absl::StatusOr<int> CheckCommand::Run() {
  RETURN_IF_ERROR(ReadFlags());
  RETURN_IF_ERROR(ReadRecipe());
  RETURN_IF_ERROR(Survey());
  FarmKnowledge knowledge =
      AskFarm(session_, recorded_name_, input_.recipe.dockerfile(),
              check::BasesOf(input_.recipe, input_.platforms.front(), input_.build_platform));
  input_.history = &knowledge.history;
  input_.bases = std::move(knowledge.bases);
  input_.musl = AskForMuslWheels(session_, check::MuslQuestions(input_), input_.platforms);
  check::CheckReport report = check::CheckRecipe(input_);
  for (check::Finding& finding : report.findings) {
    if (finding.file != input_.recipe.dockerfile_name()) finding.file = Shown(finding.file);
  }
  if (ignore_error_) report.findings.push_back(*ignore_error_);
  RETURN_IF_ERROR(Print(report));
  return Fails(report) ? kExitBuildFailed : kExitOk;
}

}  // namespace

absl::StatusOr<int> RunCheck(Session& session, const CheckFlags& flags) {
  return CheckCommand(session, flags).Run();
}

void AddCheckCommand(CLI::App& app, Session& session) {
  CLI::App* command = app.add_subcommand("check", "Check a Dockerfile and its context (docs/checks.md)");
  auto flags = std::make_shared<CheckFlags>();
  BuildFlags& build = flags->build;
  command->add_option("context", build.context, "Folder that COPY and ADD read from")
      ->type_name("CONTEXT")
      ->capture_default_str();
  command
      ->add_option("-f,--file", build.file, "Dockerfile; - reads it from standard input [CONTEXT/Dockerfile]")
      ->type_name("FILE");
  command
      ->add_option("--platform", build.platforms, "Platforms, comma separated or repeated [this machine's]")
      ->type_name("OS/ARCH,...");
  command->add_option("--target", build.target, "Stage to build [the last]")->type_name("STAGE");
  command
      ->add_option("--build-arg", build.build_args,
                   "Build argument; NAME alone takes the variable's value; repeatable")
      ->type_name("NAME[=VALUE]");
  command->add_option("--format", flags->format, "How to write the findings")
      ->type_name("text|json|sarif")
      ->capture_default_str();
  command->add_option("--rules", flags->rules, "Only these rules, comma separated or repeated")
      ->type_name("RULE,...");
  command->add_option("--fail-on", flags->fail_on, "The least that makes the exit code 1")
      ->type_name("error|warning|info")
      ->capture_default_str();
  AddJsonFlag(*command, session);
  for (const char* name : {"--platform", "--build-arg", "--rules"})
    command->get_option(name)->allow_extra_args(false);
  command->callback(
      [&session, flags] { session.command = [&session, flags] { return RunCheck(session, *flags); }; });
}

}  // namespace crossmill::cli
