// Which sources a RUN would compile, which of them the farm has compiled already, and how the others are
// compiled.
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/storage/farm_wheel_records.h"
#include "crossmill/v1/build.pb.h"
#include "crossmill/v1/plan.pb.h"

namespace crossmill::coordinator {

struct AheadQuestion {
  // Complete, as the worker would get it.
  v1::Run run;
  v1::Platform platform;
  // The root before it, bottom first.
  std::vector<v1::Layer> root;
  // $SOURCE_DATE_EPOCH of the step, if it sees one.
  std::optional<int64_t> source_date_epoch;
  // BuildSubmission.project of the build that has it: wheels of others are none for it.
  std::string project;
  // Wheels that were compiled before may be used; of these, emulated ones not.
  bool use_kept = true;
  bool forbid_emulation = false;
  // Compiled for this step already, in an earlier round.
  std::vector<storage::FarmWheelRow> compiled;
};

struct AheadAnswer {
  // May be offered to the step.
  std::vector<storage::FarmWheelRow> kept;
  // Have to be compiled.
  std::vector<v1::WheelCompilation> missing;
  // What one of these sources requires is known only by its wheel: it is worth asking again with it.
  bool ask_again = false;
  // Why nothing, or not all, is done; for the log.
  std::string note;
};

class AheadPlanner {
 public:
  virtual ~AheadPlanner() = default;
  // Takes as long as the index does. What is not understood, or not certain, is in no answer.
  // The package indexes that it asks, the main one first, without credentials.
  virtual std::vector<std::string> IndexUrls() const = 0;
  virtual absl::StatusOr<AheadAnswer> Ask(const AheadQuestion& question, const std::stop_token& stop) = 0;
};

// Whether it is worth asking about the step: its command runs an installer in a form that is understood, on
// the recorded network, and is given nothing of a client. Pure; a long command takes a tenth of a second to
// read.
bool MayCompile(const v1::Step& step);
// Sets Step.may_compile of all that are worth it. A job's work.
void MarkCompiling(v1::BuildPlan* plan);

}  // namespace crossmill::coordinator
