// The Python packages of one platform's image as a CycloneDX 1.5 document in a statement. Pure.
#pragma once

#include <string>
#include <vector>

#include "common/attest/statement.h"
#include "crossmill/v1/build.pb.h"
#include "crossmill/v1/report.pb.h"

namespace crossmill::attest {

struct InstalledPackage {
  v1::PackageOutcome outcome;
  std::string stage;
  // Of the target or a stage that it comes from (FROM). Else it is in the image only as far as it was copied.
  bool in_image_stage = false;
};

struct PackagesFacts {
  const v1::CellView* cell = nullptr;  // not owned
  // Of the executions of all stages of the cell, in order.
  std::vector<InstalledPackage> packages;
};

// Whether a document about the image names it: it is in an environment, did not fail, and was not only there
// to build another one.
bool IsListed(const InstalledPackage& installed);

// "pkg:pypi/NAME@VERSION", percent-encoded where purl asks for it.
std::string PackageUrl(const std::string& name, const std::string& version);

// Of the packages those that are in an environment and did not fail, each name, version, environment and
// stage once, the last outcome counting: "required" in stages that the image has the layers of, "optional" in
// others. It names Python packages alone, and says of a package how it came, not whether a later step took it
// away again: the document calls itself incomplete.
Statement PackagesStatement(const PackagesFacts& facts);

}  // namespace crossmill::attest
