// What a BuildKit client says that it is, to whoever serves a source of its build: a secret of its session
// that has the name for it. It is used for that one fetch; nothing of it is recorded, nor in any key.
#pragma once

#include <memory>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/wiping.h"
#include "coordinator/buildkit/session/client_session.h"
#include "coordinator/buildkit/solve/client_builds.h"
#include "coordinator/buildkit/solve/solve_services.h"

namespace crossmill::coordinator::buildkit {

// Wiped when it is dropped.
class ClientWord {
 public:
  ClientWord() = default;
  ClientWord(std::string name, std::string value) : name_(std::move(name)), value_(std::move(value)) {}
  ~ClientWord() { Wipe(&value_); }
  ClientWord(ClientWord&& other) noexcept { *this = std::move(other); }
  ClientWord& operator=(ClientWord&& other) noexcept {
    name_.swap(other.name_);
    value_.swap(other.value_);
    return *this;
  }
  ClientWord(const ClientWord&) = delete;
  ClientWord& operator=(const ClientWord&) = delete;

  // Of the secret.
  const std::string& name() const { return name_; }
  const std::string& value() const { return value_; }
  bool empty() const { return value_.empty(); }

 private:
  std::string name_;
  std::string value_;
};

// The session of the build's client; null: it has none, and so nothing to say.
absl::StatusOr<std::shared_ptr<ClientSession>> SessionOfBuild(const SolveServices& services,
                                                              const ClientBuild& build,
                                                              const std::stop_token& stop);

// Whether the client has any secrets.
absl::StatusOr<bool> HasSecrets(const SolveServices& services, const ClientBuild& build,
                                const std::stop_token& stop);

// The first of these secrets that the client has and that is not empty; else empty.
absl::StatusOr<ClientWord> AskClient(const SolveServices& services, const ClientBuild& build,
                                     const std::vector<std::string>& names, const std::stop_token& stop);

// INVALID_ARGUMENT unless it can be the value of a header. The message does not hold it.
absl::Status CheckHeader(const ClientWord& word);

}  // namespace crossmill::coordinator::buildkit
