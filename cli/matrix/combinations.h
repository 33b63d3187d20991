// The combinations of a matrix: from --matrix and --matrix-file to what is submitted. Pure.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "crossmill/v1/matrix.pb.h"

namespace crossmill::cli {

// A build argument with the values that it takes.
struct MatrixName {
  std::string name;
  std::vector<std::string> values;
};

// A line of [[include]] or [[exclude]].
struct OddCells {
  // "m.toml:7"
  std::string place;
  std::map<std::string, std::string> arguments;
  // Empty: all.
  std::vector<v1::Platform> platforms;
};

struct MatrixSpec {
  // The last one varies fastest.
  std::vector<MatrixName> names;
  std::vector<OddCells> include;
  std::vector<OddCells> exclude;
};

// "NAME=a,b,c". INVALID_ARGUMENT: no name, a name that is no build argument's, a value twice.
absl::StatusOr<MatrixName> ParseMatrixName(std::string_view text);

// What the command line says of a name takes the place of what the file says of it.
void MergeNames(const std::vector<MatrixName>& given, MatrixSpec* spec);

// All combinations without those that are excluded, then those that are included beside them; with their
// platforms where these are not all `platforms`. No tags yet. INVALID_ARGUMENT: none is left, an entry names
// what is not varied, an inclusion does not say each name, an exclusion is of nothing, or there are more than
// anybody would ask for.
absl::StatusOr<std::vector<v1::MatrixCombination>> Combinations(const MatrixSpec& spec,
                                                                const std::vector<v1::Platform>& platforms);

}  // namespace crossmill::cli
