// Wheels that the farm compiled, on the pages of a package index beside the archives that they were compiled
// from. Pure.
#pragma once

#include <functional>
#include <string_view>

#include "absl/types/span.h"
#include "common/base/digest.h"
#include "common/wheels/index_document.h"
#include "crossmill/v1/plan.pb.h"

namespace crossmill::worker {

// Adds those of the project whose archive the page lists under the same SHA-256, with what the page says of
// that archive (when it was uploaded, requires-python, yanked): whoever may not see it does not see the wheel
// either. A name that the page has already stays the page's. `has`: whether the farm still has the file.
void AddFarmWheels(std::string_view project, absl::Span<const v1::FarmWheel> wheels,
                   const std::function<bool(const Digest&)>& has, python::IndexDocument* page);

// The one that a file of such a page is; null: it is the index's own.
const v1::FarmWheel* FarmWheelOf(const python::IndexFile& file, absl::Span<const v1::FarmWheel> wheels);

}  // namespace crossmill::worker
