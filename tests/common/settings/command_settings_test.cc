#include "common/settings/command_settings.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <memory>

#include "common/base/files.h"
#include "common/base/status.h"
#include "tests/support/status_matchers.h"

namespace crossmill::settings {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// A program with a setting of each type.
struct Program {
  CLI::App app{"a program"};
  std::string listen = "here";
  std::string certificate;
  std::vector<std::string> mirrors;
  bool insecure = false;
  int timeout = 30;
  double after = 1.5;
  uint64_t room = 0;
  std::vector<std::string> limits;
  std::unique_ptr<CommandSettings> settings;
};

class CommandSettingsTest : public testing::Test {
 protected:
  CommandSettingsTest() : file_(fmt::format("{}/settings-{}.toml", testing::TempDir(), getpid())) {}
  ~CommandSettingsTest() override { unlink(file_.c_str()); }

  void Write(const std::string& text) { ASSERT_OK(WriteFileAtomic(file_, text, 0600)); }

  absl::Status Run(std::vector<std::string> flags, const Environment& environment = {}) {
    program_ = std::make_unique<Program>();
    Program& p = *program_;
    p.app.add_option("--listen", p.listen, "Where it listens")->capture_default_str();
    p.app.add_option("--tls-cert", p.certificate, "Certificate");
    p.app.add_option("--mirror,--other", p.mirrors, "Mirror; repeatable");
    p.app.add_flag("--insecure", p.insecure, "Plain text");
    p.app.add_option("--timeout", p.timeout, "Seconds")->check(CLI::Range(1, 100))->capture_default_str();
    p.app.add_option("--after", p.after, "Times")->capture_default_str();
    p.app.add_option("--room", p.room, "Bytes")->transform(CLI::AsSizeValue(false));
    p.app.add_option("--limit", p.limits, "NAME=NUMBER");
    p.settings = std::make_unique<CommandSettings>(
        p.app, SettingSources{
                   "P_", file_,
                   NumberTable{"limit",
                               "limits",
                               {{"stages", "stages", 10, "default"}, {"steps", "steps", 20, "default"}}}});
    std::reverse(flags.begin(), flags.end());
    p.app.parse(flags);
    return p.settings->Complete(environment);
  }
  std::string Problem(const std::string& text, std::vector<std::string> flags = {},
                      const Environment& environment = {}) {
    Write(text);
    const absl::Status status = Run(std::move(flags), environment);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << text;
    return std::string(status.message());
  }

