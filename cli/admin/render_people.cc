#include "cli/admin/render_people.h"

#include <vector>

#include "absl/strings/str_join.h"
#include "common/base/log.h"
#include "common/words/words.h"

namespace crossmill::cli {
namespace {

std::string CountText(int64_t count) { return count == 0 ? "no limit" : fmt::format("{}", count); }

std::string StateOf(const v1::Token& token, int64_t now) {
  if (token.revoked_at() != 0) return "revoked " + FormatAge(token.revoked_at(), now);
  if (token.expires_at() == 0) return "never expires";
  const std::string day = FormatRfc3339(token.expires_at()).substr(0, 10);
  return (token.expires_at() <= now ? "expired " : "until ") + day;
}

std::string RoleText(const v1::Token& token) {
  std::string text(Word(token.role()));
  if (token.pushes_size() > 0) text += ", push to " + absl::StrJoin(token.pushes(), " ");
  return text;
}

}  // namespace

std::string RenderProjects(const ProjectList& projects, const TextOptions& options) {
  Table table(
      {{"PROJECT"}, {"RUNNING STEPS", Table::Align::kRight}, {"QUEUED BUILDS", Table::Align::kRight}});
  for (const v1::Project& project : projects)
    table.Add({{project.name(), Ink::kBold},
               {CountText(project.running_steps())},
               {CountText(project.queued_builds())}});
  return table.Render(options);
}

Json ProjectsJson(const ProjectList& projects) {
  Json list = Json::array();
  for (const v1::Project& project : projects)
    list.push_back({{"name", project.name()},
                    {"running_steps", project.running_steps()},
                    {"queued_builds", project.queued_builds()},
                    {"created_at", FormatRfc3339(project.created_at())}});
  return list;
}

std::string RenderTokens(const TokenList& tokens, int64_t now, const TextOptions& options) {
  if (tokens.empty()) return "there are no tokens in the record; those of the token file are there\n";
  Table table(
      {{"ID", Table::Align::kRight}, {"NAME"}, {"PROJECT"}, {"MAY"}, {"GOOD"}, {"LAST USED"}, {"MADE BY"}},
      3);
  for (const v1::Token& token : tokens)
    table.Add({{fmt::format("{}", token.id())},
               {token.name(), Ink::kBold},
               {token.project()},
               {RoleText(token)},
               {StateOf(token, now)},
               {token.used_at() == 0 ? "never" : FormatAge(token.used_at(), now)},
               {token.created_by().empty() ? "operator" : token.created_by()}});
  return table.Render(options);
}

Json TokensJson(const TokenList& tokens) {
  Json list = Json::array();
  for (const v1::Token& token : tokens)
    list.push_back({{"id", token.id()},
                    {"name", token.name()},
                    {"project", token.project()},
                    {"role", Word(token.role())},
                    {"push", std::vector<std::string>(token.pushes().begin(), token.pushes().end())},
                    {"created_at", FormatRfc3339(token.created_at())},
                    {"created_by", token.created_by()},
                    {"expires_at", FormatRfc3339(token.expires_at())},
                    {"used_at", FormatRfc3339(token.used_at())},
                    {"revoked_at", FormatRfc3339(token.revoked_at())}});
  return list;
}

}  // namespace crossmill::cli
