// Lines of the audit log that somebody asks for.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace crossmill::coordinator {

struct AuditQuestion {
  // Lines from then on.
  absl::Time since = absl::InfinitePast();
  // Name of a token; "operator": whoever was at a socket, whose lines have no name. Empty: everybody.
  std::string who = {};
  // The newest so many.
  int limit = 100;
};

struct AuditLines {
  // As they are in the files, oldest first; what is no JSON is left out, and told by VerifyAudit.
  std::vector<std::string> lines;
  // There are older ones.
  bool more = false;
};

absl::StatusOr<AuditLines> FindAuditLines(const std::string& path, const AuditQuestion& question);

}  // namespace crossmill::coordinator