  const std::string file_;
  std::unique_ptr<Program> program_;
};

TEST_F(CommandSettingsTest, AFileGivesEveryTypeOfSetting) {
  Write(R"(listen = "there:1"
mirror = ["a=b", "c=d e"]
insecure = true
timeout = 7
after = 2
room = "2g"
[limits]
steps = 5
)");
  ASSERT_OK(Run({}));
  EXPECT_EQ(program_->listen, "there:1");
  EXPECT_THAT(program_->mirrors, ElementsAre("a=b", "c=d e"));
  EXPECT_TRUE(program_->insecure);
  EXPECT_EQ(program_->timeout, 7);
  EXPECT_EQ(program_->after, 2.0);
  EXPECT_EQ(program_->room, uint64_t{2} << 30);
  EXPECT_THAT(program_->limits, ElementsAre("steps=5"));
}

TEST_F(CommandSettingsTest, FlagsAreOverVariablesAndTheseOverTheFile) {
  Write("listen = \"file\"\ntimeout = 7\nafter = 3\nmirror = [\"f=f\"]\n[limits]\nsteps = 5\nstages = 6\n");
  ASSERT_OK(Run({"--listen", "flag", "--limit", "stages=8"}, {{"P_LISTEN", "variable"},
                                                              {"P_TIMEOUT", "9"},
                                                              {"P_MIRROR", " v=1  v=2\nv=3 "},
                                                              {"P_LIMIT", "steps=7 stages=7"},
                                                              {"P_AFTER", ""}}));
  EXPECT_EQ(program_->listen, "flag");
  EXPECT_EQ(program_->timeout, 9);
  EXPECT_EQ(program_->after, 3.0) << "a variable that is empty is none";
  EXPECT_THAT(program_->mirrors, ElementsAre("v=1", "v=2", "v=3"));
  EXPECT_THAT(program_->limits, ElementsAre("stages=8", "steps=7"));
  const std::string text = program_->settings->Text();
  EXPECT_THAT(text, HasSubstr("listen = \"flag\"  # command line\n"));
  EXPECT_THAT(text, HasSubstr("timeout = 9  # P_TIMEOUT\n"));
  EXPECT_THAT(text, HasSubstr(fmt::format("after = 3  # {}:3\n", file_)));
  EXPECT_THAT(text, HasSubstr("insecure = false  # default\n"));
  EXPECT_THAT(text, HasSubstr("# tls-cert is not set\n"));
  EXPECT_THAT(text, HasSubstr("steps = 7  # P_LIMIT\n"));
}

TEST_F(CommandSettingsTest, WhatIsPrintedIsAFileWithTheSameMeaning) {
  Write(
      "listen = \"a \\\"b\\\" \\\\ \\u0001é\"\nmirror = [\"x\", \"y\"]\ninsecure = true\nroom = "
      "5\n[limits]\nsteps=3\n");
  ASSERT_OK(Run({"--timeout", "8"}));
  const std::string printed = program_->settings->Text();
  const std::string listen = program_->listen;
  Write(printed);
  ASSERT_OK(Run({}));
  EXPECT_EQ(program_->listen, listen);
  EXPECT_EQ(program_->timeout, 8);
  EXPECT_TRUE(program_->insecure);
  EXPECT_EQ(program_->room, 5u);
  EXPECT_THAT(program_->mirrors, ElementsAre("x", "y"));
  EXPECT_NE(std::find(program_->limits.begin(), program_->limits.end(), "steps=3"), program_->limits.end());
}

TEST_F(CommandSettingsTest, SecretsAreNotPrinted) {
  Write(
      "mirror = [\"http://me:s3cret@proxy:1/x\", \"https://t0ken@index/\", \"http://a:p@ss@h/@\", "
      "\"http://h/a@b\"]\n");
  ASSERT_OK(Run({}));
  EXPECT_THAT(
      program_->settings->Text(),
      HasSubstr("mirror = [\"http://me:***@proxy:1/x\", \"https://***@index/\", \"http://a:***@h/@\", "
                "\"http://h/a@b\"]"));
}

TEST_F(CommandSettingsTest, MistakesAreToldWithTheirPlace) {
  EXPECT_EQ(Problem("\nlisten = \"x\"\nlisen = \"y\"\n"),
            file_ + ":3: there is no setting 'lisen'; did you mean listen?; --print-config lists all");
  EXPECT_EQ(Problem("timeout = \"7\"\n"), file_ + ":1: timeout: expected a whole number");
  EXPECT_EQ(Problem("timeout = 7.5\n"), file_ + ":1: timeout: expected a whole number");
  EXPECT_EQ(Problem("insecure = 1\n"), file_ + ":1: insecure: expected true or false");
  EXPECT_EQ(Problem("mirror = \"a\"\n"),
            file_ + ":1: mirror: expected a list, [...], each of it a text in quotes");
  EXPECT_EQ(Problem("mirror = [\"a\", 5]\n"),
            file_ + ":1: mirror: expected a text in quotes for each of the list");
  EXPECT_EQ(Problem("listen = [\"a\"]\n"), file_ + ":1: listen: expected a text in quotes");
  EXPECT_EQ(Problem("listen = 1979-05-27\n"), file_ + ":1: listen: expected a text in quotes");
  EXPECT_THAT(Problem("timeout = 101\n"), HasSubstr(file_ + ":1: timeout: expected a whole number: "));
  EXPECT_THAT(Problem("timeout = 101\n"), HasSubstr("100"));
  EXPECT_THAT(Problem("room = \"many\"\n"), HasSubstr(file_ + ":1: room: expected a number of bytes"));
  EXPECT_THAT(Problem("listen = \"a\"\nlisten = \"b\"\n"), HasSubstr(file_ + ":2:"));
  EXPECT_THAT(Problem("listen = \n"), HasSubstr(file_ + ":1:"));
  EXPECT_EQ(Problem("[limit]\nsteps = 5\n"),
            file_ + ":2: there is no table [limit]; [limits] is the only one");
  EXPECT_EQ(Problem("[limits]\nsteps = \"5\"\n"), file_ + ":2: limits.steps: expected a whole number");
  EXPECT_EQ(Problem("[limits]\nsteps = 0\n"), file_ + ":2: steps: '0' is no whole number from 1 on");
  EXPECT_THAT(Problem("[limits]\nstep = 5\n"), HasSubstr("did you mean steps?; the names are stages, steps"));
  EXPECT_EQ(Problem("[limits.steps]\na = 5\n").substr(0, file_.size() + 2), file_ + ":1");
  // Also where something else is over it: it would be read without that one day.
  EXPECT_EQ(Problem("timeout = \"7\"\n", {"--timeout", "5"}), file_ + ":1: timeout: expected a whole number");
  EXPECT_THAT(Problem("", {}, {{"P_TIMEOUT", "soon"}}),
              HasSubstr("P_TIMEOUT: timeout: expected a whole number: "));
  EXPECT_EQ(Problem("", {}, {{"P_INSECURE", "yes"}}),
            "P_INSECURE: insecure: expected true or false, not 'yes'");
  EXPECT_THAT(Problem("", {"--limit", "step=5"}),
              HasSubstr("command line: --limit step=5: expected NAME=NUMBER"));
  EXPECT_THAT(Problem("", {}, {{"P_LIMIT", "steps"}}),
              HasSubstr("P_LIMIT: --limit steps: expected NAME=NUMBER"));
}

TEST_F(CommandSettingsTest, AFileThatIsNamedMustBeThere) {
  // The usual one need not.
  ASSERT_OK(Run({}));
  EXPECT_FALSE(Run({"--config", file_ + ".not"}).ok());
  EXPECT_FALSE(Run({}, {{"P_CONFIG", file_ + ".not"}}).ok());
  Write("timeout = 7\n");
  ASSERT_OK(Run({"--config", "none"}));
  EXPECT_EQ(program_->timeout, 30);
  ASSERT_OK(Run({"--config", file_}, {{"P_CONFIG", "none"}}));
  EXPECT_EQ(program_->timeout, 7);
}

TEST_F(CommandSettingsTest, VariablesThatSeemMeantAreNamed) {
  ASSERT_OK(Run({}, {{"P_LISTN", "x"}, {"P_LISTEN", "y"}, {"P_CONFIG", "none"}, {"PATH", "z"}}));
  EXPECT_THAT(program_->settings->warnings(),
              ElementsAre("variable P_LISTN is no setting; did you mean P_LISTEN?"));
}

TEST_F(CommandSettingsTest, ChangesAreToldByName) {
  Write("timeout = 7\n[limits]\nsteps = 5\n");
  ASSERT_OK(Run({}));
  const std::unique_ptr<Program> before = std::move(program_);
  ASSERT_OK(Run({}));
  EXPECT_THAT(ChangedSettings(*before->settings, *program_->settings), IsEmpty());
  Write("\ntimeout = 8\nmirror = [\"x\"]\n[limits]\nsteps = 6\n");
  ASSERT_OK(Run({}));
  EXPECT_THAT(ChangedSettings(*before->settings, *program_->settings),
              ElementsAre("mirror", "timeout", "limits.steps"));
}

}  // namespace
}  // namespace crossmill::settings
