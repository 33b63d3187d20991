// The system user that a coordinator of root's becomes: whoever breaks into it has the farm, and not the
// machine.
#pragma once

#include <sys/types.h>

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace crossmill::coordinator {

struct Account {
  // Empty: ids that have no name here.
  std::string name;
  uid_t uid = 0;
  gid_t gid = 0;
};

// NOT_FOUND says how to make it; INVALID_ARGUMENT: it is root.
absl::StatusOr<Account> FindAccount(const std::string& name);

// For good, and for programs that are started from here: ids and groups of the account, no capability,
// nothing gained by setuid programs. All of it is looked at afterwards: an error means that the process must
// not go on. Only of root, and before any other thread is there, since threads have privileges of their own.
absl::Status BecomeAccount(const Account& account);

}  // namespace crossmill::coordinator
