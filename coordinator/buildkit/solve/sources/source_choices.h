// What a client's policy makes of the sources of one build: asked while its recipe is read and planned, and
// told to the farm's own planning, which takes what was chosen here (BuildSubmission.replacements).
#pragma once

#include <map>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "coordinator/buildkit/policy/policy_choice.h"
#include "coordinator/buildkit/policy/source_policy.h"
#include "coordinator/buildkit/solve/definitions.h"
#include "crossmill/v1/build.pb.h"
#include "moby/buildkit/v1/control.pb.h"
#include "moby/buildkit/v1/gateway.pb.h"

namespace crossmill::coordinator::buildkit {

// The policy of the whole build, then those of this solve: as BuildKit has them. Errors as
// SourcePolicy::Read.
absl::StatusOr<SourcePolicy> PolicyOf(const moby::buildkit::v1::SolveRequest& build,
                                      const moby::buildkit::v1::frontend::SolveRequest& solve);

// The source of a definition of a client's, as the policy lets it be read.
absl::StatusOr<RawSource> ChooseRawSource(const SourcePolicy& policy, RawSource source);

// The status with the step's place ("Dockerfile:3:1: ADD: ..."); of what was cancelled as it is.
absl::Status AtStep(const v1::Step& step, const absl::Status& status);

// Used by one thread. Without a policy everything stays as it is.
class SourceChoices {
 public:
  SourceChoices() = default;
  explicit SourceChoices(SourcePolicy policy) : policy_(std::move(policy)) {}

  const SourcePolicy& policy() const { return policy_; }

  // The image that was chosen for the reference before, else the reference.
  const std::string& KnownImage(const std::string& reference) const;
  void SetImage(const std::string& reference, const std::string& chosen);
  // URL and checksum that were chosen for what ADD names with these, else these.
  std::pair<std::string, std::string> Known(const std::string& url, const std::string& checksum) const;
  // What ADD fetches. Errors are those of ChooseFile and ChooseRepository with the step's place.
  absl::Status ChooseFor(const v1::Step& step);

  void AddTo(v1::BuildSubmission* submission) const;

 private:
  absl::Status Choose(const v1::RemoteFile& file);
  absl::Status Choose(const v1::RemoteGit& repository);

  SourcePolicy policy_;
  // By what the recipe has, and the checksum that it asks for.
  std::map<std::pair<std::string, std::string>, std::pair<std::string, std::string>> chosen_;
};

}  // namespace crossmill::coordinator::buildkit
