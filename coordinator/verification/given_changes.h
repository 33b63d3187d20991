// What was given otherwise to one recorded build than to another: recipe, bases, context, packages, options.
#pragma once

#include "absl/status/statusor.h"
#include "common/base/blob_store.h"
#include "coordinator/engine/farm_reader.h"
#include "coordinator/rebuild/build_changes.h"
#include "crossmill/v1/history.pb.h"

namespace crossmill::coordinator {

// nullptr: the build does not have the platform ("linux/arm64").
const v1::CellView* FindCell(const v1::BuildView& view, const std::string& platform);

// Reads folders of contexts that differ, and the packages of both builds. What is no longer in the store is
// told in the changes. Errors are the record's.
absl::StatusOr<v1::BuildChanges> ChangesOfGiven(const BuildInputs& before, const BuildInputs& now,
                                                FarmReader& reader, BlobStore& blobs);

}  // namespace crossmill::coordinator
