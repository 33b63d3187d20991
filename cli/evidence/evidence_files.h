// Evidence as files: written as the coordinator gives it, read from wherever it comes.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/attest/weighing.h"
#include "common/base/json.h"
#include "crossmill/v1/client_service.pb.h"

namespace crossmill::cli {

// Of a folder of evidence: what each of its files is.
inline constexpr std::string_view kEvidenceIndex = "index.json";

// What `crossmill attest` writes as index, and prints with --json.
Json EvidenceIndexJson(int64_t build, const std::vector<v1::EvidenceFile>& files);

// Writes the files and the index into `folder`, which is made, or has to be empty: evidence of two builds in
// one folder would be weighed together. INVALID_ARGUMENT otherwise, and for a name that is none of a file in
// it, before anything is written.
absl::Status WriteEvidence(const std::string& folder, int64_t build,
                           const std::vector<v1::EvidenceFile>& files);

// Statements from files, and from folders all *.json but the index, with the *.pem beside them as keys that
// are not trusted. INVALID_ARGUMENT: a folder without statements, or more than can be weighed at a time
// (10,000 files, 512 MiB). A *.pem that holds no key is passed over: what is signed with it is signed with a
// key that is not here.
absl::Status ReadEvidence(const std::vector<std::string>& paths, attest::WeighingInput* input);

// A key that is given on purpose. INVALID_ARGUMENT names the file.
absl::StatusOr<attest::GivenKey> ReadTrustedKey(const std::string& path);

}  // namespace crossmill::cli
