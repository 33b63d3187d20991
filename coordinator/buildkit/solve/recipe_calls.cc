#include "coordinator/buildkit/solve/recipe_calls.h"

#include <algorithm>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_split.h"
#include "common/base/json.h"
#include "common/base/status.h"
#include "common/base/utf8.h"
#include "common/check/rules.h"
#include "common/dockerfile/outline.h"
#include "coordinator/buildkit/solve/solve_errors.h"

namespace crossmill::coordinator::buildkit {
namespace {

using dockerfile::Instruction;
using dockerfile::Keyword;
using dockerfile::Outline;
using dockerfile::Stage;

Json LocationJson(uint32_t first, uint32_t last) {
  Json range = {{"start", {{"line", first}}}, {"end", {{"line", std::max(first, last)}}}};
  return {{"ranges", Json::array({std::move(range)})}};
}

Json SourcesJson(const v1::Recipe& recipe) { return Json::array({absl::Base64Escape(recipe.dockerfile())}); }

CallAnswer Answer(const Json& json, const std::string& text) {
  return {{"result.json", WriteJsonPretty(json)}, {"result.txt", text}, {"version", "1.0.0"}};
}

// The comments that stand right before a line, without "#".
std::vector<std::string> CommentsBefore(const v1::Recipe& recipe, uint32_t line) {
  const std::vector<std::string> lines = absl::StrSplit(recipe.dockerfile(), '\n');
  std::vector<std::string> comments;
  for (size_t i = std::min<size_t>(line - 1, lines.size()); i > 0; --i) {
    const std::string_view text = Sv(absl::StripAsciiWhitespace(lines[i - 1]));
    if (!text.starts_with("#")) break;
    comments.insert(comments.begin(), std::string(Sv(absl::StripAsciiWhitespace(Av(text.substr(1))))));
  }
  return comments;
}

// "NAME does this and that" before a stage or an argument: its description.
std::string DescriptionOf(const v1::Recipe& recipe, const std::string& name, uint32_t line) {
  for (const std::string& comment : CommentsBefore(recipe, line)) {
    if (name.empty() || comment.size() <= name.size() + 1) continue;
    if (absl::AsciiStrToLower(comment.substr(0, name.size())) != absl::AsciiStrToLower(name)) continue;
    if (comment[name.size()] != ' ') continue;
    return comment.substr(name.size() + 1);
  }
  return "";
}

std::string WordOf(const Instruction& instruction, size_t index) {
  return index < instruction.words.size() ? instruction.words[index].text : "";
}

std::string FlagOf(const Instruction& instruction, std::string_view name) {
  for (const dockerfile::Flag& flag : instruction.flags) {
    if (flag.syntax != nullptr && flag.syntax->name == name) return flag.value;
  }
  return "";
}

// ---- check ----

CallAnswer Lint(const check::CheckInput& input) {
  Json warnings = Json::array();
  std::string text;
  bool error = false;
  for (const check::Finding& finding : FindingsForClients(input)) {
    error = error || finding.severity == check::Severity::kError;
    Json warning = {{"ruleName", finding.rule},
                    {"description", finding.why},
                    {"url", RuleUrl(finding.rule)},
                    {"detail", finding.message}};
    warning["location"] = finding.line > 0 ? LocationJson(finding.line, finding.end_line) : Json::object();
    warnings.push_back(std::move(warning));
    text += fmt::format("{}: {}\n", finding.rule, finding.message);
  }
  Json source = {{"filename", input.recipe.dockerfile_name()},
                 {"data", absl::Base64Escape(input.recipe.dockerfile())},
                 {"language", "Dockerfile"}};
  const bool found = !warnings.empty();
  Json json = {{"warnings", std::move(warnings)}, {"sources", Json::array({std::move(source)})}};
  const auto outline = dockerfile::ReadOutline(input.recipe.dockerfile_name(), input.recipe.dockerfile());
  if (!outline.ok()) {
    Json failed = {{"message", std::string(outline.status().message())}};
    if (const auto line = LineOfMessage(Sv(outline.status().message()), input.recipe.dockerfile_name()))
      failed["location"] = LocationJson(*line, *line);
    json["buildError"] = std::move(failed);
    error = true;
  }
  CallAnswer answer = Answer(json, text);
  answer["result.statuscode"] = found || error ? "1" : "0";
  return answer;
}

// ---- targets ----

CallAnswer Targets(const v1::Recipe& recipe, const Outline& outline) {
  Json targets = Json::array();
  std::string text = "TARGET\tDESCRIPTION\n";
  for (const Stage& stage : outline.stages) {
    const bool last = stage.index + 1 == outline.stages.size();
    const std::string description = DescriptionOf(recipe, stage.name, stage.from->first_line);
    Json target = Json::object();
    if (!stage.name.empty()) target["name"] = stage.name;
    target["default"] = last;
    if (!description.empty()) target["description"] = description;
    target["base"] = WordOf(*stage.from, 0);
    target["platform"] = FlagOf(*stage.from, "platform");
    target["location"] = LocationJson(stage.from->first_line, stage.from->last_line);
    targets.push_back(std::move(target));
    text += fmt::format("{}{}\t{}\n", stage.name, last ? " (default)" : "", description);
  }
  return Answer({{"targets", std::move(targets)}, {"sources", SourcesJson(recipe)}}, text);
}

// ---- outline ----

struct OutlineParts {
  Json arguments = Json::array();
  Json secrets = Json::array();
  Json agents = Json::array();
  Json caches = Json::array();
  std::set<std::string> known;
};

void AddArgument(const v1::Recipe& recipe, const Instruction& instruction, OutlineParts* parts) {
  for (const dockerfile::Pair& pair : instruction.pairs) {
    if (!parts->known.insert("arg " + pair.name).second) continue;
    std::string value = pair.has_value ? pair.value : "";
    for (const v1::BuildArgument& given : recipe.build_arguments()) {
      if (given.name() == pair.name) value = given.value();
    }
    parts->arguments.push_back({{"name", pair.name},
                                {"description", DescriptionOf(recipe, pair.name, instruction.first_line)},
                                {"value", value},
                                {"location", LocationJson(instruction.first_line, instruction.last_line)}});
  }
}

std::string FieldOf(std::string_view mount, std::string_view name) {
  for (const absl::string_view field : absl::StrSplit(Av(mount), ',')) {
    const size_t equals = field.find('=');
    if (Sv(field.substr(0, equals)) != name) continue;
    return equals == absl::string_view::npos ? "true" : std::string(field.substr(equals + 1));
  }
  return "";
}

void AddMounts(const Instruction& instruction, OutlineParts* parts) {
  for (const dockerfile::Flag& flag : instruction.flags) {
    if (flag.syntax == nullptr || flag.syntax->name != "mount") continue;
    const std::string type = FieldOf(flag.value, "type");
    std::string id = FieldOf(flag.value, "id");
    const Json place = LocationJson(instruction.first_line, instruction.last_line);
    const bool required = FieldOf(flag.value, "required") == "true";
    if (type == "secret") {
      if (id.empty()) id = FieldOf(flag.value, "target");
      if (parts->known.insert("secret " + id).second)
        parts->secrets.push_back({{"name", id}, {"required", required}, {"location", place}});
    } else if (type == "ssh") {
      if (id.empty()) id = "default";
      if (parts->known.insert("ssh " + id).second)
        parts->agents.push_back({{"name", id}, {"required", required}, {"location", place}});
    } else if (type == "cache") {
      if (id.empty()) id = FieldOf(flag.value, "target");
      if (parts->known.insert("cache " + id).second)
        parts->caches.push_back({{"ID", id}, {"location", place}});
    }
  }
}

absl::StatusOr<CallAnswer> OutlineOf(const v1::Recipe& recipe, const Outline& outline) {
  ASSIGN_OR_RETURN(const size_t target, dockerfile::FindTarget(outline, recipe.target()));
  OutlineParts parts;
  for (const Instruction* global : outline.global_args) AddArgument(recipe, *global, &parts);
  // The target and what it stands on.
  std::set<size_t> stages = {target};
  for (size_t index = target + 1; index-- > 0;) {
    if (!stages.contains(index)) continue;
    const Stage& stage = outline.stages[index];
    const auto needs = [&](const std::string& name) {
      if (const auto found = outline.FindStage(absl::AsciiStrToLower(name), index); found)
        stages.insert(*found);
    };
    needs(WordOf(*stage.from, 0));
    for (const Instruction* instruction : stage.body) {
      if (const std::string from = FlagOf(*instruction, "from"); !from.empty()) needs(from);
    }
  }
  for (const size_t index : stages) {
    for (const Instruction* instruction : outline.stages[index].body) {
      if (instruction->syntax->keyword == Keyword::kArg) AddArgument(recipe, *instruction, &parts);
      if (instruction->syntax->keyword == Keyword::kRun) AddMounts(*instruction, &parts);
    }
  }
  const Stage& stage = outline.stages[target];
  Json json = {{"name", stage.name},
               {"description", DescriptionOf(recipe, stage.name, stage.from->first_line)},
               {"args", parts.arguments}};
  if (!parts.secrets.empty()) json["secrets"] = parts.secrets;
  if (!parts.agents.empty()) json["ssh"] = parts.agents;
  if (!parts.caches.empty()) json["cache"] = parts.caches;
  json["sources"] = SourcesJson(recipe);
  std::string text = fmt::format("TARGET: {}\n", stage.Label());
  for (const Json& argument : parts.arguments)
    text += fmt::format("ARG {}={}\n", TextMember(argument, "name"), TextMember(argument, "value"));
  return Answer(json, text);
}

// ---- which there are ----

CallAnswer Describe() {
  Json list = Json::array();
  std::string text;
  const auto add = [&](const char* name, const char* description) {
    list.push_back({{"Name", name},
                    {"Version", "1.0.0"},
                    {"Type", "rpc"},
                    {"Description", description},
                    {"Opts", nullptr},
                    {"Metadata", Json::array({{{"Name", "result.json"}, {"Description", ""}},
                                              {{"Name", "result.txt"}, {"Description", ""}}})}});
    text += fmt::format("{}\t{}\n", name, description);
  };
  add("frontend.lint", "Lint a Dockerfile");
  add("frontend.outline", "List all parameters current build target supports");
  add("frontend.targets", "List all targets current build supports");
  add("frontend.subrequests.describe", "List available subrequest types");
  return Answer(list, text);
}

}  // namespace

std::vector<check::Finding> FindingsForClients(const check::CheckInput& input) {
  std::vector<check::Finding> findings = check::CheckRecipe(input).findings;
  std::erase_if(findings, [](const check::Finding& finding) {
    const check::Rule* rule = check::FindRule(finding.rule);
    return finding.severity == check::Severity::kInfo || rule == nullptr || !rule->docker;
  });
  return findings;
}

std::string RuleUrl(const std::string& rule) {
  const check::Rule* known = check::FindRule(rule);
  // The only one of Docker's without a page.
  if (known == nullptr || !known->docker || rule == "InvalidBaseImagePlatform") return "";
  const auto at = [&](size_t i) { return static_cast<unsigned char>(i < rule.size() ? rule[i] : '\0'); };
  std::string slug;
  for (size_t i = 0; i < rule.size(); ++i) {
    // A word begins; of several capitals ("JSONArgs") the last one begins the next.
    if (i > 0 && absl::ascii_isupper(at(i)) &&
        (absl::ascii_islower(at(i - 1)) || absl::ascii_islower(at(i + 1)))) {
      slug += '-';
    }
    slug += absl::ascii_tolower(at(i));
  }
  return fmt::format("https://docs.docker.com/go/dockerfile/rule/{}/", slug);
}

absl::StatusOr<CallAnswer> AnswerCall(const std::string& request, const check::CheckInput& input) {
  const v1::Recipe& recipe = input.recipe;
  if (request == "frontend.subrequests.describe") return Describe();
  if (request == "frontend.lint") return Lint(input);
  if (request != "frontend.outline" && request != "frontend.targets")
    return absl::UnimplementedError(fmt::format("unsupported request {}", Printable(request)));
  auto outline = dockerfile::ReadOutline(recipe.dockerfile_name(), recipe.dockerfile());
  if (!outline.ok())
    return WithPlaceOfMessage(outline.status(), recipe.dockerfile_name(), recipe.dockerfile());
  if (request == "frontend.targets") return Targets(recipe, *outline);
  return OutlineOf(recipe, *outline);
}

}  // namespace crossmill::coordinator::buildkit
