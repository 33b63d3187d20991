// Policies about sources, as BuildKit's clients give them (EXPERIMENTAL_BUILDKIT_SOURCE_POLICY of buildx):
// rules that let a source be taken, refuse it, or put another one in its place. The meaning is that of
// BuildKit's package sourcepolicy (engine.go, matcher.go, mutate.go). Pure.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "moby/buildkit/v1/source_policy.pb.h"

namespace crossmill::coordinator::buildkit {

// What a policy is asked about.
struct PolicySource {
  // "docker-image://docker.io/library/alpine:3", "https://...", "git://host/path#ref", "local://context".
  std::string identifier;
  // As BuildKit's frontend sets them: "http.checksum".
  std::map<std::string, std::string> attributes = {};
  // Beginnings of names of attributes that such a source has in BuildKit and that are not known here: a
  // condition on one of them cannot be answered.
  std::vector<std::string> unknown = {};
};

// Immutable, so thread safe.
class SourcePolicy {
 public:
  // Without rules.
  SourcePolicy() = default;

  // Of all that come in `policies`, in this order; none at all lets everything pass. INVALID_ARGUMENT names
  // the rule that nobody could follow (no selector, "**", no regular expression of RE2) or the limit: 4096
  // rules, 16 KiB for each of their texts.
  static absl::StatusOr<SourcePolicy> Read(const std::vector<moby::buildkit::v1::SourcePolicy>& policies);

  bool empty() const { return policies_.empty(); }

  // In each policy the last rule that matches decides between ALLOW and DENY, and the first CONVERT that
  // changes something begins everything anew. PERMISSION_DENIED names the rule; INVALID_ARGUMENT: more than
  // 20 conversions, or what they make is longer than 16 KiB; UNIMPLEMENTED: a condition on what is unknown.
  absl::StatusOr<PolicySource> Evaluate(PolicySource source) const;

 private:
  struct Rule;
  absl::StatusOr<bool> EvaluateOne(const std::vector<std::shared_ptr<const Rule>>& rules,
                                   PolicySource* source) const;

  std::vector<std::vector<std::shared_ptr<const Rule>>> policies_;
};

}  // namespace crossmill::coordinator::buildkit
