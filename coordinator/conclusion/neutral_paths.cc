#include "coordinator/conclusion/neutral_paths.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <set>
#include <utility>

#include "common/base/status.h"
#include "common/compare/layer_contents.h"
#include "common/compare/neutral/neutral_comparison.h"
#include "common/compare/neutral/wheel_record.h"
#include "common/layer/content_places.h"
#include "coordinator/conclusion/image_base.h"
#include "coordinator/conclusion/step_differences.h"

namespace crossmill::coordinator {
namespace {

// RECORD of a large package has some hundred kilobytes.
constexpr int64_t kLongestRecord = int64_t{16} << 20;

// The layers of one platform.
struct PlatformLayers {
  std::vector<Digest> tars;
  // Of each tar, in its order.
  std::vector<layer::LayerManifest> manifests;
  // Made when the first of its files is opened, which of most layers none is.
  std::vector<std::optional<layer::ContentPlaces>> places;
};

absl::StatusOr<PlatformLayers> ReadLayers(const NeutralInput::Cell& cell, BlobStore& blobs) {
  PlatformLayers layers;
  for (const v1::Layer& layer : cell.layers) {
    ASSIGN_OR_RETURN(layers.manifests.emplace_back(), ReadManifest(blobs, layer));
    layers.tars.push_back(FromProto(layer.tar()));
  }
  layers.places.resize(layers.tars.size());
  return layers;
}

class LayersContents final : public compare::NeutralContents {
 public:
  LayersContents(BlobStore& blobs, std::vector<PlatformLayers>& sides) : blobs_(blobs), sides_(sides) {}

  absl::StatusOr<std::unique_ptr<compare::Content>> Open(size_t side,
                                                         const compare::RootEntry& entry) override {
    PlatformLayers& layers = sides_[side];
    std::optional<layer::ContentPlaces>& places = layers.places[entry.layer];
    if (!places) places.emplace(layers.manifests[entry.layer]);
    return compare::OpenInLayer(blobs_, layers.tars[entry.layer], *places, entry.path);
  }

 private:
  BlobStore& blobs_;
  std::vector<PlatformLayers>& sides_;
};

absl::StatusOr<std::string> TextAt(size_t side, const compare::PlatformRoot& root, const std::string& path,
                                   LayersContents& contents) {
  const auto found = root.find(path);
  if (found == root.end() || found->second.entry.entry.type != layer::EntryType::kFile)
    return absl::NotFoundError(fmt::format("/{} is missing", path));
  if (found->second.entry.entry.size > kLongestRecord)
    return absl::ResourceExhaustedError(fmt::format("/{} is too large", path));
  ASSIGN_OR_RETURN(const std::unique_ptr<compare::Content> content, contents.Open(side, found->second));
  return content->Read(0, static_cast<size_t>(content->size()));
}

// Of every wheel for any platform that the build's own layers have. A dist-info folder without RECORD names
// no files.
absl::StatusOr<std::set<std::string, std::less<>>> WheelFilesOf(size_t side,
                                                                const compare::PlatformRoot& root,
                                                                LayersContents& contents) {
  constexpr std::string_view kInfo = ".dist-info";
  std::set<std::string, std::less<>> files;
  for (const auto& [path, entry] : root) {
    if (!path.ends_with(".dist-info/WHEEL") || entry.entry.entry.type != layer::EntryType::kFile) continue;
    const std::string info = path.substr(0, path.rfind('/'));
    const std::string record = info + "/RECORD";
    if (!root.contains(record)) continue;
    ASSIGN_OR_RETURN(const std::string wheel, TextAt(side, root, path, contents));
    if (!compare::IsForAnyPlatform(wheel)) continue;
    ASSIGN_OR_RETURN(const std::string text, TextAt(side, root, record, contents));
    const size_t slash = info.size() > kInfo.size() ? info.rfind('/') : std::string::npos;
    const std::string folder = slash == std::string::npos ? std::string() : info.substr(0, slash);
    for (std::string& file : compare::FilesOfRecord(folder, text)) files.insert(std::move(file));
  }
  return files;
}

absl::StatusOr<v1::NeutralComparison> Compare(const NeutralInput& input, BlobStore& blobs,
                                              const std::stop_token& stop) {
  std::vector<PlatformLayers> layers;
  std::vector<compare::NeutralSide> sides;
  LayersContents contents(blobs, layers);
  for (const NeutralInput::Cell& cell : input.cells) {
    if (stop.stop_requested()) return absl::CancelledError("comparing was stopped");
    ASSIGN_OR_RETURN(PlatformLayers read, ReadLayers(cell, blobs));
    compare::NeutralSide side{
        .platform = cell.platform, .root = compare::RootOf(read.manifests), .wheel_files = {}};
    layers.push_back(std::move(read));
    ASSIGN_OR_RETURN(side.wheel_files, WheelFilesOf(layers.size() - 1, side.root, contents));
    sides.push_back(std::move(side));
  }
  return compare::CompareNeutral(sides, input.chosen, contents, stop);
}

}  // namespace

NeutralInput MakeNeutralInput(const core::BuildState& state) {
  NeutralInput input;
  // A rebuild has its own comparison, and a build of wheels no image.
  if (state.view().ahead_of() != 0 || state.view().has_rebuild() || state.plan().cells_size() < 2)
    return input;
  const v1::BuildPlan& plan = state.plan();
  for (const v1::CellPlan& cell : plan.cells()) {
    const auto target = static_cast<int>(cell.target_stage());
    const v1::PinnedImage* base = BaseOf(plan, target);
    const size_t below = base == nullptr ? 0 : static_cast<size_t>(base->layers_size());
    std::vector<v1::Layer> chain = state.ChainBefore(target, plan.stages(target).steps_size());
    chain.erase(chain.begin(), chain.begin() + static_cast<ptrdiff_t>(std::min(below, chain.size())));
    input.cells.push_back({cell.platform(), std::move(chain)});
  }
  const auto& globs = state.view().options().neutral();
  input.chosen.assign(globs.begin(), globs.end());
  return input;
}

v1::NeutralComparison CompareNeutralPaths(const NeutralInput& input, BlobStore& blobs,
                                          const std::stop_token& stop) {
  if (input.cells.size() < 2) return {};
  auto comparison = Compare(input, blobs, stop);
  if (comparison.ok()) return *std::move(comparison);
  v1::NeutralComparison failed;
  for (const NeutralInput::Cell& cell : input.cells) *failed.add_platforms() = cell.platform;
  failed.set_problem(std::string(Sv(comparison.status().message())));
  return failed;
}

}  // namespace crossmill::coordinator
