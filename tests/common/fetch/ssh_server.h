// A real sshd on this machine's loopback for tests, with an agent that has a key for it.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <pwd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>
#include <thread>
#include <vector>

#include "common/base/files.h"
#include "common/base/status.h"
#include "common/base/subprocess.h"
#include "tests/support/eventually.h"

namespace crossmill::fetch {

class SshServer {
 public:
  // Why there can be none here; empty: there can.
  static std::string Missing() {
    for (const std::string program : {"/usr/sbin/sshd", "/usr/bin/ssh-agent", "/usr/bin/ssh-keygen"}) {
      if (access(program.c_str(), X_OK) != 0)
        return program + " is not here: scripts/install-dependencies --test";
    }
    return geteuid() == 0 ? "" : "sshd needs root here";
  }

  SshServer() : folder_(*TemporaryFolder::Create()), port_(FreePort()) {
    for (const std::string name : {"host", "key", "stranger"})
      Do({"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", folder_.Path(name)});
    EXPECT_TRUE(WriteFileAtomic(folder_.Path("authorized"), *ReadFile(folder_.Path("key.pub")), 0600).ok());
    const std::string config = fmt::format(
        "Port {}\nListenAddress 127.0.0.1\nHostKey {}\nAuthorizedKeysFile {}\nStrictModes no\nUsePAM no\n"
        "PasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin yes\nPidFile none\n",
        port_, folder_.Path("host"), folder_.Path("authorized"));
    EXPECT_TRUE(WriteFileAtomic(folder_.Path("config"), config).ok());
    // Where it separates its privileges; its package makes it when the system starts.
    mkdir("/run/sshd", 0755);
    server_ = Keep({"/usr/sbin/sshd", "-D", "-e", "-f", folder_.Path("config")});
    agent_ = Keep({"ssh-agent", "-D", "-a", agent()});
    EXPECT_TRUE(Eventually([&] { return Exists(agent()) && Listens(); }));
    Do({"ssh-add", "-q", folder_.Path("key")}, {"SSH_AUTH_SOCK=" + agent(), "PATH=/usr/bin:/bin"});
  }

  std::string agent() const { return folder_.Path("agent"); }
  // Of a repository at the path.
  std::string UrlOf(const std::string& path) const {
    return fmt::format("ssh://{}@127.0.0.1:{}{}", getpwuid(geteuid())->pw_name, port_, path);
  }
  // The line of a file of known hosts: with the server's own key, or with another.
  std::string KnownAs(const std::string& key) const {
    return fmt::format("[127.0.0.1]:{} {}", port_, *ReadFile(folder_.Path(key + ".pub")));
  }

 private:
  static int FreePort() {
    const UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    EXPECT_EQ(bind(fd.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
    return ntohs(address.sin_port);
  }
  bool Listens() const {
    const UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port_));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
  }
  static void Do(const std::vector<std::string>& argv, std::vector<std::string> environment = {}) {
    ProcessOptions options;
    options.argv = argv;
    if (!environment.empty()) options.env = std::move(environment);
    const auto result = RunProcess(options);
    EXPECT_TRUE(result.ok() && result->exit_code == 0) << (result.ok() ? result->stderr_text : argv[0]);
  }
  // Until the test ends.
  static std::jthread Keep(const std::vector<std::string>& argv) {
    return std::jthread([argv](const std::stop_token& stop) {
      ProcessOptions options;
      options.argv = argv;
      options.stop = stop;
      RunProcess(options).IgnoreError();
    });
  }

  const TemporaryFolder folder_;
  const int port_;
  std::jthread server_, agent_;
};

}  // namespace crossmill::fetch
