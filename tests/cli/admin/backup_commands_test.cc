// crossmill admin backup|restore|check with a coordinator's program that the test plays.
#include <gmock/gmock.h>

#include "cli/show/exit_codes.h"
#include "common/base/status.h"
#include "tests/cli/commands_fixture.h"

namespace crossmill::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::string_view kBackup =
    R"({"name": "20260101T000000Z", "taken_at": "2026-01-01T00:00:00.000Z", "record_bytes": 4096, "blobs": 3,
        "blob_bytes": 1000, "files": 2, "file_bytes": 20, "gone_blobs": 7, "damaged_blobs": 0, "gone_files": 0,
        "copied": 1, "copied_bytes": 10, "mended": 0, "removed": 0})";

class BackupCommandsTest : public CommandsTest {
 protected:
  BackupCommandsTest() { env_.program_folder = "/programs"; }
  void Play(std::string out, int exit_code, std::string err = "") {
    env_.run_program = [=](const ProcessOptions& options) -> absl::StatusOr<ProcessResult> {
      if (!err.empty()) options.on_output(OutputStream::kStderr, err);
      // In pieces, as from a pipe.
      options.on_output(OutputStream::kStdout, std::string_view(out).substr(0, out.size() / 2));
      options.on_output(OutputStream::kStdout, std::string_view(out).substr(out.size() / 2));
      ProcessResult result;
      result.exit_code = exit_code;
      return result;
    };
  }
};

TEST_F(BackupCommandsTest, RunsTheProgramBesideItOnTheFarmsFolder) {
  Play(std::string(kBackup), 0, "the record is copied\n");
  EXPECT_EQ(Run({"--data", "/farm", "admin", "backup", "/mnt/b", "--keep", "3", "--rate", "1m", "--verify"}),
            kExitOk);
  ASSERT_EQ(env_.programs_run.size(), 1u);
  EXPECT_THAT(env_.programs_run[0],
              ElementsAre("/programs/crossmill-coordinator", "--data", "/farm", "backup", "--keep", "3",
                          "--rate", "1m", "--verify", "--", "/mnt/b"));
  EXPECT_THAT(env_.out, HasSubstr("backup 20260101T000000Z: record 4.1 kB, 3 blobs of 1.0 kB"));
  EXPECT_THAT(env_.out, HasSubstr("7 cached blobs were gone"));
  EXPECT_THAT(env_.err(), HasSubstr("the record is copied"));
  EXPECT_EQ(Run({"admin", "backup", "/mnt/b", "--json", "--data", "/farm"}), kExitOk);
  EXPECT_EQ(OutJson()["gone_blobs"], 7);
}

TEST_F(BackupCommandsTest, TheFolderIsThatOfTheSocket) {
  env_.variables["CROSSMILL_COORDINATOR"] = "unix:/srv/farm/coordinator.sock";
  Play(R"({"clean": true, "findings": []})", 0);
  EXPECT_EQ(Run({"admin", "check"}), kExitOk);
  EXPECT_THAT(env_.programs_run.at(0),
              ElementsAre("/programs/crossmill-coordinator", "--data", "/srv/farm", "check"));
  env_.variables["CROSSMILL_COORDINATOR"] = "farm.example:7070";
  EXPECT_EQ(Run({"admin", "check"}), kExitUsage);
  EXPECT_EQ(env_.programs_run.size(), 1u);
  EXPECT_THAT(env_.err(), HasSubstr("on the coordinator's machine"));
}

TEST_F(BackupCommandsTest, DamageHasItsOwnExitCode) {
  const std::string finding =
      R"({"kind": "blob", "damage": true, "where": "/farm/content/x\u001b[31m", "count": 1, "meaning": "wrong", "remedy": "left", "mended": )";
  Play(R"({"clean": false, "findings": [)" + finding + "false}]}", 7);
  EXPECT_EQ(Run({"--data", "/farm", "admin", "check"}), kExitDamaged);
  EXPECT_THAT(env_.out, HasSubstr("damage /farm/content/x"));
  EXPECT_THAT(env_.out, HasSubstr("1 damaged\n"));
  EXPECT_EQ(env_.out.find('\x1b'), std::string::npos);
  Play(R"({"clean": true, "findings": [)" + finding + "true}]}", 0);
  EXPECT_EQ(Run({"--data", "/farm", "admin", "check", "--repair"}), kExitOk);
  EXPECT_THAT(env_.out, HasSubstr("1 mended\nclean\n"));
}

TEST_F(BackupCommandsTest, ErrorsOfTheProgramAreItsOwn) {
  Play(R"({"error": {"code": "failed_precondition", "message": "/new is not empty"}})", 5);
  EXPECT_EQ(Run({"--data", "/new", "admin", "restore", "/mnt/b"}), kExitInfrastructure);
  EXPECT_THAT(env_.err(), HasSubstr("/new is not empty"));
  Play(R"({"error": {"code": "not_found", "message": "no backup x"}})", 2);
  EXPECT_EQ(Run({"--data", "/new", "admin", "restore", "/mnt/b", "--moment", "x"}), kExitUsage);
  // One that dies, or is of another version.
  Play("", 139, "unknown word backup");
  EXPECT_EQ(Run({"--data", "/new", "admin", "backup", "/mnt/b"}), kExitInfrastructure);
  EXPECT_THAT(env_.err(), HasSubstr("ended with 139 and no result: unknown word backup"));
  env_.run_program = nullptr;
  EXPECT_NE(Run({"--data", "/new", "admin", "backup", "/mnt/b"}), kExitOk);
  EXPECT_THAT(env_.err(), HasSubstr("has to be beside this program"));
}

TEST_F(BackupCommandsTest, ARestoreSaysWhatItGaveAndFromWhichNumberItGoesOn) {
  std::string restored(kBackup);
  restored.back() = ',';
  restored += R"("data": "/new", "moved_to": "/new.before-restore-1", "left_out": 0, "next_build": 2001})";
  Play(restored, 0);
  EXPECT_EQ(Run({"--data", "/new", "admin", "restore", "/mnt/b", "--force"}), kExitOk);
  EXPECT_THAT(env_.out, HasSubstr("into /new"));
  EXPECT_THAT(env_.out, HasSubstr("what was there is in /new.before-restore-1"));
  EXPECT_THAT(env_.out, HasSubstr("the next build is 2001"));
}

}  // namespace
}  // namespace crossmill::cli
