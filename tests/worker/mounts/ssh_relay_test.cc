// The relay between real sockets and an agent of the test.
#include "worker/mounts/ssh_relay.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <optional>

#include "common/base/status.h"
#include "tests/support/fake_ssh_forwarder.h"
#include "tests/support/status_matchers.h"

namespace crossmill::worker {
namespace {

class SshRelayTest : public testing::Test {
 protected:
  void SetUp() override {
    auto folder = TemporaryFolder::Create();
    ASSERT_OK(folder);
    folder_.emplace(std::move(*folder));
  }
  void Start(const std::string& id) {
    auto relay =
        SshRelay::Create(folder_->Path("socket"), 7, id, agents_, [this](const std::string& problem) {
          MutexLock lock(mutex_);
          problems_ += problem;
        });
    ASSERT_OK(relay);
    relay_ = std::move(*relay);
  }
  UniqueFd Connect() {
    UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    strncpy(address.sun_path, folder_->Path("socket").c_str(), sizeof(address.sun_path) - 1);
    EXPECT_EQ(connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    return fd;
  }

  std::optional<TemporaryFolder> folder_;
  FakeSshForwarder agents_{{"default"}};
  Mutex mutex_;
  std::string problems_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<SshRelay> relay_;
};

TEST_F(SshRelayTest, BytesGoBothWaysOnEachConnection) {
  Start("default");
  const UniqueFd one = Connect();
  const UniqueFd two = Connect();
  ASSERT_OK(WriteAll(one.get(), "one"));
  ASSERT_OK(WriteAll(two.get(), "two"));
  shutdown(one.get(), SHUT_WR);
  shutdown(two.get(), SHUT_WR);
  EXPECT_EQ(*ReadAll(one.get()), "ONE");
  EXPECT_EQ(*ReadAll(two.get()), "TWO");
}

TEST_F(SshRelayTest, EndDoesNotWaitForOpenConnections) {
  Start("default");
  const UniqueFd open = Connect();
  ASSERT_OK(WriteAll(open.get(), "x"));
  char answer;
  ASSERT_EQ(read(open.get(), &answer, 1), 1);
  relay_.reset();
  EXPECT_EQ(read(open.get(), &answer, 1), 0);
}

TEST_F(SshRelayTest, RefusalClosesTheConnectionAndIsTold) {
  Start("other");
  const UniqueFd fd = Connect();
  EXPECT_EQ(*ReadAll(fd.get()), "");
  relay_.reset();
  MutexLock lock(mutex_);
  EXPECT_EQ(problems_, "no such id");
}

TEST_F(SshRelayTest, AgentIsAskedWhetherItIsThere) {
  EXPECT_TRUE(*agents_.Has(7, "default"));
  EXPECT_FALSE(*agents_.Has(7, "other"));
}

}  // namespace
}  // namespace crossmill::worker
