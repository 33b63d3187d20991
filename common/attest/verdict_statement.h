// What a coordinator states about one platform's image: the verdict, and which executions it rests on. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/attest/statement.h"
#include "crossmill/v1/build.pb.h"

namespace crossmill::attest {

// The statement of a worker about an execution, as it is kept.
struct StatementReference {
  // Hex SHA-256 of the file.
  std::string file_sha256;
  // Of the key that signed it: the coordinator vouches that its worker gave it when it registered.
  std::string key_id;
};

struct VerdictFacts {
  // A cell with an image and a comparison.
  const v1::CellView* cell = nullptr;  // not owned, as the build
  const v1::BuildView* build = nullptr;
  // By execution; those that there are no statements of are left out.
  std::map<int64_t, StatementReference> statements;
};

Statement VerdictStatement(const VerdictFacts& facts);

// An execution that a verdict rests on.
struct WitnessClaim {
  std::string worker;
  std::string host_id;
  bool emulated = false;
  // Hex; empty: it failed there.
  std::string layer;
  std::string finished_on;
  // Empty: no statement of its worker is kept.
  StatementReference statement;
};

struct StepClaim {
  std::string place;
  std::string key;
  bool agrees = false;
  bool reaches_image = false;
  // The first is the one that the image has the layer of.
  std::vector<WitnessClaim> witnesses;
};

struct VerdictClaim {
  // Hex, of the image manifest.
  std::string image;
  std::string platform;
  // Words of v1.Verdict; `level` as in v1.CellComparison.
  std::string verdict;
  std::string level;
  std::string reason;
  // "sha256:..." of the index with the other platforms; empty: there is none.
  std::string index;
  bool same_host = false;
  bool emulated = false;
  int64_t hosts = 0;
  int64_t executions = 0;
  std::vector<std::string> varied;
  std::vector<std::string> equal;
  std::vector<StepClaim> steps;
};

// INVALID_ARGUMENT: another type, or a fact is missing.
absl::StatusOr<VerdictClaim> ReadVerdict(const Statement& statement);

// What a verdict says against itself: "1 host, but 2 are claimed". It has to follow from the executions that
// it lists: as many of each step, on as many hosts, with equal layers where it says that they agree. Empty:
// nothing.
std::vector<std::string> Contradictions(const VerdictClaim& claim);

}  // namespace crossmill::attest
