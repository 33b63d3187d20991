// A root file system as a tree that sources of COPY are matched in.
#pragma once

#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/pattern/tree_match.h"

namespace crossmill::worker {

// `root` must not change. Links are not followed: whoever asks does not name a path behind one. CANCELLED
// once a stop was requested, so that no search in a large root outlives its task.
class RootTree : public pattern::SourceTree {
 public:
  RootTree(std::string root, std::stop_token stop) : root_(std::move(root)), stop_(std::move(stop)) {}

  absl::StatusOr<std::optional<Entry>> Find(const std::string& path) override;
  absl::StatusOr<std::vector<std::string>> Names(const std::string& folder) override;

 private:
  const std::string root_;
  const std::stop_token stop_;
};

}  // namespace crossmill::worker
