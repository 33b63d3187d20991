// The git program, started so that nothing of the user's own settings changes what it fetches: hooks,
// templates, filters and attribute files are off, it never asks on a terminal, and it speaks only the
// protocols named here. What a user needs to get at a repository stays: credential helpers, http and url
// settings, and ssh.
#pragma once

#include <chrono>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/subprocess.h"

namespace crossmill::fetch {

// What somebody else brings along to get at a repository. It is used for that alone, and beside it nothing of
// what this machine's user has for ssh.
struct GitAccess {
  // http(s): the value of the header Authorization for URLs that begin with `header_scope`; in the program's
  // environment only.
  std::string header_scope;
  std::string authorization;
  // ssh: the socket of an agent; empty: none is used.
  std::string agent_socket;
  // With an agent, the file of hosts' keys, as ssh has it. The machine's own (/etc/ssh/ssh_known_hosts)
  // counts, too.
  std::string known_hosts;
  // A host that no file knows is believed, and noted in `known_hosts`.
  bool believe_new_hosts = false;
};

struct GitProgramOptions {
  // Of the whole work, over all calls.
  absl::Duration time_limit = absl::Minutes(30);
  std::stop_token stop;
  // Repositories on this machine (file:// and paths): for tests.
  bool allow_local = false;
  // Address space of each git process, in bytes; 0: unlimited. A tree that unfolds is in its memory before a
  // file is written.
  int64_t memory_limit = 0;
  // The address was not the user's own choice: only https, http and git, and nothing of what opens doors to
  // the user (settings, credential helpers, netrc, ssh and its agent), also for submodules.
  bool anonymous = false;
  GitAccess access = {};
};

// Not thread safe.
class GitProgram {
 public:
  explicit GitProgram(GitProgramOptions options);

  // What git answers when a server at the site ("https://git.example:8443") asks who it is, before what the
  // user's helpers say. In the program's environment only: neither in its arguments nor in a file.
  void UseCredentials(const std::string& site, const std::string& user, const std::string& password);

  // `git ARGUMENTS` in the folder (umask 022), its standard output. FAILED_PRECONDITION: there is no git
  // here; INVALID_ARGUMENT: git says no, with its words, without credentials; RESOURCE_EXHAUSTED: it found no
  // room on the disk; CANCELLED; DEADLINE_EXCEEDED.
  absl::StatusOr<std::string> Run(const std::string& folder, const std::vector<std::string>& arguments);
  // How many NUL bytes it writes, at most `most` + 1: then it is ended.
  absl::StatusOr<int64_t> Count(const std::string& folder, const std::vector<std::string>& arguments,
                                int64_t most);

 private:
  void ReadUserSettings();
  // How ssh is started with an agent that somebody brought along.
  std::string SshCommand() const;
  ProcessOptions Prepare(const std::string& folder, const std::vector<std::string>& arguments);
  // What the end of `git WHAT` means.
  absl::Status Judge(const std::string& what, const ProcessResult& result, std::string_view errors) const;

  GitProgramOptions options_;
  // Of the clock that nobody sets.
  std::chrono::steady_clock::time_point deadline_;
  bool settings_read_ = false;
  // Names and values of settings, in order.
  std::vector<std::pair<std::string, std::string>> settings_;
  bool own_ssh_ = false;
  // Variables of the program besides the settings.
  std::vector<std::string> variables_;
};

}  // namespace crossmill::fetch
