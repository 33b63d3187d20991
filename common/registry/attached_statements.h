// Statements that a registry has about an image: those that a builder put into the image's index (BuildKit),
// and those that lie beside it (OCI 1.1, "referrers"). What they say, and whether it is true, is for others.
#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/digest.h"
#include "common/oci/reference.h"
#include "common/registry/registry.h"

namespace crossmill::registry {

// Of one statement; a longer one is passed over, and named.
inline constexpr int64_t kMostStatementBytes = 16 << 20;
// Of one image, all together.
inline constexpr size_t kMostStatements = 64;

struct StatementQuery {
  // Only statements whose predicate type begins so, where the file that holds one says it; empty: all.
  std::string predicate;
  std::stop_token stop;
};

struct AttachedStatement {
  // The manifest or index that it is put to, "sha256:...".
  std::string subject;
  // Of the document: an in-toto statement, or an envelope with one.
  std::string media_type;
  std::string document;
  // True: in the image's own index, so that whoever knows the index's digest knows the statement.
  bool in_index = false;
};

struct AttachedStatements {
  // What the reference names.
  Digest root;
  std::vector<AttachedStatement> statements;
  // What there was and could not be read, in words.
  std::vector<std::string> left_out;
};

// Fetches the image's documents and the statements; no layers. What cannot be read of one statement leaves
// that one out. Errors as RegistryClient::GetManifest.
absl::StatusOr<AttachedStatements> ReadAttachedStatements(RegistryClient& registry,
                                                          const oci::Reference& reference,
                                                          const StatementQuery& query = {});

}  // namespace crossmill::registry
