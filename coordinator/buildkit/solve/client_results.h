// What gateway calls of a client hand out and take back: results of builds, and sources whose files are read.
// They are known by ids that nobody can guess, and only to their caller.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "common/base/digest.h"
#include "common/base/mutex.h"
#include "coordinator/buildkit/outputs/exporters.h"
#include "coordinator/buildkit/outputs/result_tree.h"
#include "coordinator/buildkit/solve/definitions.h"
#include "crossmill/v1/build.pb.h"

namespace crossmill::coordinator::buildkit {

// A build of the farm that ended well.
struct FinishedBuild {
  v1::BuildView view;
  BuiltImage image;
};

// Constant once it is made, but for what says otherwise.
struct ClientResult {
  // 32 hex digits.
  std::string id;
  // One of both.
  std::shared_ptr<const FinishedBuild> built;
  std::optional<RawSource> source;
  // Of `built`: which platform; nothing: all of it.
  std::optional<v1::Platform> platform;
  // Of a repository: what it was when its first file was read. Held while it is fetched.
  Mutex fetching;
  std::optional<Digest> fetched ABSL_GUARDED_BY(fetching);
  // Of a build's image: its files, once somebody has read one, and the place that they take (ClientBuilds).
  std::shared_ptr<const ResultTree> tree ABSL_GUARDED_BY(fetching);
  std::shared_ptr<void> tree_place ABSL_GUARDED_BY(fetching);
};

// A new one with an id.
std::shared_ptr<ClientResult> NewResult();

}  // namespace crossmill::coordinator::buildkit
