#include "worker/network/address_rules.h"

#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace crossmill::worker {
namespace {

std::string RuleFor(const AddressRules& rules, const std::string& host, uint16_t port,
                    const std::string& address, const std::vector<IpAddress>& own = {}) {
  const std::string early = RefusalOfName(rules, NormalHost(host), port);
  return early.empty() ? RefusalOfAddress(rules, NormalHost(host), port, *IpAddress::Parse(address), own)
                       : early;
}

std::string FixedRuleFor(const std::string& address) { return RuleFor({}, "index.example", 443, address); }

std::vector<HostPattern> Patterns(std::initializer_list<const char*> texts) {
  std::vector<HostPattern> patterns;
  for (const char* text : texts) {
    auto pattern = HostPattern::Parse(text);
    EXPECT_OK(pattern);
    if (pattern.ok()) patterns.push_back(*pattern);
  }
  return patterns;
}

TEST(AddressRulesTest, AddressesThatNobodyReaches) {
  const std::pair<const char*, const char*> cases[] = {
      {"127.0.0.1", "loopback"},
      {"127.255.0.3", "loopback"},
      {"::1", "loopback"},
      {"::ffff:127.0.0.1", "loopback"},
      {"::127.0.0.1", "loopback"},
      {"64:ff9b::7f00:1", "loopback"},
      {"2002:7f00:1::", "loopback"},
      {"::ffff:0:127.0.0.1", "loopback"},
      {"169.254.169.254", "metadata"},
      {"::ffff:a9fe:a9fe", "metadata"},
      {"64:ff9b::169.254.169.254", "metadata"},
      {"fd00:ec2::254", "metadata"},
      {"100.100.100.200", "metadata"},
      {"169.254.3.4", "link-local"},
      {"fe80::1", "link-local"},
      {"febf::1", "link-local"},
      {"0.0.0.0", "unspecified"},
      {"0.1.2.3", "unspecified"},
      {"::", "unspecified"},
      {"224.0.0.1", "multicast"},
      {"239.255.255.250", "multicast"},
      {"ff02::1", "multicast"},
      {"255.255.255.255", "reserved"},
      {"::ffff:224.0.0.1", "multicast"},
      {"192.0.2.1", ""},
      {"10.1.2.3", ""},
      {"2001:db8::1", ""},
      {"::ffff:192.0.2.1", ""},
  };
  for (const auto& [address, rule] : cases) EXPECT_EQ(FixedRuleFor(address), rule) << address;
}

TEST(AddressRulesTest, ThisHostIsNotReachedByItsAddresses) {
  const std::vector<IpAddress> own = {*IpAddress::Parse("192.0.2.7"), *IpAddress::Parse("2001:db8::7")};
  EXPECT_EQ(RuleFor({}, "me.example", 22, "192.0.2.7", own), "this-host");
  EXPECT_EQ(RuleFor({}, "me.example", 22, "::ffff:192.0.2.7", own), "this-host");
  EXPECT_EQ(RuleFor({}, "me.example", 22, "2001:db8::7", own), "this-host");
  EXPECT_EQ(RuleFor({}, "me.example", 22, "192.0.2.8", own), "");
}

TEST(AddressRulesTest, AllowLocalLiftsLoopbackAndThisHostForItsPortOnly) {
  AddressRules rules;
  rules.allow_local = Patterns({"index.example:8080", "127.0.0.1:9000", "meta.example:80"});
  const std::vector<IpAddress> own = {*IpAddress::Parse("192.0.2.7")};
  EXPECT_EQ(RuleFor(rules, "index.example", 8080, "127.0.0.1"), "");
  EXPECT_EQ(RuleFor(rules, "Index.Example.", 8080, "192.0.2.7", own), "");
  EXPECT_EQ(RuleFor(rules, "index.example", 8081, "127.0.0.1"), "loopback");
  EXPECT_EQ(RuleFor(rules, "other.example", 9000, "127.0.0.1"), "");
  EXPECT_EQ(RuleFor(rules, "other.example", 9000, "::ffff:127.0.0.1"), "");
  EXPECT_EQ(RuleFor(rules, "other.example", 8080, "127.0.0.1"), "loopback");
  EXPECT_EQ(RuleFor(rules, "meta.example", 80, "169.254.169.254"), "metadata");
}

TEST(AddressRulesTest, WhatIsDeniedIsDeniedEvenIfAllowed) {
  AddressRules rules;
  rules.deny = Patterns({"*.evil.example", "bad.example:25", "10.0.0.0/8", "*:23", "[2001:db8::1]:80"});
  rules.allow = Patterns({"*"});
  rules.allow_local = Patterns({"x.evil.example:80"});
  EXPECT_EQ(RuleFor(rules, "a.EVIL.example.", 443, "192.0.2.1"), "deny *.evil.example");
  EXPECT_EQ(RuleFor(rules, "evil.example", 443, "192.0.2.1"), "");
  EXPECT_EQ(RuleFor(rules, "notevil.example", 443, "192.0.2.1"), "");
  EXPECT_EQ(RuleFor(rules, "x.evil.example", 80, "127.0.0.1"), "deny *.evil.example");
  EXPECT_EQ(RuleFor(rules, "bad.example", 25, "192.0.2.1"), "deny bad.example:25");
  EXPECT_EQ(RuleFor(rules, "bad.example", 443, "192.0.2.1"), "");
  EXPECT_EQ(RuleFor(rules, "inner.example", 443, "10.2.3.4"), "deny 10.0.0.0/8");
  EXPECT_EQ(RuleFor(rules, "inner.example", 443, "::ffff:10.2.3.4"), "deny 10.0.0.0/8");
  EXPECT_EQ(RuleFor(rules, "10.2.3.4", 443, "10.2.3.4"), "deny 10.0.0.0/8");
  EXPECT_EQ(RuleFor(rules, "any.example", 23, "192.0.2.1"), "deny *:23");
  EXPECT_EQ(RuleFor(rules, "six.example", 80, "2001:db8::1"), "deny [2001:db8::1]:80");
}

TEST(AddressRulesTest, AnAllowListIsAllThereIs) {
  AddressRules rules;
  rules.allow = Patterns({"index.example", ".files.example:443", "198.51.100.0/24"});
  EXPECT_EQ(RuleFor(rules, "index.example", 80, "192.0.2.1"), "");
  EXPECT_EQ(RuleFor(rules, "a.files.example", 443, "192.0.2.1"), "");
  EXPECT_EQ(RuleFor(rules, "a.files.example", 80, "192.0.2.1"), "not on the allow list");
  EXPECT_EQ(RuleFor(rules, "else.example", 80, "198.51.100.9"), "");
  EXPECT_EQ(RuleFor(rules, "else.example", 80, "192.0.2.1"), "not on the allow list");
  // What is allowed by name is still not this machine.
  EXPECT_EQ(RuleFor(rules, "index.example", 80, "127.0.0.1"), "loopback");
  rules.allow = Patterns({"index.example"});
  EXPECT_EQ(RefusalOfName(rules, "else.example", 80), "not on the allow list");
}

TEST(AddressRulesTest, EveryRuleIsExplained) {
  for (const char* rule : {"loopback", "this-host", "metadata", "link-local", "unspecified", "multicast",
                           "reserved", "deny x", "not on the allow list"}) {
    EXPECT_FALSE(ExplainRefusal(rule).empty()) << rule;
  }
}

TEST(HostPatternTest, WhatIsNoPatternIsRefused) {
  for (const char* text : {"", ":80", "a b", "host:0", "host:70000", "host:http", "10.0.0.0/33", "a/8",
                           "*x.example", "http://host", "[::1", "user@host"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(HostPattern::Parse(text).status())) << text;
  }
}

TEST(IpAddressTest, OddSpellingsOfIpv4AreNames) {
  for (const char* text :
       {"0x7f.1", "127.1", "2130706433", "0177.0.0.1", "127.0.0.1.", "1.2.3.4.5", "host"}) {
    EXPECT_FALSE(IpAddress::Parse(text).has_value()) << text;
  }
  EXPECT_EQ(IpAddress::Parse("[fe80::1%eth0]")->Text(), "fe80::1");
}

}  // namespace
}  // namespace crossmill::worker
