#include <gmock/gmock.h>
#include <sys/stat.h>

#include "tests/cli/commands_fixture.h"

namespace crossmill::cli {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;

class BuildxSetupTest : public CommandsTest {
 protected:
  BuildxSetupTest() { env_.variables["XDG_CONFIG_HOME"] = folder_.Path("config"); }

  // Programs of which the first word is this are here.
  void Install(const std::string& program, int create_ends_with = 0) {
    env_.run_program = [=](const ProcessOptions& options) -> absl::StatusOr<ProcessResult> {
      if (options.argv[0] != program) return absl::NotFoundError("no such program");
      ProcessResult result;
      if (std::find(options.argv.begin(), options.argv.end(), "create") != options.argv.end()) {
        result.exit_code = create_ends_with;
        result.stderr_text = create_ends_with == 0 ? "" : "ERROR: existing instance for \"farm\"\n";
      }
      return result;
    };
  }
  std::string File(const std::string& name) { return folder_.Path("config/crossmill/buildx/farm/" + name); }
};

TEST_F(BuildxSetupTest, OnThisMachineNoCertificateIsNeeded) {
  Install("docker");
  EXPECT_EQ(Run({"--coordinator", "unix:/data/coordinator.sock", "buildx-setup"}), 0) << env_.err();
  EXPECT_EQ(env_.out, "docker buildx create --name farm --driver remote --use unix:///data/buildkit.sock\n");
  EXPECT_THAT(env_.programs_run,
              Contains(ElementsAre("docker", "buildx", "create", "--name", "farm", "--driver", "remote",
                                   "--use", "unix:///data/buildkit.sock")));
}

TEST_F(BuildxSetupTest, OverTheNetworkTheFarmGivesACertificate) {
  Install("buildx");
  EXPECT_EQ(Run({"--coordinator", "farm.example:7777", "buildx-setup"}), 0) << env_.err();
  EXPECT_THAT(env_.out, HasSubstr("buildx create --name farm --driver remote --driver-opt cacert=" +
                                  File("ca.pem") + ",cert=" + File("cert.pem") + ",key=" + File("key.pem")));
  EXPECT_THAT(coordinator_.certificate_request, HasSubstr("CERTIFICATE REQUEST"));
  EXPECT_EQ(*ReadFile(File("cert.pem")), "a certificate\n");
  EXPECT_EQ(*ReadFile(File("ca.pem")), "an authority\n");
  EXPECT_THAT(*ReadFile(File("key.pem")), HasSubstr("PRIVATE KEY"));
  struct stat status = {};
  ASSERT_EQ(stat(File("key.pem").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
  EXPECT_THAT(env_.err(), HasSubstr("good until 2030-"));
}

TEST_F(BuildxSetupTest, TheLineCanBePrintedForAnotherMachine) {
  EXPECT_EQ(
      Run({"--coordinator", "unix:/data/coordinator.sock", "buildx-setup", "--print", "--name", "team"}), 0)
      << env_.err();
  EXPECT_THAT(env_.out, HasSubstr("docker buildx create --name team"));
  for (const auto& words : env_.programs_run) EXPECT_THAT(words, testing::Not(Contains("create")));
}

TEST_F(BuildxSetupTest, WithoutBuildxItSaysWhatToDo) {
  EXPECT_NE(Run({"--coordinator", "unix:/data/coordinator.sock", "buildx-setup"}), 0);
  EXPECT_THAT(env_.err(), HasSubstr("install Docker's buildx"));
}

TEST_F(BuildxSetupTest, ANameThatIsTakenIsSaid) {
  Install("docker", 1);
  EXPECT_NE(Run({"--coordinator", "unix:/data/coordinator.sock", "buildx-setup"}), 0);
  EXPECT_THAT(env_.err(), HasSubstr("buildx rm NAME"));
}

}  // namespace
}  // namespace crossmill::cli
