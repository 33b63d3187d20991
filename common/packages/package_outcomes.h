// How each Python package of a step arrived: what the console says, what the layer holds and what the network
// brought, put together.
// Pure. docs/formats.md, "outcomes", describes the result for readers.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "common/failures/failure_rules.h"
#include "common/packages/console_packages.h"
#include "crossmill/v1/plan.pb.h"
#include "crossmill/v1/report.pb.h"
#include "crossmill/v1/result.pb.h"

namespace crossmill::packages {

// A wheel that an earlier step of the same build made or fetched.
struct EarlierWheel {
  std::string file_name;
  bool compiled = false;
  // It was put into a folder (`pip wheel`) rather than installed.
  bool saved = false;
};

// What there is to judge a step by, beside its console.
struct StepEvidence {
  v1::Run run;
  std::vector<v1::DistInfo> infos;
  std::vector<v1::WheelFile> wheels;
  // Asked only when a wheel's origin depends on it. May be empty.
  std::function<std::vector<EarlierWheel>()> earlier_wheels;
  // The step succeeded: what is not in `infos` is not in the image.
  bool has_layer = true;
  bool emulated = false;
  // By the record of its network, if it had one.
  v1::StepFetches fetches;
  bool network_recorded = false;
  // When the step's timeout ended it, in nanoseconds of the worker's clock, and in which words.
  std::optional<int64_t> timed_out_at;
  std::string timeout_words;
  // Of a step that failed.
  v1::RootFacts root;
  // What brings what is missing.
  std::shared_ptr<const failures::FailureRules> rules = failures::FailureRules::BuiltIn();
};

// What a finished step reported, as evidence.
StepEvidence EvidenceOf(const v1::Run& run, const v1::StepResult& result, bool emulated);
// What a step's outcomes, and what it fetched, tell later steps of the build.
void AddEarlierWheels(absl::Span<const v1::PackageOutcome> outcomes, std::vector<EarlierWheel>* wheels);
void AddEarlierWheels(const v1::StepFetches& fetches, std::vector<EarlierWheel>* wheels);

// Outcomes of one step on one platform, runtime before build-dep, then by name and version.
//
// A package is there if the layer has it where an interpreter of the image finds it, or where the console or
// the command says; console and layer are put together by environment, name and version. Origin and seconds
// are the console's. Where the two disagree the console's outcome stands and `conflict` holds both words;
// where the console is silent, what the network brought of that name and version decides (fetched_files.h),
// also against the tags in the layer, and a file that came in a tunnel is bypassed; else the outcome is
// unknown. Files that came while a step that succeeded compiled something, of packages that it neither
// installed nor left as a wheel in a folder and of which its console says nothing, are taken for build
// dependencies.
//
// Any program can print an installer's lines. What a step that succeeded left nowhere, and of which nothing
// was asked on a recorded network, is not believed.
std::vector<v1::PackageOutcome> DerivePackages(std::vector<PackageObservation> seen,
                                               const StepEvidence& evidence);

}  // namespace crossmill::packages
