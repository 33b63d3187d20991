// Values of the secrets of builds that are under way: in memory only, wiped when the build ends. After a
// restart of the coordinator they are gone until the client gives them again.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "common/base/wiping.h"
#include "crossmill/v1/build.pb.h"
#include "crossmill/v1/worker.pb.h"

namespace crossmill::coordinator {

// BuildKit's limit.
inline constexpr size_t kMaxSecretBytes = 500 << 10;

// INVALID_ARGUMENT unless `secrets` gives exactly the ids that the options name, each once and none longer
// than kMaxSecretBytes. No message holds a value.
absl::Status CheckSecrets(const v1::BuildOptions& options, const std::vector<v1::Secret>& secrets);

// A message to a worker; the values in its leases are wiped when it is dropped, sent or not.
struct WorkerMessage {
  WorkerMessage() = default;
  explicit WorkerMessage(v1::SynchronizeResponse message) : content(std::move(message)) {}
  WorkerMessage(WorkerMessage&&) = default;
  WorkerMessage& operator=(WorkerMessage&&) = default;
  ~WorkerMessage();

  v1::SynchronizeResponse content;
};

// Not thread safe: the engine owns it.
class BuildSecrets {
 public:
  BuildSecrets() = default;
  ~BuildSecrets();
  BuildSecrets(const BuildSecrets&) = delete;
  BuildSecrets& operator=(const BuildSecrets&) = delete;

  // Ids that the build has keep their value: what its steps see does not change in the middle of it.
  void Give(int64_t build, const std::vector<v1::Secret>& secrets);
  void Forget(int64_t build);

  // Null when the build has no such value. Valid until Forget.
  const std::string* Find(int64_t build, const std::string& id) const;
  // Both builds have a value for each id, and it is the same one.
  bool SameValues(int64_t first, int64_t second, const std::set<std::string>& ids) const;

 private:
  std::map<int64_t, std::map<std::string, std::string>> values_;
};

}  // namespace crossmill::coordinator
