#include "coordinator/rpc/overview/named_zone.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "common/base/files.h"
#include "tests/support/status_matchers.h"

namespace crossmill::coordinator {
namespace {

using ::testing::HasSubstr;

// A folder of zones that the test fills.
class NamedZoneTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::make_unique<TemporaryFolder>(*TemporaryFolder::Create());
    setenv("TZDIR", folder_->path().c_str(), 1);
  }
  void TearDown() override { unsetenv("TZDIR"); }

  // Version 1 of the format: one kind of time, an hour east of UTC.
  void AddZone(const std::string& name) {
    std::string bytes = "TZif";
    bytes += std::string(16, '\0');
    for (const char count : {0, 0, 0, 0, 1, 4}) bytes += std::string(3, '\0') + count;
    bytes += std::string("\0\0\x0e\x10\0\0", 6) + std::string("ONE\0", 4);
    std::ofstream(folder_->Path(name), std::ios::binary) << bytes;
  }

  std::unique_ptr<TemporaryFolder> folder_;
};

TEST_F(NamedZoneTest, AreThoseOfTheMachine) {
  AddZone("NamedOne");
  const auto zone = NamedZone("NamedOne");
  ASSERT_OK(zone);
  EXPECT_EQ(zone->At(absl::UnixEpoch()).offset, 3600);
  EXPECT_EQ(*NamedZone(""), absl::UTCTimeZone());
  EXPECT_EQ(*NamedZone("UTC"), absl::UTCTimeZone()) << "also of a machine that has no zones";
}

// absl::LoadTimeZone never forgets a name that it was asked for, nor that there was none.
TEST_F(NamedZoneTest, ANameThatThereIsNotIsNotKept) {
  const absl::Status status = NamedZone("NamedLater").status();
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("'NamedLater'"));
  AddZone("NamedLater");
  EXPECT_OK(NamedZone("NamedLater"));
}

TEST_F(NamedZoneTest, OneFileHasNoEndlessNames) {
  mkdir(folder_->Path("area").c_str(), 0700);
  AddZone("area/NamedTown");
  ASSERT_EQ(symlink(".", folder_->Path("posix").c_str()), 0);
  EXPECT_OK(NamedZone("area/NamedTown"));
  EXPECT_OK(NamedZone("posix/area/NamedTown"));
  for (const char* name : {"area//NamedTown", "area/NamedTown/", "/area/NamedTown", "area/../area/NamedTown",
                           "./area/NamedTown", "posix/posix/posix/area/NamedTown", "area", "posix"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(NamedZone(name).status())) << name;
  }
}

}  // namespace
}  // namespace crossmill::coordinator
