// wheelhouse.json and build-order.json (docs/wheelhouse.md): what was asked, what each target is made in,
// what became of each package, and the order in which sources were compiled. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "cli/wheelhouse/index_pages.h"
#include "cli/wheelhouse/package_record.h"
#include "common/base/json.h"

namespace crossmill::cli {

struct AskedFor {
  // As written on the command line.
  std::vector<std::string> files;
  std::vector<std::string> constraints;
  std::vector<std::string> requirements;
  std::string exclude_newer;
  bool offline = false;
  bool wheel_cache = true;
  bool abi3_check = false;
};

// One target; "files" are what its folder holds.
Json TargetJson(const TargetRecord& record, const AskedFor& asked);

// The whole document. `before`: the document that is replaced, or null: targets that this run was not asked
// for stay in it as they are.
Json WheelhouseJson(absl::Span<const TargetRecord> records, const AskedFor& asked, const Json& before);

Json BuildOrderJson(absl::Span<const TargetRecord> records);

// A document that is there. INVALID_ARGUMENT: it is none of a wheelhouse.
absl::StatusOr<Json> ReadWheelhouseJson(std::string_view text);

// The wheels that such a document lists, in its order. Names that are no wheel's are left out: the document
// is a file that anybody may have written.
std::vector<IndexedWheel> ListedWheels(const Json& document);

}  // namespace crossmill::cli
