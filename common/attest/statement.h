// in-toto statements (v1): a claim of some type about things that are named by their digests. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/attest/strict_json.h"

namespace crossmill::attest {

inline constexpr std::string_view kStatementType = "https://in-toto.io/Statement/v1";
// Of the same shape; what BuildKit writes with SLSA provenance v0.2.
inline constexpr std::string_view kOldStatementType = "https://in-toto.io/Statement/v0.1";
// Predicates of this farm's (docs/attestations.md).
inline constexpr std::string_view kExecutionPredicate = "urn:crossmill:attestation:execution:v1";
inline constexpr std::string_view kVerdictPredicate = "urn:crossmill:attestation:verdict:v1";
// Of others, as their specifications name them.
inline constexpr std::string_view kProvenancePredicate = "https://slsa.dev/provenance/v1";
inline constexpr std::string_view kCycloneDxPredicate = "https://cyclonedx.org/bom";
inline constexpr size_t kMostSubjects = 1024;

struct Subject {
  std::string name;
  // Hex.
  std::string sha256;
};

struct Statement {
  std::vector<Subject> subjects;
  std::string predicate_type;
  SortedJson predicate;
};

std::string WriteStatement(const Statement& statement);

enum class StatementVersions { kCurrent, kAlsoOld };

// INVALID_ARGUMENT for what is no statement, has no subject, or one without a SHA-256. Members that the
// specification does not know are passed over, as it asks.
absl::StatusOr<Statement> ParseStatement(std::string_view payload,
                                         StatementVersions versions = StatementVersions::kCurrent);

// RFC 3339 in UTC with nanoseconds; empty for 0.
std::string TimeText(int64_t unix_nanos);

}  // namespace crossmill::attest
