#include "coordinator/rebuild/recorded_plan.h"

#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "build/bazel/remote/execution/v2/remote_execution.pb.h"
#include "common/base/status.h"
#include "common/plan/step_sources.h"
#include "common/words/platform.h"

namespace crossmill::coordinator {
namespace {

namespace reapi = ::build::bazel::remote::execution::v2;

// Blobs asked for at once.
constexpr size_t kBatch = 1000;

// "registry:5000/app" of "registry:5000/app:1.0@sha256:...".
std::string_view Repository(std::string_view reference) {
  reference = reference.substr(0, reference.find('@'));
  const size_t slash = reference.rfind('/');
  const size_t colon = reference.rfind(':');
  if (colon != std::string_view::npos && (slash == std::string_view::npos || colon > slash))
    reference = reference.substr(0, colon);
  return reference;
}

bool HasLayers(const v1::PinnedImage& base, BlobStore& blobs) {
  std::vector<Digest> layers;
  for (const v1::Layer& layer : base.layers()) layers.push_back(FromProto(layer.tar()));
  const auto missing = blobs.FindMissing(layers);
  return missing.ok() && missing->empty();
}

absl::Status FetchBase(const v1::PinnedImage& base, ImageStore& images, BlobStore& blobs,
                       const std::string& project, const std::stop_token& stop) {
  if (HasLayers(base, blobs)) return absl::OkStatus();
  const std::string reference = fmt::format("{}@{}", Repository(base.reference()), base.manifest_digest());
  const auto pinned = images.Pin(reference, base.platform(), false, stop, project);
  if (absl::IsCancelled(pinned.status())) return pinned.status();
  if (pinned.ok() && pinned->manifest_digest() == base.manifest_digest() && HasLayers(base, blobs))
    return absl::OkStatus();
  return absl::UnavailableError(
      fmt::format("layers of the base {} ({}, {}) are no longer in the farm's store, and it could not be "
                  "fetched again{}{}; "
                  "`crossmill image import` or `image pull` of that digest brings them back",
                  base.reference(), FormatPlatform(base.platform()), base.manifest_digest(),
                  pinned.ok() ? "" : ": ", pinned.ok() ? "" : Sv(pinned.status().message())));
}

// Looks whether all content is there that steps take from a context or from elsewhere.
class ContentCheck {
 public:
  ContentCheck(BlobStore& blobs, const std::stop_token& stop) : blobs_(blobs), stop_(stop) {}

  absl::Status AddSource(const v1::Step& step, const v1::CopySource& source) {
    for (const v1::ContextMatch& match : source.context().matches()) {
      const std::string place =
          fmt::format("{}:{}: {} (source '{}')", step.range().file(), step.range().first_line(),
                      match.path().empty() ? "the context" : match.path(), source.text());
      if (match.has_file()) RETURN_IF_ERROR(Want(FromProto(match.file()), place));
      if (match.has_directory()) RETURN_IF_ERROR(AddFolder(FromProto(match.directory()), place));
    }
    return absl::OkStatus();
  }

  absl::Status Finish() {
    if (wanted_.empty()) return absl::OkStatus();
    std::vector<Digest> digests;
    for (const auto& [digest, place] : wanted_) digests.push_back(digest);
    ASSIGN_OR_RETURN(const std::vector<Digest> missing, blobs_.FindMissing(digests));
    for (const auto& [digest, place] : wanted_) {
      if (!missing.empty() && digest == missing.front()) return Gone(digest, place);
    }
    wanted_.clear();
    return absl::OkStatus();
  }

 private:
  static absl::Status Gone(const Digest& digest, const std::string& place) {
    return absl::UnavailableError(fmt::format(
        "{}: {} is no longer in the farm's store; `crossmill build` of the same context (ADD of an address "
        "fetches it again) brings it back if it is still the same, then verify again",
        place, ToString(digest)));
  }

  absl::Status Want(const Digest& digest, const std::string& place) {
    if (!seen_.insert(digest).second) return absl::OkStatus();
    wanted_.emplace_back(digest, place);
    return wanted_.size() < kBatch ? absl::OkStatus() : Finish();
  }

  absl::Status AddFolder(const Digest& root, const std::string& place) {
    std::vector<Digest> folders = {root};
    while (!folders.empty()) {
      if (stop_.stop_requested()) return absl::CancelledError("the build has ended");
      const Digest folder = folders.back();
      folders.pop_back();
      if (!seen_.insert(folder).second) continue;
      const auto bytes = blobs_.Get(folder);
      if (absl::IsNotFound(bytes.status())) return Gone(folder, place);
      RETURN_IF_ERROR(bytes.status());
      reapi::Directory directory;
      if (!directory.ParseFromString(*bytes))
        return absl::DataLossError(fmt::format("{}: blob {} is no folder", place, ToString(folder)));
      for (const reapi::FileNode& file : directory.files()) {
        RETURN_IF_ERROR(Want(FromProto(file.digest()), fmt::format("{}: {}", place, file.name())));
      }
      for (const reapi::DirectoryNode& below : directory.directories()) {
        folders.push_back(FromProto(below.digest()));
      }
    }
    return absl::OkStatus();
  }

  BlobStore& blobs_;
  const std::stop_token& stop_;
  std::set<Digest> seen_;
  std::vector<std::pair<Digest, std::string>> wanted_;
};

}  // namespace

absl::StatusOr<v1::BuildPlan> LoadRecordedPlan(int64_t build, const std::string& project,
                                               storage::RecordStore& records, ImageStore& images,
                                               BlobStore& blobs, const std::stop_token& stop) {
  ASSIGN_OR_RETURN(v1::BuildPlan plan, records.LoadPlan(build));
  for (const v1::PinnedImage& base : plan.bases()) {
    RETURN_IF_ERROR(FetchBase(base, images, blobs, project, stop));
  }
  ContentCheck content(blobs, stop);
  for (const v1::StagePlan& stage : plan.stages()) {
    for (const v1::Step& step : stage.steps()) {
      for (const v1::CopySource* source : plan::SourcesOf(step)) {
        RETURN_IF_ERROR(content.AddSource(step, *source));
      }
    }
  }
  RETURN_IF_ERROR(content.Finish());
  return plan;
}

}  // namespace crossmill::coordinator
