// Whose a data folder is. That of a farm which root started with `crossmill up` is root's, so that nobody can
// put another `run` (what root's keeper starts) or `workers` in the place of the real ones; it is sticky, and
// the group of the coordinator's account may make things in it. What is in it, besides those two, is the
// account's.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "coordinator/account/account.h"

namespace crossmill::coordinator {

// Who runs the coordinator of this folder, as far as can be seen: whose the record is, or else the folder.
absl::StatusOr<Account> OwnerOfData(const std::string& folder);

// Makes the folder if it is not there, and gives what root has in it to the account: files of a coordinator
// that ran as root. Only what lies in folders that nobody but root can change is given, a folder after
// everything in it; links are neither followed nor given, and files with several names stay root's. So it can
// be interrupted and repeated, and what was given before costs nothing. A folder that is the account's
// already stays as it is. FAILED_PRECONDITION: it is another user's.
absl::Status GiveDataFolder(const std::string& folder, const Account& account);

// Root's, for one command on the data of a coordinator that runs as somebody else: from then on the process
// is that user, so that what it writes can be read there, and no link there leads root astray. Nothing
// happens where the folder is root's or not there yet.
absl::Status BecomeOwnerOfData(const std::string& folder);

}  // namespace crossmill::coordinator
