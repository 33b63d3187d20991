// A row of the table packages as a message.
#pragma once

#include "coordinator/storage/sqlite.h"
#include "crossmill/v1/report.pb.h"

// The columns that ReadPackage reads, in its order, of `packages p`.
#define PACKAGE_COLUMNS                                                                                  \
  "p.name, p.version, p.outcome, p.scope, p.tag, p.file_name, p.seconds, p.built_sha256, p.built_size, " \
  "p.failure_class, p.failure_line, p.remedy, p.witnesses, p.conflict, p.emulated, p.environment, "      \
  "p.installed, p.compiled_in_build, p.compiled_by_execution, p.remedy_lines"

namespace crossmill::storage {

// From column `first` on.
v1::PackageOutcome ReadPackage(const Statement& row, int first);

}  // namespace crossmill::storage
