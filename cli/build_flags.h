// What `crossmill build` was asked for: texts of the flags to values. Pure.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "cli/progress.h"
#include "crossmill/v1/build.pb.h"

namespace crossmill::cli {

// As written on the command line.
struct BuildFlags {
  std::string context = ".";
  // -f; empty: Dockerfile in the context; "-": standard input.
  std::string file;
  std::vector<std::string> platforms;
  std::string target;
  std::vector<std::string> build_args;
  bool no_cache = false;
  // Check instead of build.
  bool check = false;
  std::string network;
  // -1: not given.
  int verify = -1;
  bool allow_same_host = false;
  std::vector<std::string> require;
  // Not given: the variable SOURCE_DATE_EPOCH.
  std::optional<std::string> source_date_epoch;
  std::string emulation = "allow";
  std::vector<std::string> tags;
  std::vector<std::string> outputs;
  std::string metadata_file;
  std::string iid_file;
  std::string progress = "auto";
  bool detach = false;
  std::string timeout;
  std::string step_timeout;
  std::string idempotency_key;
};

// -o: where the finished image goes.
struct OutputTarget {
  // "-": standard output.
  std::string destination;
};

enum class EpochMode { kByBases, kNumber, kGit, kNone };
struct EpochChoice {
  EpochMode mode = EpochMode::kByBases;
  int64_t seconds = 0;
};

using VariableLookup = std::function<std::optional<std::string>(const std::string&)>;

// "NAME=value", or "NAME" for the variable's value (nothing when it is not set).
absl::StatusOr<std::optional<v1::BuildArgument>> ParseBuildArgument(std::string_view text,
                                                                    const VariableLookup& variable);
// "type=oci,dest=FILE", "FILE.tar", "-".
absl::StatusOr<OutputTarget> ParseOutput(std::string_view text);
// A number, "git" or "none"; `flag` unset: `variable` SOURCE_DATE_EPOCH, a number.
absl::StatusOr<EpochChoice> ParseEpoch(const std::optional<std::string>& flag,
                                       const std::optional<std::string>& variable);
// "90", "90s", "45m", "1h30m": whole seconds, more than 0.
absl::StatusOr<uint32_t> ParseTimeLimit(std::string_view text, std::string_view flag);
absl::StatusOr<ProgressMode> ParseProgress(std::string_view text);

// Everything but platforms left out (`own` is the default) and an epoch taken from git (-1 then).
absl::StatusOr<v1::BuildOptions> MakeBuildOptions(const BuildFlags& flags, const v1::Platform& own,
                                                  const EpochChoice& epoch);

// The Dockerfile's path, and how it is called in messages.
struct RecipePaths {
  std::string dockerfile;
  std::string dockerfile_name;
  // Candidates for the ignore file, first wins, with their names in messages.
  std::vector<std::pair<std::string, std::string>> ignore_files;
};
RecipePaths FindRecipe(const BuildFlags& flags, const std::string& context_folder);

}  // namespace crossmill::cli
