// The cases are those of BuildKit's own tests (sourcepolicy/engine_test.go, matcher_test.go, mutate_test.go).
#include "coordinator/buildkit/policy/source_policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/status_matchers.h"

namespace crossmill::coordinator::buildkit {
namespace {

namespace bk = ::moby::buildkit::v1;
using testing::HasSubstr;

constexpr char kBusybox[] = "docker-image://docker.io/library/busybox:latest";
constexpr char kAlpine[] = "docker-image://docker.io/library/alpine:latest";

bk::SourceRule Rule(bk::SourceAction action, const std::string& identifier, const std::string& update = "",
                    bk::SourceMatch match = bk::WILDCARD) {
  bk::SourceRule rule;
  rule.set_action(action);
  rule.mutable_selector()->set_identifier(identifier);
  rule.mutable_selector()->set_match_type(match);
  if (!update.empty()) rule.mutable_updates()->set_identifier(update);
  return rule;
}

bk::SourcePolicy PolicyOf(const std::vector<bk::SourceRule>& rules) {
  bk::SourcePolicy policy;
  for (const bk::SourceRule& each : rules) *policy.add_rules() = each;
  return policy;
}

absl::StatusOr<PolicySource> Ask(const std::vector<bk::SourcePolicy>& policies, PolicySource source) {
  const auto policy = SourcePolicy::Read(policies);
  EXPECT_OK(policy);
  return policy->Evaluate(std::move(source));
}

absl::StatusOr<PolicySource> Ask(const std::vector<bk::SourceRule>& rules, const std::string& identifier) {
  return Ask(std::vector{PolicyOf(rules)}, {.identifier = identifier});
}

// What it became, or the beginning of what was wrong.
std::string Answer(const std::vector<bk::SourceRule>& rules, const std::string& identifier) {
  const auto answer = Ask(rules, identifier);
  if (answer.ok()) return answer->identifier;
  return absl::IsPermissionDenied(answer.status()) ? "denied" : std::string(answer.status().message());
}

TEST(SourcePolicyTest, EverythingOfAKindIsDenied) {
  for (const std::string kind : {"docker-image", "https", "http"}) {
    const auto denied = Ask({Rule(bk::DENY, kind + "://*")}, kind + "://example.com/library/alpine:latest");
    EXPECT_TRUE(absl::IsPermissionDenied(denied.status())) << kind;
    EXPECT_THAT(std::string(denied.status().message()), HasSubstr("rule 1 (DENY " + kind + "://*)"));
  }
}

TEST(SourcePolicyTest, TheLastRuleWins) {
  EXPECT_EQ(
      Answer({Rule(bk::ALLOW, kBusybox), Rule(bk::DENY, kBusybox), Rule(bk::ALLOW, kBusybox)}, kBusybox),
      kBusybox);
  const std::vector<bk::SourceRule> denying = {Rule(bk::ALLOW, kAlpine), Rule(bk::DENY, "docker-image://*")};
  EXPECT_EQ(Answer(denying, kAlpine), "denied");
  EXPECT_EQ(Answer(denying, kBusybox), "denied");
}

TEST(SourcePolicyTest, EachPolicyHasToLetItPass) {
  const auto answer = Ask({PolicyOf({Rule(bk::ALLOW, kBusybox)}), PolicyOf({Rule(bk::DENY, kBusybox)})},
                          {.identifier = kBusybox});
  EXPECT_TRUE(absl::IsPermissionDenied(answer.status()));
}

TEST(SourcePolicyTest, OneIsPutInTheOthersPlace) {
  const std::string digest = "@sha256:c0d488a800e4127c334ad20d61d7bc21b4097540327217dfab52262adc02380c";
  EXPECT_EQ(Answer({Rule(bk::CONVERT, kBusybox, kAlpine)}, kBusybox), kAlpine);
  EXPECT_EQ(Answer({Rule(bk::CONVERT, kAlpine, kAlpine + digest)}, kAlpine), kAlpine + digest);
  EXPECT_EQ(Answer({Rule(bk::CONVERT, kAlpine, kAlpine + digest, bk::EXACT)}, kAlpine), kAlpine + digest);
  // What the frontend has resolved gives way, too.
  EXPECT_EQ(Answer({Rule(bk::CONVERT, std::string(kBusybox) + "*", kBusybox + digest)},
                   std::string(kBusybox) + "@sha256:" + std::string(64, 'a')),
            kBusybox + digest);
  EXPECT_EQ(Answer({Rule(bk::CONVERT, kBusybox, kAlpine),
                    Rule(bk::CONVERT, kAlpine, "docker-image://debian:buster"),
                    Rule(bk::CONVERT, "docker-image://debian:buster", "docker-image://debian:bullseye")},
                   kBusybox),
            "docker-image://debian:bullseye");
}

TEST(SourcePolicyTest, ConversionsAreJudgedAnew) {
  const auto denied =
      Ask({Rule(bk::DENY, "docker-image://docker.io/library/alpine:*"), Rule(bk::CONVERT, kBusybox, kAlpine)},
          kBusybox);
  EXPECT_TRUE(absl::IsPermissionDenied(denied.status()));
  // Both are named.
  EXPECT_THAT(std::string(denied.status().message()),
              testing::AllOf(HasSubstr(kAlpine), HasSubstr(kBusybox)));
  EXPECT_EQ(Answer({Rule(bk::CONVERT, kBusybox, kAlpine), Rule(bk::ALLOW, kAlpine),
                    Rule(bk::DENY, "docker-image://docker.io/library/alpine:*"), Rule(bk::DENY, kBusybox)},
                   kBusybox),
            "denied");
}

TEST(SourcePolicyTest, RulesThatGoRoundAreToldSo) {
  const auto answer =
      Ask({Rule(bk::CONVERT, kBusybox, kAlpine), Rule(bk::CONVERT, kAlpine, kBusybox)}, kBusybox);
  EXPECT_TRUE(absl::IsInvalidArgument(answer.status()));
  // Each time twice as long.
  const auto grows = Ask({Rule(bk::CONVERT, "(.+)", "${1}${1}", bk::REGEX)}, kBusybox);
  EXPECT_TRUE(absl::IsInvalidArgument(grows.status())) << grows.status();
}

TEST(SourcePolicyTest, PartsOfTheOldNameAreInTheNewOne) {
  const std::string golang = "docker-image://docker.io/library/golang:1.19";
  const std::string fake = "docker-image://fakereg.io/library/golang:";
  EXPECT_EQ(Answer({Rule(bk::CONVERT, "docker-image://docker.io/library/golang:*", fake + "${1}")}, golang),
            fake + "1.19");
  EXPECT_EQ(
      Answer({Rule(bk::CONVERT, "docker-image://docker.io/library/golang:*", fake + "${1}-alpine")}, golang),
      fake + "1.19-alpine");
  const std::string expression = R"(docker\-image://docker\.io/library/golang:)";
  EXPECT_EQ(Answer({Rule(bk::CONVERT, expression + "(.*)", fake + "${1}", bk::REGEX)}, golang),
            fake + "1.19");
  EXPECT_EQ(
      Answer({Rule(bk::CONVERT, expression + "(?P<v>.*)", fake + "$v$$x$1x${nobody}", bk::REGEX)}, golang),
      fake + "1.19$x");
  // An expression that has no end replaces every match in the text.
  EXPECT_EQ(Answer({Rule(bk::CONVERT, "docker.io", "mirror", bk::REGEX)}, golang),
            "docker-image://mirror/library/golang:1.19");
}

TEST(SourcePolicyTest, AttributesAreSet) {
  bk::SourceRule rule = Rule(bk::CONVERT, "https://example.com/foo");
  (*rule.mutable_updates()->mutable_attrs())["http.checksum"] = "sha256:1234";
  const auto answer = Ask(std::vector{PolicyOf({rule})}, {.identifier = "https://example.com/foo"});
  ASSERT_OK(answer);
  EXPECT_EQ(answer->identifier, "https://example.com/foo");
  EXPECT_EQ(answer->attributes, (std::map<std::string, std::string>{{"http.checksum", "sha256:1234"}}));
}

struct MatchCase {
  std::string selector, source;
  bool matches;
};

TEST(SourcePolicyTest, NamesMatchByTheirWildcards) {
  for (const MatchCase& each : std::vector<MatchCase>{
           {"docker-image://docker.io/library/busybox:1", "docker-image://docker.io/library/busybox:1", true},
           {"*", kBusybox, true},
           {"docker-image://docker.io/library/busybox:*", kBusybox, true},
           {"docker-image://docker.io/library/busybox:*", "http://docker.io/library/busybox:latest", false},
           {"http://docker.io/library/busybox:*", "http://docker.io/library/busybox:latest", true},
           {"https://docker.io/library/busybox:*", "https://docker.io/library/busybox:latest", true},
           {"busybox", kBusybox, false},
           {"docker-image://docker.io/library/busybox.latest", kBusybox, false}}) {
    EXPECT_EQ(Answer({Rule(bk::DENY, each.selector)}, each.source) == "denied", each.matches)
        << each.selector;
  }
  EXPECT_EQ(Answer({Rule(bk::DENY, "*", "", bk::EXACT)}, kBusybox), kBusybox);
  EXPECT_EQ(Answer({Rule(bk::DENY, "library/busy", "", bk::REGEX)}, kBusybox), "denied");
}

struct ConstraintCase {
  bk::SourceCondition condition;
  std::string value;
  std::map<std::string, std::string> attributes;
  bool matches;
};

TEST(SourcePolicyTest, ConditionsOnAttributesHold) {
  for (const ConstraintCase& each :
       std::vector<ConstraintCase>{{bk::EQUAL, "bar", {{"foo", "bar"}}, true},
                                   {bk::EQUAL, "bar", {{"foo", "nope"}}, false},
                                   {bk::EQUAL, "bar", {}, false},
                                   {bk::EQUAL, "bar", {{"bar", "bar"}}, false},
                                   {bk::NOTEQUAL, "bar", {{"foo", "bar"}}, false},
                                   {bk::NOTEQUAL, "bar", {{"foo", "ok"}}, true},
                                   {bk::MATCHES, "bar", {{"foo", "bar"}}, true},
                                   {bk::MATCHES, "asdf", {{"foo", "bar"}}, false},
                                   {bk::MATCHES, "^b\\w+", {{"foo", "bar"}}, true},
                                   {bk::MATCHES, "^\\d+", {{"foo", "b1"}}, false},
                                   {bk::MATCHES, "\\d$", {{"foo", "b1"}}, true}}) {
    bk::SourceRule rule = Rule(bk::DENY, "docker-image://docker.io/library/busybox:*");
    bk::SourceConstraint& constraint = *rule.mutable_selector()->add_constraints();
    constraint.set_key("foo");
    constraint.set_value(each.value);
    constraint.set_condition(each.condition);
    const auto answer =
        Ask(std::vector{PolicyOf({rule})}, {.identifier = kBusybox, .attributes = each.attributes});
    EXPECT_EQ(absl::IsPermissionDenied(answer.status()), each.matches) << each.value << answer.status();
    // All of them have to.
    *rule.mutable_selector()->add_constraints() = constraint;
    rule.mutable_selector()->mutable_constraints(1)->set_key("other");
    rule.mutable_selector()->mutable_constraints(1)->set_condition(bk::EQUAL);
    EXPECT_OK(Ask(std::vector{PolicyOf({rule})}, {.identifier = kBusybox, .attributes = each.attributes}));
  }
}

TEST(SourcePolicyTest, AConditionOnWhatIsNotKnownIsNoAnswer) {
  bk::SourceRule rule = Rule(bk::DENY, "local://*");
  rule.mutable_selector()->add_constraints()->set_key("local.followpaths");
  const PolicySource folder{.identifier = "local://context", .attributes = {}, .unknown = {"local."}};
  const auto answer = Ask(std::vector{PolicyOf({rule})}, folder);
  EXPECT_TRUE(absl::IsUnimplemented(answer.status()));
  EXPECT_THAT(std::string(answer.status().message()), HasSubstr("local.followpaths"));
  // Of what the rule does not name nothing is asked.
  rule.mutable_selector()->set_identifier("local://other");
  EXPECT_OK(Ask(std::vector{PolicyOf({rule})}, folder));
}

TEST(SourcePolicyTest, RulesThatNobodyCanFollowAreRefusedByName) {
  bk::SourceRule none;
  none.set_action(bk::DENY);
  bk::SourceRule condition = Rule(bk::DENY, "*");
  condition.mutable_selector()->add_constraints()->set_condition(static_cast<bk::SourceCondition>(7));
  bk::SourceRule action = Rule(static_cast<bk::SourceAction>(9), "*");
  bk::SourceRule match = Rule(bk::DENY, "*", "", static_cast<bk::SourceMatch>(5));
  for (const auto& [rule, text] : std::vector<std::pair<bk::SourceRule, std::string>>{
           {none, "no selector"},
           {condition, "condition 7"},
           {action, "ALLOW, DENY or CONVERT"},
           {match, "match type 5"},
           {Rule(bk::DENY, "a**"), "\"**\""},
           {Rule(bk::DENY, "(", "", bk::REGEX), "no regular expression"},
           {Rule(bk::DENY, std::string(20'000, 'a')), "16384"}}) {
    const auto read = SourcePolicy::Read({PolicyOf({Rule(bk::ALLOW, "*"), rule})});
    EXPECT_TRUE(absl::IsInvalidArgument(read.status())) << text;
    EXPECT_THAT(std::string(read.status().message()), testing::AllOf(HasSubstr("rule 2 ("), HasSubstr(text)));
  }
  EXPECT_FALSE(SourcePolicy::Read({PolicyOf(std::vector<bk::SourceRule>(4097, Rule(bk::ALLOW, "*")))}).ok());
  // It says nothing of what to take.
  EXPECT_FALSE(Ask({Rule(bk::CONVERT, "*")}, kBusybox).ok());
}

TEST(SourcePolicyTest, NoRulesAreNoPolicy) {
  const auto policy = SourcePolicy::Read({bk::SourcePolicy()});
  ASSERT_OK(policy);
  EXPECT_TRUE(policy->empty());
  EXPECT_EQ(policy->Evaluate({.identifier = kBusybox})->identifier, kBusybox);
}

}  // namespace
}  // namespace crossmill::coordinator::buildkit
