// The context of a build with Dockerfile, ignore file and named contexts, from where the user said they are
// (docs/cli.md, "The context"). A build opens it, sends it to the farm and cleans up.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cli/recipe/context_scratch.h"
#include "cli/recipe/named_context.h"
#include "cli/session/session.h"
#include "cli/show/progress.h"
#include "common/pattern/ignore_rules.h"
#include "crossmill/v1/plan.pb.h"

namespace crossmill::cli {

struct ContextFlags {
  // CONTEXT: a folder, "-", a git URL or an http(s) URL.
  std::string context;
  // -f; empty: Dockerfile in the context; "-": standard input.
  std::string file;
  // --build-context, as written.
  std::vector<std::string> named;
  // Somebody else than the user chose the context, or the named ones: what only the user can reach is not
  // reached.
  bool foreign_context = false;
  bool foreign_named = false;
};

// Used by one thread.
class BuildContext {
 public:
  // The forms of the flags, and that folders are there; nothing is fetched. INVALID_ARGUMENT, NOT_FOUND.
  static absl::StatusOr<std::unique_ptr<BuildContext>> Make(Session& session, ContextFlags flags);

  // Fetches or extracts the context and reads Dockerfile and ignore file into the recipe.
  absl::Status Read(Progress& progress, v1::Recipe* recipe);

  // The time of the context's commit, after Read. INVALID_ARGUMENT if it has none.
  absl::StatusOr<int64_t> CommitTime();

  // Scans the contexts and sends what the farm lacks, after Read. Temporary folders are gone afterwards.
  absl::Status Send(Farm& farm, Progress& progress, bool keep_times, v1::Recipe* recipe);

 private:
  enum class Kind { kFolder, kStdin, kGit, kHttp };

  BuildContext(Session& session, ContextFlags flags) : session_(session), flags_(std::move(flags)) {}
  absl::Status Check();
  absl::Status OpenContext();
  absl::Status OpenStdin();
  absl::Status OpenHttp();
  absl::StatusOr<std::string> ReadDockerfile(v1::Recipe* recipe);
  absl::Status SendNamed(Farm& farm, Progress& progress, bool keep_times, v1::Recipe* recipe);
  absl::Status OpenNamed(const NamedContextFlag& flag, v1::NamedContext* context, std::string* folder);
  absl::StatusOr<Digest> SendFolder(Farm& farm, Progress& progress, const std::string& what,
                                    const std::string& folder, const pattern::IgnoreRules& ignore,
                                    bool remember, bool keep_times);

  Session& session_;
  const ContextFlags flags_;
  Kind kind_ = Kind::kFolder;
  std::vector<NamedContextFlag> named_;
  // Absolute.
  std::string folder_;
  // The Dockerfile itself took the context's place.
  std::optional<std::string> dockerfile_;
  std::optional<int64_t> commit_time_;
  // Of a git URL.
  std::string commit_;
  // What SOURCE_DATE_EPOCH=context means.
  std::optional<int64_t> source_time_;
  pattern::IgnoreRules ignore_;
  std::unique_ptr<ContextScratch> scratch_;
};

}  // namespace crossmill::cli
