// What a step asks the client's ssh agent, which the fault driver (agents.py) puts into its context: ends
// with 0 as soon as the agent names the key "planted-key", with 1 if it has not done so in a minute. While
// nobody who has an agent is attached each question fails. The base has nothing that speaks to a unix socket,
// so this is linked statically.
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

static int answered(const char* path) {
  // SSH_AGENTC_REQUEST_IDENTITIES (draft-miller-ssh-agent, section 4.4), after its length.
  static const char request[5] = {0, 0, 0, 1, 11};
  static const char key[] = "planted-key";
  char answer[4096];
  size_t size = 0;
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  const struct timeval patience = {.tv_sec = 5};
  const int socket_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int found = 0;
  snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
  setsockopt(socket_fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  if (connect(socket_fd, (struct sockaddr*)&address, sizeof(address)) == 0 &&
      send(socket_fd, request, sizeof(request), MSG_NOSIGNAL) == (ssize_t)sizeof(request)) {
    while (!found && size < sizeof(answer)) {
      const ssize_t piece = read(socket_fd, answer + size, sizeof(answer) - size);
      if (piece <= 0) break;
      size += (size_t)piece;
      found = memmem(answer, size, key, sizeof(key) - 1) != NULL;
    }
  }
  close(socket_fd);
  return found;
}

int main(void) {
  const char* const path = getenv("SSH_AUTH_SOCK");
  if (path == NULL) return 2;
  for (int question = 0; question < 240; ++question) {
    if (answered(path)) return 0;
    usleep(250 * 1000);
  }
  return 1;
}
