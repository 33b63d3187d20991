// What a provenance statement says of how an image was made, as far as that helps to make it again. Pure.
//
// Nothing here is believed: a rebuild that gives the published bytes proves itself, whoever wrote the recipe;
// one that does not proves nothing against the image where the recipe has gaps, so gaps are told.
//
// Read are SLSA provenance v0.2 and v1 of BuildKit (slsa-definitions.md of its documentation), v1 of this
// farm (docs/attestations.md), and the labels of OCI image spec's annotations.md.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "common/attest/statement.h"

namespace crossmill::attest {

inline constexpr std::string_view kProvenance02Predicate = "https://slsa.dev/provenance/v0.2";
// What the types of all of them begin with.
inline constexpr std::string_view kProvenancePredicates = "https://slsa.dev/provenance/";

// An image that the recipe was built on, by the digest that its name had then.
struct RecordedBase {
  // "python:3.11", "registry:5000/team/base:2": as a Dockerfile would name it.
  std::string reference;
  // "sha256:...".
  std::string digest;
  // "linux/amd64": of the base, which need not be the image's; empty: not told.
  std::string platform;

  bool operator==(const RecordedBase&) const = default;
};

struct ProvenanceRecipe {
  // Where the context came from: a git or http URL as the builder had it; empty: a folder, or not told.
  std::string source;
  // Of a git source: the commit in hex. Empty: not told.
  std::string commit;
  // SHA-256 of the context's tree, in hex, as docs/formats.md has it; only this farm's statements tell it.
  std::string context_tree;
  // SHA-256 of the Dockerfile, in hex; only this farm's statements tell it.
  std::string dockerfile_sha256;
  // Path of the Dockerfile in the context; empty: Dockerfile.
  std::string dockerfile;
  std::string target;
  std::map<std::string, std::string> arguments;
  std::map<std::string, std::string> labels;
  // Seconds.
  std::optional<int64_t> source_date_epoch;
  // Files kept their own times (--source-date-epoch none).
  bool keeps_times = false;
  std::vector<RecordedBase> bases;
  // Ids that the build was given, and those that it may have been given.
  std::vector<std::string> secrets;
  std::vector<std::string> optional_secrets;
  std::vector<std::string> agents;
  std::vector<std::string> optional_agents;
  // Steps could reach nothing. Other kinds of network are not told apart: what a step makes must not depend
  // on them.
  bool without_network = false;
  // --build-context NAME=docker-image://REFERENCE, by name. Names and references are plain: no "=", no
  // control bytes.
  std::map<std::string, std::string> named_images;
  // Further flags of `crossmill build` with their values: only those of kRecipeFlags.
  std::vector<std::pair<std::string, std::string>> flags;
  // Who says so, for people: "BuildKit, SLSA provenance v1".
  std::string told_by;
  // What a build may depend on and the statement does not tell, in words; empty: the recipe is whole.
  std::vector<std::string> gaps;

  bool operator==(const ProvenanceRecipe&) const = default;
};

// Flags that change what a build makes, and that this farm's statements tell.
inline constexpr std::string_view kRecipeFlags[] = {"normalize",   "label",         "annotation",
                                                    "compression", "add-host",      "ulimit",
                                                    "shm-size",    "exclude-newer", "offline"};

// Of a statement with one of the predicates above; INVALID_ARGUMENT: another predicate, or no recipe that
// this program knows.
absl::StatusOr<ProvenanceRecipe> ReadProvenanceRecipe(const Statement& statement);

// Of an image's labels (org.opencontainers.image.source, .revision, .base.name, .base.digest). NOT_FOUND:
// they name no source.
absl::StatusOr<ProvenanceRecipe> ReadLabelRecipe(const std::map<std::string, std::string>& labels);

}  // namespace crossmill::attest
