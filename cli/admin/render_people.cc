#include "cli/admin/render_people.h"

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

// Of a token, or of what gives tokens.
template <typename Holder>
std::string RoleText(const Holder& holder) {
  std::string text(Word(holder.role()));
  if (holder.pushes_size() > 0) text += ", push to " + absl::StrJoin(holder.pushes(), " ");
  return text;
}

std::string MakerText(const std::string& created_by, const std::string& subject = "") {
  if (created_by.empty()) return "operator";
  return subject.empty() ? created_by : fmt::format("{} for {}", created_by, subject);
}

std::string ClaimsText(const v1::IdentityRule& rule) {
  return absl::StrJoin(rule.claims(), " ", [](std::string* out, const v1::ClaimPattern& claim) {
    *out += fmt::format("{}={}", claim.claim(), claim.pattern());
  });
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
               {MakerText(token.created_by(), token.subject())}});
  return table.Render(options);
}

Json TokensJson(const TokenList& tokens) {
  Json list = Json::array();
  for (const v1::Token& token : tokens)
    list.push_back({{"id", token.id()},
                    {"name", token.name()},
                    {"project", token.project()},
                    {"role", Word(token.role())},
                    {"push", TextsJson(token.pushes())},
                    {"created_at", FormatRfc3339(token.created_at())},
                    {"created_by", token.created_by()},
                    {"identity_rule", token.identity_rule()},
                    {"subject", token.subject()},
                    {"expires_at", FormatRfc3339(token.expires_at())},
                    {"used_at", FormatRfc3339(token.used_at())},
                    {"revoked_at", FormatRfc3339(token.revoked_at())}});
  return list;
}

std::string RenderIdentityRules(const IdentityRuleList& rules, const TextOptions& options) {
  if (rules.empty()) return "there are no identity rules; `crossmill admin identity add` makes one\n";
  Table table(
      {{"NAME"}, {"ISSUER"}, {"AUDIENCE"}, {"CLAIMS"}, {"PROJECT"}, {"MAY"}, {"LIFE"}, {"KEYS"}, {"MADE BY"}},
      3);
  for (const v1::IdentityRule& rule : rules)
    table.Add({{rule.name(), Ink::kBold},
               {rule.issuer()},
               {rule.audience()},
               {ClaimsText(rule)},
               {rule.project()},
               {RoleText(rule)},
               {FormatSeconds(static_cast<double>(rule.life_seconds()))},
               {rule.keys().empty() ? "asked" : "given"},
               {MakerText(rule.created_by())}});
  return table.Render(options);
}

Json IdentityRulesJson(const IdentityRuleList& rules) {
  Json list = Json::array();
  for (const v1::IdentityRule& rule : rules) {
    Json claims = Json::object();
    for (const v1::ClaimPattern& claim : rule.claims()) claims[claim.claim()] = claim.pattern();
    list.push_back({{"name", rule.name()},
                    {"issuer", rule.issuer()},
                    {"audience", rule.audience()},
                    {"claims", std::move(claims)},
                    {"project", rule.project()},
                    {"role", Word(rule.role())},
                    {"push", TextsJson(rule.pushes())},
                    {"life_seconds", rule.life_seconds()},
                    {"keys", TextOrNull(rule.keys())},
                    {"created_at", FormatRfc3339(rule.created_at())},
                    {"created_by", rule.created_by()}});
  }
  return list;
}

}  // namespace crossmill::cli
