// A unix socket in front of a client's ssh agent.
#include "coordinator/buildkit/session/agent_socket.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>
#include <list>

#include "common/base/files.h"
#include "moby/sshforward/v1/ssh_service.grpc.pb.h"
#include "tests/coordinator/buildkit/fake_buildkit_client.h"
#include "tests/support/eventually.h"
#include "tests/support/status_matchers.h"

namespace crossmill::coordinator::buildkit {
namespace {

namespace ssh = ::moby::sshforward::v1;

// Answers each piece with the same in capitals; "quit" ends it.
class LoudAgent final : public ssh::SSH::Service {
 public:
  grpc::Status ForwardAgent(grpc::ServerContext* context,
                            grpc::ServerReaderWriter<ssh::BytesMessage, ssh::BytesMessage>* stream) override {
    const auto id = context->client_metadata().find("buildkit.ssh.id");
    if (id == context->client_metadata().end() || id->second != "default")
      return {grpc::StatusCode::NOT_FOUND, ""};
    ssh::BytesMessage piece;
    while (stream->Read(&piece) && piece.data() != "quit") {
      for (char& c : *piece.mutable_data()) c = static_cast<char>(toupper(c));
      stream->Write(piece);
    }
    return grpc::Status::OK;
  }
};

class AgentSocketTest : public testing::Test {
 protected:
  AgentSocketTest() { session_ = *sessions_.Wait("s", "alice", std::chrono::seconds(20), {}); }

  UniqueFd Connect(const AgentSocket& agent) {
    UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, agent.path().data(), agent.path().size());
    EXPECT_EQ(connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    // No test waits for ever.
    const timeval patience{20, 0};
    setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    return fd;
  }
  static std::string Say(const UniqueFd& fd, const std::string& text) {
    EXPECT_EQ(send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
    std::string answer(text.size(), '\0');
    const ssize_t count = recv(fd.get(), answer.data(), answer.size(), MSG_WAITALL);
    answer.resize(count > 0 ? static_cast<size_t>(count) : 0);
    return answer;
  }

  TemporaryFolder folder_ = *TemporaryFolder::Create();
  LoudAgent agent_;
  ClientSessions sessions_;
  ServedBuildKitClient client_{
      sessions_, {.id = "s", .shared_key = "", .methods = {}, .owner = "alice"}, {&agent_}};
  std::shared_ptr<ClientSession> session_;
};

TEST_F(AgentSocketTest, ProgramsTalkToTheAgentAtTheSameTime) {
  const auto agent = AgentSocket::Open(session_, "default", folder_.path());
  ASSERT_OK(agent);
  const UniqueFd one = Connect(**agent);
  const UniqueFd two = Connect(**agent);
  EXPECT_EQ(Say(one, "one"), "ONE");
  EXPECT_EQ(Say(two, std::string(100'000, 'x')), std::string(100'000, 'X'));
  EXPECT_EQ(Say(one, "more"), "MORE");
  // The agent's end of it is the program's.
  EXPECT_EQ(Say(one, "quit"), "");
  EXPECT_EQ(Say(two, "still"), "STILL");
}

TEST_F(AgentSocketTest, MoreThanItHoldsWaitForTheirTurn) {
  const auto agent = AgentSocket::Open(session_, "default", folder_.path());
  ASSERT_OK(agent);
  std::list<UniqueFd> programs;
  for (int i = 0; i < 16; ++i) {
    programs.push_back(Connect(**agent));
    EXPECT_EQ(Say(programs.back(), "a"), "A");
  }
  const UniqueFd late = Connect(**agent);
  programs.front().Reset();
  EXPECT_EQ(Say(late, "late"), "LATE");
}

TEST_F(AgentSocketTest, NothingIsLeftOfIt) {
  auto agent = AgentSocket::Open(session_, "default", folder_.path());
  ASSERT_OK(agent);
  const std::string path = (*agent)->path();
  const UniqueFd one = Connect(**agent);
  EXPECT_EQ(Say(one, "one"), "ONE");
  agent->reset();
  EXPECT_EQ(recv(one.get(), nullptr, 0, 0), 0);
  EXPECT_FALSE(Exists(path));
}

TEST_F(AgentSocketTest, ConnectionsEndWithTheClient) {
  const auto agent = AgentSocket::Open(session_, "default", folder_.path());
  ASSERT_OK(agent);
  const UniqueFd one = Connect(**agent);
  EXPECT_EQ(Say(one, "one"), "ONE");
  client_.client().Vanish();
  char byte = 0;
  EXPECT_EQ(recv(one.get(), &byte, 1, 0), 0);
}

TEST_F(AgentSocketTest, AnotherAgentOfTheClientIsNotReached) {
  const auto agent = AgentSocket::Open(session_, "other", folder_.path());
  ASSERT_OK(agent);
  EXPECT_EQ(Say(Connect(**agent), "one"), "");
}

TEST_F(AgentSocketTest, APathThatNoSocketCanHaveIsToldSo) {
  const std::string deep = folder_.Path(std::string(100, 'd'));
  ASSERT_OK(MakeFolders(deep));
  EXPECT_TRUE(absl::IsInvalidArgument(AgentSocket::Open(session_, "default", deep).status()));
}

}  // namespace
}  // namespace crossmill::coordinator::buildkit
