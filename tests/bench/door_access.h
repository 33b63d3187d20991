// What a client of a coordinator's HTTP door needs: a port for it, and a token.
#pragma once

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <string>

#include "tests/bench/coordinator_process.h"

namespace crossmill {

inline int FreePort() {
  const int handle = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  if (bind(handle, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      getsockname(handle, reinterpret_cast<sockaddr*>(&address), &size) != 0)
    Fail("no port is free");
  close(handle);
  return ntohs(address.sin_port);
}

// A client's token for the data folder.
inline std::string MakeToken(const std::string& program, const std::string& data) {
  FILE* const out = popen(fmt::format("'{}' --data '{}' token client bench", program, data).c_str(), "r");
  char text[200] = "";
  if (out == nullptr || fgets(text, sizeof(text), out) == nullptr || pclose(out) != 0)
    Fail("no token was made");
  std::string token(text);
  while (!token.empty() && token.back() == '\n') token.pop_back();
  return token;
}

}  // namespace crossmill
