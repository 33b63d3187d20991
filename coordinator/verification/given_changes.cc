#include "coordinator/verification/given_changes.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "common/base/status.h"
#include "common/words/platform.h"
#include "coordinator/core/package_changes.h"
#include "coordinator/verification/context_changes.h"

namespace crossmill::coordinator {
namespace {

std::vector<core::PlacedPackage> PackagesOf(const std::vector<LocatedPackage>& packages,
                                            const v1::CellView& cell) {
  std::vector<core::PlacedPackage> placed;
  for (const LocatedPackage& package : packages) {
    if (std::find(cell.stages().begin(), cell.stages().end(), package.stage) != cell.stages().end())
      placed.push_back({package.platform, package.execution, package.outcome});
  }
  return placed;
}

}  // namespace

const v1::CellView* FindCell(const v1::BuildView& view, const std::string& platform) {
  for (const v1::CellView& cell : view.cells()) {
    if (FormatPlatform(cell.platform()) == platform) return &cell;
  }
  return nullptr;
}

absl::StatusOr<v1::BuildChanges> ChangesOfGiven(const BuildInputs& before, const BuildInputs& now,
                                                FarmReader& reader, BlobStore& blobs) {
  v1::BuildChanges changes = CompareInputs(before, now);
  AddContextChanges(before.submission.recipe(), now.submission.recipe(), blobs, {}, &changes);
  ASSIGN_OR_RETURN(const std::vector<LocatedPackage> packages_before, reader.Packages(before.view.id()));
  ASSIGN_OR_RETURN(const std::vector<LocatedPackage> packages, reader.Packages(now.view.id()));
  for (v1::PackageChange& change :
       core::ComparePackages(PackagesOf(packages_before, before.cell), PackagesOf(packages, now.cell),
                             before.view.id(), now.cell.status() == v1::BUILD_STATUS_SUCCEEDED)) {
    *changes.add_packages() = std::move(change);
  }
  return changes;
}

}  // namespace crossmill::coordinator
