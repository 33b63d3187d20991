// The file of tokens (mode 0600): one per line, `HASH ROLE NAME`, where HASH is the hex SHA-256 of the
// token, ROLE is read, submit, operate or worker, and NAME says who holds it. A worker's token is good for
// the worker of that name only, or for those of a pool (peers/worker_names.h). client is another word for
// operate, both for operate and worker. Empty lines and lines that begin with # are skipped.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/rpc/authenticator.h"

namespace crossmill::coordinator {

// A missing file holds no tokens. INVALID_ARGUMENT names the line.
absl::StatusOr<std::vector<TokenRecord>> ReadTokenFile(const std::string& path);

// Appends a new random token and returns it: the only time that it is seen. `name` is one word, for a worker
// one that names a worker or a pool. INVALID_ARGUMENT for an unknown role.
absl::StatusOr<std::string> AddToken(const std::string& path, std::string_view role, std::string_view name);

// A fresh token of 256 random bits.
std::string NewToken();

// The record of `token` for `role`; INVALID_ARGUMENT for an unknown role.
absl::StatusOr<TokenRecord> MakeTokenRecord(std::string_view token, std::string_view role,
                                            std::string_view name);

}  // namespace crossmill::coordinator
