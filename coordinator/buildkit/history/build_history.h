// Builds of BuildKit's clients that have ended, and those that run, as clients list them: by the references
// that they gave them. A file in the data folder; bounded, the oldest are forgotten.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/mutex.h"
#include "coordinator/core/standing/scope.h"
#include "crossmill/v1/client_history.pb.h"
#include "moby/buildkit/v1/control.pb.h"

namespace crossmill::coordinator::buildkit {

namespace bk = ::moby::buildkit::v1;

// Thread safe.
class BuildHistory {
 public:
  // A file that cannot be read is left out of account, and the log says so: nothing is lost that the farm's
  // record has not. `path` empty: in memory only.
  static std::unique_ptr<BuildHistory> Open(std::string path, size_t most = 500);

  // A build began or ended; the later one replaces the earlier. Kept on disk when it has ended.
  void Tell(v1::KeptClientBuild build);

  // Those that the scope sees, in order of what was told last; `active`: that have not ended. `reference`
  // empty: all.
  std::vector<v1::KeptClientBuild> List(const core::Scope& scope, bool active, const std::string& reference);
  // NOT_FOUND.
  absl::StatusOr<v1::KeptClientBuild> Find(const core::Scope& scope, const std::string& reference);
  absl::Status Delete(const core::Scope& scope, const std::string& reference);
  absl::Status SetPinned(const core::Scope& scope, const std::string& reference, bool pinned);
  // Under which digest its trace can be read.
  absl::Status SetTrace(const core::Scope& scope, const std::string& reference, const bk::Descriptor& trace);

  // Waits for what is told behind `place`, which moves on: of all callers. Empty: it was stopped.
  std::vector<v1::KeptClientBuild> Next(int64_t* place, std::stop_token stop);
  // Where Next would wait now.
  int64_t place();

 private:
  struct Entry {
    v1::KeptClientBuild build;
    std::string reference;
    bool ended = false;
    // Of when it was told last.
    int64_t told = 0;
  };
  BuildHistory(std::string path, size_t most) : path_(std::move(path)), most_(most) {}
  Entry* FindEntry(const core::Scope& scope, const std::string& reference)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Changes what is kept of one, tells of it and saves it. NOT_FOUND.
  absl::Status Change(const core::Scope& scope, const std::string& reference,
                      const std::function<void(bk::BuildHistoryRecord*)>& change);
  // What is kept, for the file.
  std::string Kept() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Save();

  const std::string path_;
  const size_t most_;
  // Of the file; taken before the other.
  Mutex saving_;
  Mutex mutex_;
  CondVar changed_;
  std::deque<Entry> entries_ ABSL_GUARDED_BY(mutex_);
  int64_t told_ ABSL_GUARDED_BY(mutex_) = 0;
};

// What is kept of a build's attributes: at most 200, and of each value the first kilobyte. "build-arg:TOKEN"
// keeps its name, not its value; so do caches. Pure.
std::map<std::string, std::string> ShownAttributes(const std::map<std::string, std::string>& given);

}  // namespace crossmill::coordinator::buildkit
