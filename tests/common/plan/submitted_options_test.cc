#include "common/plan/submitted_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "tests/support/status_matchers.h"

namespace crossmill::plan {
namespace {

using testing::HasSubstr;

const std::string kHash(64, 'a');

v1::BuildOptions Good() {
  v1::BuildOptions options;
  v1::Platform& platform = *options.add_platforms();
  platform.set_os("linux");
  platform.set_architecture("arm");
  platform.set_variant("v7");
  options.set_verify(16);
  options.set_source_date_epoch(0);
  options.set_exclude_newer(kLatestTime);
  options.set_shm_size(1 << 20);
  options.add_extra_hosts("10.0.0.1 registry");
  options.add_extra_hosts("::1 six");
  v1::Ulimit& limit = *options.add_ulimits();
  limit.set_name("nofile");
  limit.set_soft(5);
  limit.set_hard(-1);
  options.add_labels()->set_name("a b");
  options.add_secret_ids("token");
  options.set_compression(v1::COMPRESSION_ZSTD);
  options.set_compression_level(22);
  return options;
}

void Refused(const std::function<void(v1::BuildOptions&)>& change, const std::string& sentence) {
  v1::BuildOptions options = Good();
  change(options);
  const absl::Status status = CheckOptions(options);
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << sentence;
  EXPECT_THAT(std::string(status.message()), HasSubstr(sentence));
}

TEST(SubmittedOptionsTest, WhatTheCommandLineGivesPasses) { EXPECT_OK(CheckOptions(Good())); }

TEST(SubmittedOptionsTest, WhatIsWrongIsNamed) {
  using Options = v1::BuildOptions;
  Refused([](Options& o) { o.clear_platforms(); }, "no platform");
  Refused([](Options& o) { o.mutable_platforms(0)->set_architecture("a\x1b[31m"); },
          "platforms: 'linux/a?[31m/v7'");
  Refused([](Options& o) { o.mutable_platforms(0)->clear_variant(); },
          "expected its usual form, linux/arm/v7");
  Refused([](Options& o) { o.set_verify(17); }, "--verify 17 is more than 16");
  Refused([](Options& o) { o.set_source_date_epoch(-1); }, "source_date_epoch: '-1'");
  Refused([](Options& o) { o.set_exclude_newer(kLatestTime + 1); }, "exclude_newer: '253402300800'");
  Refused([](Options& o) { o.set_shm_size(-1); }, "shm_size: '-1'");
  Refused([](Options& o) { o.set_network(static_cast<v1::NetworkMode>(9)); }, "network: '9'");
  Refused([](Options& o) { o.mutable_vary()->add_aspects(v1::ASPECT_UNSPECIFIED); }, "vary: '0'");
  Refused([](Options& o) { o.set_compression_level(23); }, "compression level 23: expected 1 to 22 for zstd");
  Refused([](Options& o) { o.set_compression(v1::COMPRESSION_GZIP); }, "expected 1 to 12 for gzip");
  Refused([](Options& o) { o.add_labels(); }, "labels: ''");
  Refused([](Options& o) { o.add_secret_ids("a\nb"); }, "secret_ids: 'a b'");
  Refused([](Options& o) { o.add_ssh_ids(std::string(257, 'x')); }, "ssh_ids: 'xxx");
  Refused([](Options& o) { o.add_neutral("/"); }, "neutral: '/'");
  Refused([](Options& o) { o.add_normalize("no-such-rule"); }, "no-such-rule");
}

TEST(SubmittedOptionsTest, AHostIsOneLine) {
  for (const char* line :
       {"10.0.0.1 a\n10.0.0.2 b", "10.0.0.1", "10.0.0.1 ", "10.0.0.1 a b", "a 10.0.0.1", "10.0.0.1 a#b", ""})
    Refused([&](v1::BuildOptions& options) { options.add_extra_hosts(line); },
            "expected an IP address, a blank and one host name");
}

TEST(SubmittedOptionsTest, AUlimitHasItsNameAndOrder) {
  const auto with = [](const char* name, int64_t soft, int64_t hard) {
    return [=](v1::BuildOptions& options) {
      v1::Ulimit& limit = *options.add_ulimits();
      limit.set_name(name);
      limit.set_soft(soft);
      limit.set_hard(hard);
    };
  };
  Refused(with("hostile", 1, 1), "ulimits: 'hostile'");
  Refused(with("core", -2, 1), "ulimits: 'core=-2:1'");
  Refused(with("core", 2, 1), "the soft one not above");
  Refused(with("core", -1, 1), "the soft one not above");
  Refused(with("nofile", 1, 1), "each name once");
}

TEST(SubmittedOptionsTest, RecipesNameBlobsAndVariables) {
  v1::Recipe good;
  good.mutable_context_root()->set_hash(kHash);
  v1::BuildArgument& argument = *good.add_build_arguments();
  argument.set_name("A");
  argument.set_value("b=\nc");
  good.add_contexts()->mutable_tree()->set_hash(kHash);
  EXPECT_OK(CheckRecipeFields(good));
  const auto refused = [&](const std::function<void(v1::Recipe&)>& change, const std::string& sentence) {
    v1::Recipe recipe = good;
    change(recipe);
    const absl::Status status = CheckRecipeFields(recipe);
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << sentence;
    EXPECT_THAT(std::string(status.message()), HasSubstr(sentence));
  };
  refused([](v1::Recipe& r) { r.clear_context_root(); }, "context_root: '/0'");
  refused([](v1::Recipe& r) { r.mutable_context_root()->set_hash("../../etc/passwd"); },
          "context_root: '../../etc/passwd/0'");
  refused([](v1::Recipe& r) { r.mutable_context_root()->set_size_bytes(-1); }, "/-1'");
  refused([](v1::Recipe& r) { r.mutable_contexts(0)->mutable_tree()->set_hash("x"); }, "contexts: 'x/0'");
  refused([](v1::Recipe& r) { r.mutable_contexts(0)->mutable_image_root()->set_hash("y"); },
          "contexts: 'y/0'");
  refused([](v1::Recipe& r) { r.set_context_time(-5); }, "context_time: '-5'");
  refused([](v1::Recipe& r) { r.mutable_contexts(0)->set_time(-5); }, "contexts: '-5'");
  refused([](v1::Recipe& r) { r.mutable_build_arguments(0)->set_name("A=B"); }, "build_arguments: 'A=B'");
  refused([](v1::Recipe& r) { r.mutable_build_arguments(0)->set_name("A\nB"); }, "build_arguments: 'A B'");
  refused([](v1::Recipe& r) { r.mutable_build_arguments(0)->set_value(std::string("a\0b", 3)); },
          "a value without NUL");
}

}  // namespace
}  // namespace crossmill::plan
