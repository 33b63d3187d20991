#include <gmock/gmock.h>
#include <sys/stat.h>

#include <filesystem>

#include "cli/session/login.h"
#include "tests/cli/commands_fixture.h"

namespace crossmill::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class LoginTest : public CommandsTest {
 protected:
  LoginTest() {
    env_.variables["XDG_CONFIG_HOME"] = folder_.Path("config");
    coordinator_.caller.set_name("alice");
    coordinator_.caller.set_role(v1::ACCESS_SUBMIT);
    coordinator_.caller.set_project("shop");
  }

  std::string LoginPath() { return folder_.Path("config/crossmill/login.toml"); }
  void WriteToken(const std::string& token) { EXPECT_OK(WriteFileAtomic(folder_.Path("token"), token)); }
};

TEST_F(LoginTest, CommandsGoToTheFarmUntilLogout) {
  env_.input = "secret\r\n";
  EXPECT_EQ(Run({"login", "farm.example:7777"}), 0) << env_.err();
  EXPECT_EQ(env_.out, "logged in to farm.example:7777 as alice (role submit, project shop)\n");
  EXPECT_EQ(env_.connected.token, "secret");
  EXPECT_THAT(env_.input_shown, ElementsAre(false, true));
  struct stat status = {};
  ASSERT_EQ(stat(LoginPath().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);

  env_.connected = {};
  EXPECT_EQ(Run({"ls"}), 0);
  EXPECT_EQ(env_.connected.address, "farm.example:7777");
  EXPECT_EQ(env_.connected.token, "secret");

  EXPECT_EQ(Run({"logout"}), 0);
  EXPECT_EQ(env_.out, "logged out of farm.example:7777\n");
  EXPECT_EQ(Run({"ls"}), 0);
  EXPECT_THAT(env_.connected.address, HasSubstr("unix:"));
  EXPECT_EQ(env_.connected.token, "");
  EXPECT_EQ(Run({"logout"}), 0);
  EXPECT_EQ(env_.out, "nobody is logged in\n");
}

TEST_F(LoginTest, TheTokenGoesToNoOtherFarm) {
  WriteToken("secret\n");
  ASSERT_EQ(Run({"login", "farm.example:7777", "--token-file", folder_.Path("token"), "--insecure"}), 0);
  EXPECT_EQ(Run({"--coordinator", "other.example:7777", "ls"}), 0);
  EXPECT_EQ(env_.connected.address, "other.example:7777");
  EXPECT_EQ(env_.connected.token, "");
  EXPECT_FALSE(env_.connected.insecure);
  env_.variables["CROSSMILL_COORDINATOR"] = "third.example:7777";
  EXPECT_EQ(Run({"ls"}), 0);
  EXPECT_EQ(env_.connected.address, "third.example:7777");
  EXPECT_EQ(env_.connected.token, "");
  // The same farm by its name, and another token for it.
  env_.variables["CROSSMILL_COORDINATOR"] = "farm.example:7777";
  EXPECT_EQ(Run({"ls"}), 0);
  EXPECT_EQ(env_.connected.token, "secret");
  EXPECT_TRUE(env_.connected.insecure);
  env_.variables["CROSSMILL_TOKEN"] = "another";
  EXPECT_EQ(Run({"ls"}), 0);
  EXPECT_EQ(env_.connected.token, "another");
  // The farm of this machine is said by its folder.
  env_.variables.erase("CROSSMILL_COORDINATOR");
  env_.variables.erase("CROSSMILL_TOKEN");
  EXPECT_EQ(Run({"--data", folder_.Path("data"), "ls"}), 0);
  EXPECT_EQ(env_.connected.address, "unix:" + folder_.Path("data/coordinator.sock"));
  EXPECT_EQ(env_.connected.token, "");
}

TEST_F(LoginTest, WhatDoesNotWorkIsNotKept) {
  env_.input = "secret\n";
  coordinator_.caller_error = grpc::Status(grpc::StatusCode::UNAUTHENTICATED, "no such token");
  EXPECT_NE(Run({"login", "farm.example:7777"}), 0);
  EXPECT_THAT(env_.err(), HasSubstr("no such token"));
  EXPECT_FALSE(std::filesystem::exists(LoginPath()));
  EXPECT_EQ(Run({"login"}), 2);
  EXPECT_THAT(env_.err(), HasSubstr("login needs the address of a coordinator"));
  env_.input.clear();
  EXPECT_EQ(Run({"login", "farm.example:7777"}), 2);
  EXPECT_THAT(env_.err(), HasSubstr("there is no token on standard input"));
}

TEST_F(LoginTest, TheAuthoritiesAreCopied) {
  WriteToken("secret");
  EXPECT_OK(WriteFileAtomic(folder_.Path("ca.pem"), "PEM"));
  ASSERT_EQ(Run({"login", "farm.example:7777", "--token-file", folder_.Path("token"), "--ca-file",
                 folder_.Path("ca.pem")}),
            0);
  std::filesystem::remove(folder_.Path("ca.pem"));
  EXPECT_EQ(Run({"ls"}), 0);
  EXPECT_EQ(ReadFile(env_.connected.ca_file).value_or(""), "PEM");
  // One without them forgets those of before.
  ASSERT_EQ(Run({"login", "other.example:7777", "--token-file", folder_.Path("token")}), 0);
  EXPECT_EQ(Run({"ls"}), 0);
  EXPECT_EQ(env_.connected.ca_file, "");
}

TEST_F(LoginTest, ASecondLoginHasNothingOfTheFirst) {
  WriteToken("secret");
  EXPECT_OK(WriteFileAtomic(folder_.Path("ca.pem"), "PEM"));
  ASSERT_EQ(Run({"login", "farm.example:7777", "--token-file", folder_.Path("token"), "--insecure",
                 "--ca-file", folder_.Path("ca.pem")}),
            0);
  env_.input = "another\n";
  ASSERT_EQ(Run({"login", "farm.example:7777"}), 0);
  EXPECT_EQ(Run({"ls"}), 0);
  EXPECT_EQ(env_.connected.token, "another");
  EXPECT_FALSE(env_.connected.insecure);
  EXPECT_EQ(env_.connected.ca_file, "");
}

TEST_F(LoginTest, ADamagedLoginIsToldWithItsLineAndLogoutRemovesIt) {
  EXPECT_OK(MakeFolders(folder_.Path("config/crossmill")));
  for (const auto& [text, told] : std::vector<std::pair<std::string, std::string>>{
           {"coordinator = \"a:1\"\ncolour = \"red\"\n", "login.toml:2: colour is none of a login"},
           {"coordinator = 7\n", "login.toml:1: coordinator is no text"},
           {"token = \"secret\"\n", "it names no coordinator"},
           {"coordinator = \"a:1\n", "login.toml:1:"}}) {
    EXPECT_OK(WriteFileAtomic(LoginPath(), text));
    EXPECT_NE(Run({"ls"}), 0) << text;
    EXPECT_THAT(env_.err(), HasSubstr(told));
  }
  // It is in the way of no other farm.
  EXPECT_EQ(Run({"--coordinator", "a:1", "ls"}), 0);
  EXPECT_EQ(Run({"logout"}), 0);
  EXPECT_EQ(Run({"ls"}), 0);
}

TEST_F(LoginTest, OddTextComesBackAsItWas) {
  ConnectOptions login;
  login.address = "farm.example:7777";
  login.token = "a\"b\\c\td\xc3\xa9";
  EXPECT_OK(WriteLogin(folder_.Path("odd"), login));
  const auto read = ReadLogin(folder_.Path("odd"));
  ASSERT_OK(read);
  ASSERT_TRUE(read->has_value());
  EXPECT_EQ((*read)->token, login.token);
}

}  // namespace
}  // namespace crossmill::cli
