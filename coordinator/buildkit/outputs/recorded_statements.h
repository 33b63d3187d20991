// What a client is told of a build's provenance and packages after it: predicates of statements, by their
// digests, as BuildKit keeps them beside its history. They are made from the farm's record whenever somebody
// asks.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/buildkit/outputs/exporters.h"
#include "coordinator/core/standing/scope.h"

namespace crossmill::coordinator::buildkit {

struct RecordedStatement {
  v1::Platform platform;
  std::string predicate_type;
  // The predicate alone, JSON.
  std::string predicate;
  Digest digest;
};

inline constexpr char kStatementType[] = "application/vnd.in-toto+json";
inline constexpr char kPredicateTypeAnnotation[] = "in-toto.io/predicate-type";

// As `asked` (BuiltImage::attestations) says: provenance in any case, without values of build arguments
// unless mode=max was asked for; the packages if they were. Empty: this farm states nothing. Errors as
// BuildEvidence.
absl::StatusOr<std::vector<RecordedStatement>> StatementsToRecord(
    BuildEvidence* evidence, const core::Scope& scope, int64_t build,
    const std::map<std::string, std::string>& asked);

// The one of the build that has this digest ("sha256:..."), whatever was asked for then. NOT_FOUND: it has
// none, or the record has become another.
absl::StatusOr<RecordedStatement> FindStatement(BuildEvidence* evidence, const core::Scope& scope,
                                                int64_t build, const std::string& digest);

}  // namespace crossmill::coordinator::buildkit
