// One run of `crossmill wheels`: every target is resolved, its wheels are fetched by one build, and each
// source is compiled by a build of its own, all on the farm and side by side.
//
// A build for each source and target, because a build is what the farm records, tells the failure of, finds
// in its cache and tries again: a package that failed stops no other, the step of one that succeeded is found
// in the cache by the next run, and a failure is never in a cache.
#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "cli/show/progress.h"
#include "cli/wheelhouse/making/farm_builds.h"
#include "cli/wheelhouse/making/job_pool.h"
#include "cli/wheelhouse/making/wheel_image.h"
#include "cli/wheelhouse/package_record.h"
#include "cli/wheelhouse/wanted.h"
#include "common/base/mutex.h"

namespace crossmill::cli {

struct WheelhouseOptions {
  std::vector<WheelTarget> targets;
  WantedPackages wanted;
  bool abi3_check = false;
  // Builds and resolutions at once.
  int parallel = 16;
  // Wheels are put below it: PackageRecord::files_folder.
  std::string scratch;
};

// Used by one thread. Everything given outlives it.
class WheelhouseRun {
 public:
  WheelhouseRun(const WheelhouseOptions& options, FarmBuilds& farm, Progress& progress)
      : options_(options), farm_(farm), progress_(progress) {}

  // To the end of everything, in the order of the targets. What went wrong is in the records.
  std::vector<TargetRecord> Run();

 private:
  // Jobs. Each writes to the records that are its own.
  void Resolve(size_t target);
  void Fetch(size_t target, const std::vector<size_t>& packages);
  void Compile(size_t target, size_t package);

  void AddJobs(size_t target);
  // What a build of one package's source says of it.
  void TakeCompiled(const FinishedBuild& build, PackageRecord* package);
  // The image's wheel of this package, and no other.
  absl::Status TakeFiles(const ImageWheels& found, const std::string& folder, PackageRecord* package);
  absl::StatusOr<ImageWheels> TakeImage(const FinishedBuild& build, const std::string& folder);
  void NoteBase(const FinishedBuild& build, TargetRecord* record);
  void Say(const TargetRecord& record, const PackageRecord& package);

  const WheelhouseOptions& options_;
  FarmBuilds& farm_;
  Progress& progress_;
  JobPool jobs_;
  // Bases may be noted by several jobs.
  Mutex bases_mutex_;
  std::vector<TargetRecord> records_;
};

}  // namespace crossmill::cli
