#include "cli/session/build_session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/files.h"
#include "common/base/status.h"
#include "tests/cli/fake_environment.h"
#include "tests/support/status_matchers.h"

namespace crossmill::cli {
namespace {

using ::testing::HasSubstr;

class BuildSessionTest : public ::testing::Test {
 protected:
  TemporaryFolder folder_ = *TemporaryFolder::Create();
  FakeCoordinator coordinator_;
  FakeEnvironment env_{coordinator_};
};

TEST_F(BuildSessionTest, FormsOfASecret) {
  env_.variables["TOKEN"] = "from environment";
  struct Case {
    std::string text, id, file, variable;
  };
  for (const Case& c :
       {Case{"id=a,src=f", "a", "f", ""}, Case{"id=a,source=f", "a", "f", ""},
        Case{"id=a,env=E", "a", "", "E"}, Case{"type=env,id=a,src=E", "a", "", "E"},
        Case{"type=file,id=a,src=f", "a", "f", ""}, Case{"id=TOKEN", "TOKEN", "", "TOKEN"},
        Case{"id=nothing", "nothing", "nothing", ""}, Case{"id=TOKEN,type=file", "TOKEN", "TOKEN", ""},
        Case{"id=unset,type=env", "unset", "", "unset"}}) {
    const auto source = ParseSecret(c.text, env_);
    ASSERT_TRUE(source.ok()) << c.text;
    EXPECT_EQ(source->id, c.id) << c.text;
    EXPECT_EQ(source->file, c.file) << c.text;
    EXPECT_EQ(source->variable, c.variable) << c.text;
  }
}

TEST_F(BuildSessionTest, WrongSecretsAreExplained) {
  for (const char* bad : {"", "token", "src=f", "id=,src=f", "id=a,src=f,env=E", "id=a,type=vault",
                          "id=a,x=1", "id=a,type=file,env=E"}) {
    const absl::Status status = ParseSecret(bad, env_).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << bad;
    EXPECT_THAT(std::string(Sv(status.message())), HasSubstr("id=ID,src=FILE")) << bad;
  }
}

TEST_F(BuildSessionTest, ValuesAreReadAsTheyAre) {
  ASSERT_OK(WriteFileAtomic(folder_.Path("f"), std::string("a\n\0b\n", 5)));
  env_.variables["E"] = "";
  const auto secrets = ReadSecrets({"id=f,src=" + folder_.Path("f"), "id=e,env=E"}, env_);
  ASSERT_OK(secrets);
  EXPECT_EQ((*secrets)[0].value(), std::string("a\n\0b\n", 5));
  EXPECT_EQ((*secrets)[1].value(), "");
  EXPECT_FALSE(ReadSecrets({"id=a,env=UNSET"}, env_).ok());
  EXPECT_FALSE(ReadSecrets({"id=a,src=" + folder_.Path("missing")}, env_).ok());
  EXPECT_FALSE(ReadSecrets({"id=e,env=E", "id=e,env=E"}, env_).ok()) << "twice";
  ASSERT_OK(WriteFileAtomic(folder_.Path("large"), std::string((500 << 10) + 1, 'x')));
  EXPECT_FALSE(ReadSecrets({"id=a,src=" + folder_.Path("large")}, env_).ok());
  ASSERT_OK(WriteFileAtomic(folder_.Path("large"), std::string(500 << 10, 'x')));
  EXPECT_OK(ReadSecrets({"id=a,src=" + folder_.Path("large")}, env_));
}

TEST_F(BuildSessionTest, WhatWasGivenHasToBeGivenAgain) {
  ClientOffers offers;
  offers.secrets.emplace_back().set_id("token");
  offers.agent_sockets["default"] = "/run/agent";
  EXPECT_TRUE(CheckGivenAgain(offers, {"token"}, {"default"}).ok());
  const absl::Status secret = CheckGivenAgain(offers, {"token", "key"}, {});
  EXPECT_TRUE(absl::IsInvalidArgument(secret));
  EXPECT_THAT(std::string(Sv(secret.message())), ::testing::HasSubstr("--secret id=key,src=FILE"));
  const absl::Status agent = CheckGivenAgain(offers, {}, {"other"});
  EXPECT_THAT(std::string(Sv(agent.message())), ::testing::HasSubstr("--ssh other"));
}

TEST_F(BuildSessionTest, FormsOfAnAgent) {
  EXPECT_TRUE(ParseAgent("default")->paths.empty());
  EXPECT_EQ(ParseAgent("github=/a/socket")->paths.size(), 1u);
  EXPECT_EQ(ParseAgent("github=/a/key,/b/key")->paths[1], "/b/key");
  for (const char* bad : {"", "=x", "a=", "a=x,", "a,b"}) EXPECT_FALSE(ParseAgent(bad).ok()) << bad;
}

TEST_F(BuildSessionTest, AgentThatIsNotThereIsExplained) {
  const absl::Status none = LocalAgents::Start({"default"}, env_).status();
  EXPECT_THAT(std::string(Sv(none.message())), HasSubstr("SSH_AUTH_SOCK is not set"));
  env_.variables["SSH_AUTH_SOCK"] = folder_.Path("nothing");
  EXPECT_THAT(std::string(Sv(LocalAgents::Start({"default"}, env_).status().message())),
              HasSubstr("not a socket"));
  EXPECT_THAT(std::string(Sv(LocalAgents::Start({"a=" + folder_.Path("no-key")}, env_).status().message())),
              HasSubstr("no file"));
}

}  // namespace
}  // namespace crossmill::cli
