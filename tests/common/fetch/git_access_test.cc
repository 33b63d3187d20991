// Repositories that are read with what somebody brings along: over ssh at a real sshd, with an agent and
// known hosts.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/fetch/git_checkout.h"
#include "tests/common/fetch/repository.h"
#include "tests/common/fetch/ssh_server.h"
#include "tests/support/status_matchers.h"

namespace crossmill::fetch {
namespace {

class GitAccessTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const std::string missing = SshServer::Missing(); !missing.empty()) GTEST_SKIP() << missing;
    server_ = std::make_unique<SshServer>();
    repository_.Write("v", "over ssh\n");
    repository_.Commit("one");
    options_.access.agent_socket = server_->agent();
    options_.access.known_hosts = hosts_.Path("known");
  }

  absl::StatusOr<GitCheckout> Checkout() {
    parents_.push_back(*TemporaryFolder::Create());
    GitReference reference;
    reference.remote = server_->UrlOf(repository_.path());
    reference.ref = "main";
    return CheckoutGit(reference, false, parents_.back().path(), options_);
  }

  std::unique_ptr<SshServer> server_;
  Repository repository_;
  TemporaryFolder hosts_ = *TemporaryFolder::Create();
  GitProgramOptions options_;
  std::vector<TemporaryFolder> parents_;
};

TEST_F(GitAccessTest, AHostThatIsKnownIsReadWithTheAgentsKey) {
  ASSERT_OK(WriteFileAtomic(options_.access.known_hosts, server_->KnownAs("host"), 0600));
  const auto checkout = Checkout();
  ASSERT_OK(checkout);
  EXPECT_EQ(*ReadFile(checkout->folder + "/v"), "over ssh\n");
}

TEST_F(GitAccessTest, AHostWithAnotherKeyIsNotBelieved) {
  ASSERT_OK(WriteFileAtomic(options_.access.known_hosts, server_->KnownAs("stranger"), 0600));
  for (const bool believe_new : {false, true}) {
    options_.access.believe_new_hosts = believe_new;
    const auto checkout = Checkout();
    ASSERT_FALSE(checkout.ok());
    EXPECT_THAT(std::string(checkout.status().message()),
                ::testing::HasSubstr("Host key verification failed"));
  }
}

TEST_F(GitAccessTest, ANewHostIsBelievedWhereThatIsSaid) {
  ASSERT_OK(WriteFileAtomic(options_.access.known_hosts, "", 0600));
  EXPECT_FALSE(Checkout().ok());
  options_.access.believe_new_hosts = true;
  EXPECT_OK(Checkout());
  // And from then on known.
  options_.access.believe_new_hosts = false;
  EXPECT_OK(Checkout());
}

TEST_F(GitAccessTest, WithoutTheAgentNothingOfThisUserIsTried) {
  options_.access.believe_new_hosts = true;
  options_.access.agent_socket = hosts_.Path("nobody");
  const auto checkout = Checkout();
  ASSERT_FALSE(checkout.ok());
  EXPECT_THAT(std::string(checkout.status().message()), ::testing::HasSubstr("Permission denied"));
}

}  // namespace
}  // namespace crossmill::fetch
