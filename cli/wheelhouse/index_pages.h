// Index pages of wheels (PEP 503, PEP 691): of a folder of a wheelhouse, and of several at once. Pure.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "cli/wheelhouse/package_record.h"
#include "common/wheels/index_document.h"

namespace crossmill::cli {

// A wheel, and the folder of the wheelhouse that it is in.
struct IndexedWheel {
  // Normalised.
  std::string project;
  std::string version;
  std::string folder;
  WheelFile file;
};

// The wheels of a record's target.
std::vector<IndexedWheel> WheelsOf(const TargetRecord& record);

// Where a page finds a file, seen from the page.
using WheelAddress = std::function<std::string(const IndexedWheel&)>;

// The page of each project. Of several wheels of one name the first counts.
std::map<std::string, std::string> ProjectPages(python::IndexForm form, absl::Span<const IndexedWheel> wheels,
                                                const WheelAddress& address);
// The page that lists the projects; their pages are at "NAME/" beside it.
std::string RootPage(python::IndexForm form, absl::Span<const IndexedWheel> wheels);

}  // namespace crossmill::cli
