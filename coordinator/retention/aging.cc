#include "coordinator/retention/aging.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <set>
#include <tuple>
#include <utility>

#include "absl/time/time.h"
#include "common/base/digest.h"
#include "common/base/files.h"
#include "common/base/status.h"

namespace crossmill::coordinator {
namespace {

constexpr int64_t kNanos = 1'000'000'000;
constexpr int kAgingRows = 200;
// So many in one transaction: it is short, and the disk is synced once for all of them.
constexpr size_t kAgingTogether = 20;

int64_t BlocksOf(const std::string& path) {
  struct stat info {};
  return stat(path.c_str(), &info) == 0 ? int64_t{info.st_blocks} * 512 : 0;
}

}  // namespace

std::string_view WithoutTag(std::string_view name) {
  const size_t colon = name.rfind(':');
  const size_t slash = name.rfind('/');
  // "localhost:5000/app" has none.
  if (colon == std::string_view::npos || (slash != std::string_view::npos && colon < slash)) return name;
  return name.substr(0, colon);
}

std::vector<storage::KeptImage> BeyondNewest(std::vector<storage::KeptImage> images, int64_t keep) {
  if (static_cast<int64_t>(images.size()) <= keep) return {};
  std::sort(images.begin(), images.end(), [](const auto& a, const auto& b) {
    return std::tie(b.created_at, b.name) < std::tie(a.created_at, a.name);
  });
  images.erase(images.begin(), images.begin() + static_cast<std::ptrdiff_t>(keep));
  return images;
}

v1::LogChunk RemovedConsole(int64_t removed_at) {
  v1::LogChunk chunk;
  chunk.set_stream(v1::LogChunk::STREAM_WORKER);
  chunk.set_time(removed_at);
  chunk.set_data(
      fmt::format("this console was removed by the policy logs.keep or logs.keep-failed on {}\n",
                  absl::FormatTime("%Y-%m-%d", absl::FromUnixNanos(removed_at), absl::UTCTimeZone())));
  return chunk;
}

absl::StatusOr<std::vector<AgedSum>> Aging::Run(const Policies& policies, int64_t now, bool dry_run) {
  now_ = now;
  dry_run_ = dry_run;
  AgedSum compressed{"consoles to compress"}, removed{"consoles"}, events{"events"},
      images{"names of images"}, damaged{"damaged files"};
  const auto compress = [this](const storage::AgingExecution& execution, AgedSum* sum) -> absl::Status {
    if (!Exists(parts_.logs.PathOf(execution.id))) return absl::OkStatus();
    ++sum->count;
    if (dry_run_) return absl::OkStatus();
    const auto done = parts_.logs.Compress(execution.id);
    // One that is damaged stays as it is.
    if (!done.ok() && !absl::IsDataLoss(done.status())) return done.status();
    return absl::OkStatus();
  };
  const auto remove = [this](bool failures) {
    return [this, failures](const storage::AgingExecution& execution, AgedSum* sum) -> absl::Status {
      bool longer = execution.failed;
      if (!longer) {
        ASSIGN_OR_RETURN(longer, records_.IsFirstBad(execution.build));
      }
      return longer == failures ? RemoveConsole(execution, sum) : absl::OkStatus();
    };
  };
  RETURN_IF_ERROR(Consoles("logs.removed", policies[Policy::kLogsKeep], remove(false), &removed));
  RETURN_IF_ERROR(Consoles("logs.failed-removed", policies[Policy::kLogsKeepFailed], remove(true), &removed));
  RETURN_IF_ERROR(Consoles("logs.compressed", policies[Policy::kLogsCompressAfter], compress, &compressed));
  RETURN_IF_ERROR(Events(policies[Policy::kEventsKeep], &events));
  RETURN_IF_ERROR(Images(policies, &images));
  RETURN_IF_ERROR(Damaged(policies[Policy::kDamagedKeep], &damaged));
  if (!dry_run) compressed.kind = "consoles compressed";
  std::vector<AgedSum> sums;
  for (AgedSum* sum : {&removed, &compressed, &events, &images, &damaged}) {
    if (sum->count > 0) sums.push_back(std::move(*sum));
  }
  return sums;
}

absl::Status Aging::Consoles(const std::string& mark, int64_t age, const ExecutionAct& act, AgedSum* sum) {
  if (age == kNoLimit) return absl::OkStatus();
  ASSIGN_OR_RETURN(int64_t behind, records_.Mark(mark));
  while (true) {
    RETURN_IF_ERROR(parts_.pace());
    ASSIGN_OR_RETURN(const std::vector<storage::AgingExecution> executions,
                     records_.Executions(behind, kAgingRows));
    int64_t done = behind;
    for (const storage::AgingExecution& execution : executions) {
      // Those behind it are younger, but for some minutes: they wait for it.
      if (!execution.ended_at || *execution.ended_at > now_ - age * kNanos) break;
      RETURN_IF_ERROR(parts_.pace());
      RETURN_IF_ERROR(act(execution, sum));
      done = execution.id;
    }
    RETURN_IF_ERROR(RemoveGoing());
    if (done == behind) return absl::OkStatus();
    behind = done;
    if (!dry_run_) RETURN_IF_ERROR(records_.SetMark(mark, done));
  }
}

absl::Status Aging::RemoveConsole(const storage::AgingExecution& execution, AgedSum* sum) {
  const std::string path = parts_.logs.PathOf(execution.id);
  const std::string compressed = path + ".zst";
  if (!Exists(path) && !Exists(compressed)) return absl::OkStatus();
  ++sum->count;
  sum->bytes += BlocksOf(path) + BlocksOf(compressed);
  if (dry_run_) return absl::OkStatus();
  going_.push_back(execution.id);
  return going_.size() < kAgingTogether ? absl::OkStatus() : RemoveGoing();
}

absl::Status Aging::RemoveGoing() {
  const std::vector<int64_t> going = std::exchange(going_, {});
  if (going.empty()) return absl::OkStatus();
  // First: a console that is gone is never told to have been empty.
  RETURN_IF_ERROR(records_.NoteLogsRemoved(going, now_));
  for (const int64_t execution : going) {
    RETURN_IF_ERROR(parts_.pace());
    RETURN_IF_ERROR(parts_.logs.Discard(execution));
  }
  return absl::OkStatus();
}

absl::Status Aging::Events(int64_t age, AgedSum* sum) {
  if (age == kNoLimit) return absl::OkStatus();
  ASSIGN_OR_RETURN(int64_t behind, records_.Mark("events.thinned"));
  while (true) {
    RETURN_IF_ERROR(parts_.pace());
    ASSIGN_OR_RETURN(const std::vector<storage::AgingBuild> builds, records_.Builds(behind, kAgingRows));
    std::vector<int64_t> due;
    for (const storage::AgingBuild& build : builds) {
      if (!build.ended_at || *build.ended_at > now_ - age * kNanos) break;
      due.push_back(build.id);
    }
    for (size_t from = 0; from < due.size(); from += kAgingTogether) {
      RETURN_IF_ERROR(parts_.pace());
      const auto slice = absl::MakeConstSpan(due).subspan(from, kAgingTogether);
      if (!dry_run_) {
        ASSIGN_OR_RETURN(const int64_t removed, records_.ThinEvents(slice, now_));
        sum->count += removed;
      }
      for (const int64_t build : slice) {
        if (!dry_run_) break;
        ASSIGN_OR_RETURN(const int64_t would, records_.EventsToThin(build));
        sum->count += would;
      }
    }
    const int64_t done = due.empty() ? behind : due.back();
    if (done == behind) return absl::OkStatus();
    behind = done;
    if (!dry_run_) RETURN_IF_ERROR(records_.SetMark("events.thinned", done));
  }
}

absl::Status Aging::Images(const Policies& policies, AgedSum* sum) {
  const int64_t keep = policies[Policy::kImagesKeepPerName];
  const int64_t pulled_age = policies[Policy::kImagesPulled];
  ASSIGN_OR_RETURN(const std::vector<storage::PinRow> pins, pins_.Pins());
  std::set<std::string> pinned;
  for (const storage::PinRow& pin : pins) pinned.insert(fmt::format("build {}", pin.build));
  std::vector<storage::KeptImage> going;
  // By name without tag; those of one name may be apart in the order of names.
  std::map<std::string, std::vector<storage::KeptImage>> named;
  std::string behind;
  while (true) {
    RETURN_IF_ERROR(parts_.pace());
    ASSIGN_OR_RETURN(const std::vector<storage::KeptImage> images, kept_.Images(behind, kAgingRows));
    if (images.empty()) break;
    behind = images.back().name;
    for (const storage::KeptImage& image : images) {
      ASSIGN_OR_RETURN(const std::optional<int64_t> used_at, UsedAt(NameOfHash(image.hash)));
      const int64_t last = std::max(used_at.value_or(0), image.created_at);
      if (!image.named) {
        // Its blobs went with the cache.
        if (!used_at && parts_.uses.complete() && last < now_ - 3600 * kNanos) going.push_back(image);
      } else if (image.origin == "registry") {
        if (pulled_age != kNoLimit && last < now_ - pulled_age * kNanos) going.push_back(image);
      } else if (keep != kNoLimit && !pinned.contains(image.origin)) {
        named[std::string(WithoutTag(image.name))].push_back(image);
      }
    }
  }
  RETURN_IF_ERROR(RemoveImages(going, sum));
  for (auto& [name, images] : named)
    RETURN_IF_ERROR(RemoveImages(BeyondNewest(std::move(images), keep), sum));
  return absl::OkStatus();
}

absl::StatusOr<std::optional<int64_t>> Aging::UsedAt(const BlobName& name) {
  std::optional<int64_t> used_at = parts_.uses.UsedAt(name);
  if (parts_.bucket == nullptr) return used_at;
  ASSIGN_OR_RETURN(const std::optional<int64_t> in_bucket, parts_.bucket->UsedAt(name));
  return std::max(used_at, in_bucket);
}

absl::Status Aging::RemoveImages(const std::vector<storage::KeptImage>& images, AgedSum* sum) {
  for (const storage::KeptImage& image : images) {
    RETURN_IF_ERROR(parts_.pace());
    if (!dry_run_) {
      // It may mean another image by now.
      ASSIGN_OR_RETURN(const bool removed, records_.RemoveImage(image));
      if (!removed) continue;
    }
    ++sum->count;
  }
  return absl::OkStatus();
}

absl::Status Aging::Damaged(int64_t age, AgedSum* sum) {
  if (age == kNoLimit) return absl::OkStatus();
  const std::unique_ptr<DIR, int (*)(DIR*)> entries(opendir(parts_.damaged_folder.c_str()), closedir);
  if (entries == nullptr) return ErrnoStatus(errno, parts_.damaged_folder);
  while (const dirent* entry = readdir(entries.get())) {
    struct stat info {};
    if (fstatat(dirfd(entries.get()), entry->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0) continue;
    // When it was moved aside.
    if (!S_ISREG(info.st_mode) || info.st_ctim.tv_sec > now_ / kNanos - age) continue;
    RETURN_IF_ERROR(parts_.pace());
    if (!dry_run_ && unlinkat(dirfd(entries.get()), entry->d_name, 0) != 0) continue;
    ++sum->count;
    sum->bytes += int64_t{info.st_blocks} * 512;
  }
  return absl::OkStatus();
}

}  // namespace crossmill::coordinator
