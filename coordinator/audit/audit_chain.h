// The audit log as a chain: each line holds the SHA-256 of the one before it, over files that were given
// another name, so that no line can be changed, taken out or moved without the next telling. Of the last one
// the record tells, which keeps a head: the number and the hash of a line.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace crossmill::coordinator {

// The last line of a chain. Lines from before there was one have no number.
struct AuditHead {
  // From 1; 0: there is none yet.
  int64_t number = 0;
  // Hex SHA-256 of the line without its end; empty: of no line.
  std::string hash = {};
  bool operator==(const AuditHead&) const = default;
};

// A line where it is.
struct AuditPlace {
  std::string file;
  // From 1.
  int64_t line = 0;
};

// The file and those of it that have another name by now ("audit.log.9"), oldest first: those that there are.
std::vector<std::string> AuditFiles(const std::string& path);

// Every whole line, oldest first, without its end; one that is being written is left out. An error of `visit`
// ends it and is returned.
using VisitAuditLine = std::function<absl::Status(const AuditPlace& place, std::string_view line)>;
absl::Status ReadAudit(const std::string& path, const VisitAuditLine& visit);

// Of the last whole line of one file; nothing for an empty file or none.
absl::StatusOr<std::optional<AuditHead>> LastHead(const std::string& file);
AuditHead HeadOf(std::string_view line);

struct AuditReport {
  int64_t files = 0;
  int64_t lines = 0;
  // Lines without number: from before the chain.
  int64_t unchained = 0;
  // Of the first and last line that are there; 0: there is none.
  int64_t first = 0;
  AuditHead last = {};
  // A sentence each, in the order of the lines; empty: nothing was changed, removed or moved.
  std::vector<std::string> problems;
};

// `head`: what the record keeps, if it keeps one. What it does not reach, at the very end, can be missing
// without a word.
absl::StatusOr<AuditReport> VerifyAudit(const std::string& path, const std::optional<AuditHead>& head);

}  // namespace crossmill::coordinator
