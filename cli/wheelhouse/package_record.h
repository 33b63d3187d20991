// What became of each package of each target: the record that every document of a wheelhouse is made from.
// Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/wheelhouse/target.h"
#include "cli/wheelhouse/target_plan.h"
#include "common/python/requirement.h"

namespace crossmill::cli {

struct WheelFile {
  std::string name;
  // Hex.
  std::string sha256;
  int64_t size = 0;
  // Of its metadata: as given, or empty; and what it requires.
  std::string requires_python;
  std::vector<python::Requirement> requirements;
};

// What a recipe said of the wheel that it left (cli/wheelhouse/recipes.h).
struct WheelStatements {
  // Hex digest of the wheel as it was compiled, before any repair; empty: nothing was said.
  std::string compiled_sha256;
  // "repaired", "not-needed" (no compiled code), "not-installed" (no auditwheel in the image), "failed";
  // empty: nothing was said, as of a wheel that was fetched.
  std::string repair;
  // "passed", "failed", "not-abi3", "not-installed" (no abi3audit in the image); empty: not asked for.
  std::string abi3;
  // The last line of the program that failed.
  std::string repair_line;
  std::string abi3_line;
};

// Lines that are no statement are passed over: a build may write what it likes into its image.
WheelStatements ReadStatements(std::string_view text);

struct PackageRecord {
  enum class Outcome {
    kWheel,
    kSource,
    // Compiled before, by whatever build: the farm had it.
    kSourceKept,
    kFailed,
    // The run was stopped before it.
    kNotTried,
  };

  std::string name;
  std::string version;
  Outcome outcome = Outcome::kNotTried;
  // What was to be done, and why there is no wheel of an index.
  PlannedPackage::Way way = PlannedPackage::Way::kNone;
  std::vector<std::string> reasons;
  std::vector<WheelFile> files;
  // Where they lie until they are part of the wheelhouse.
  std::string files_folder;
  // Of the compilation, natively or not; < 0: not known.
  double seconds = -1;
  bool emulated = false;
  // The build that made it, and the one that compiled it if that is another; 0: none.
  int64_t build = 0;
  int64_t compiled_in = 0;
  WheelStatements statements;
  // Of a failure: its class, the line that shows it, what helps, and all of it in one sentence.
  std::string failure_class;
  std::string failure_line;
  std::string remedy;
  std::string message;
  // The farm's fault: to be tried again.
  bool infrastructure = false;
  std::vector<std::string> notes;

  bool done() const { return outcome != Outcome::kFailed && outcome != Outcome::kNotTried; }
};

// "wheel", "source", "source-cached", "failed", "not-tried"
std::string_view OutcomeWord(PackageRecord::Outcome outcome);

struct TargetRecord {
  enum class Status {
    // Everything that the requirements need is there.
    kComplete,
    // Something is missing: a package failed, or a wheel requires what the resolution did not have.
    kIncomplete,
    // The requirements have no resolution.
    kUnsolved,
  };

  WheelTarget target;
  TargetPlan plan;
  Status status = Status::kIncomplete;
  // "sha256:..." of the base's manifest, and that it was made on the farm in place of the published one;
  // empty where nothing was built.
  std::string base_digest;
  bool base_stand_in = false;
  // By name.
  std::vector<PackageRecord> packages;
  // What wheels require and the resolution did not have, one sentence each.
  std::vector<std::string> missing;
};

// "complete", "incomplete", "unsolved"
std::string_view StatusWord(TargetRecord::Status status);

// Compares what the wheels themselves require with what is there, and settles the status. A source's
// dependencies may be known only once it is compiled, and then the resolution may have been too small.
void Conclude(TargetRecord* record);

}  // namespace crossmill::cli
