// The flags of `crossmill build`: their texts become values. Pure.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "cli/recipe/step_bound_flags.h"
#include "cli/show/progress.h"
#include "common/words/time_flags.h"  // IWYU pragma: export
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
  // --build-context NAME=VALUE.
  std::vector<std::string> build_contexts;
  bool no_cache = false;
  // Check instead of build.
  bool check = false;
  // --call, as Docker has it; empty: build.
  std::string call;
  // Only the image digest is printed; as --progress quiet.
  bool quiet = false;
  // Into the Docker daemon of this machine, if there is one.
  bool load = false;
  // Flags that only Docker's builder knows, as they were given (cli/recipe/docker_flags.h).
  std::vector<std::string> ignored;
  std::string network;
  bool offline = false;
  std::string exclude_newer;
  // Each names of rules with commas between them, or "all".
  std::vector<std::string> normalize;
  std::vector<std::string> neutral;
  bool no_compile_ahead = false;
  bool no_wheel_cache = false;
  // -1: not given.
  int verify = -1;
  // Not given: the standard set.
  std::optional<std::string> vary;
  bool allow_same_host = false;
  std::vector<std::string> require;
  // 0: not given.
  int min_hosts = 0;
  // --matrix NAME=a,b,c, and the file with the odd cells.
  std::vector<std::string> matrix;
  std::string matrix_file;
  // Not given: the variable SOURCE_DATE_EPOCH.
  std::optional<std::string> source_date_epoch;
  std::string emulation = "allow";
  std::string accelerate = "auto";
  std::vector<std::string> tags;
  std::vector<std::string> outputs;
  bool push = false;
  std::vector<std::string> annotations;
  // "gzip" or "zstd", with ",level=N" after it; empty: gzip.
  std::string compression;
  std::string metadata_file;
  std::string junit;
  std::string sarif;
  std::string code_quality;
  std::string summary;
  // Empty: no status is set.
  std::string commit_status;
  std::string commit_status_name = "crossmill";
  std::string iid_file;
  std::string progress = "auto";
  bool detach = false;
  std::string timeout;
  std::string step_timeout;
  std::string idempotency_key;
  // --secret and --ssh: cli/session/build_session.h reads them.
  std::vector<std::string> secrets;
  std::vector<std::string> agents;
  std::vector<std::string> extra_hosts;
  std::string shm_size;
  std::vector<std::string> ulimits;
  // --memory, --cpus and their like.
  StepBoundFlags bounds;
  std::vector<std::string> no_cache_stages;
  bool pull = false;
  std::vector<std::string> labels;
  // "low", "normal", "high" or a number; empty: normal.
  std::string priority;
  // Of workers; empty: the farm's for the platform.
  std::string pool;
  // --constraint KEY=VALUE, KEY!=VALUE.
  std::vector<std::string> constraints;
  // Which of the variations makes a step differ is tried out.
  bool attribute = false;
  // So many rounds at most, until one differs; 0: one build.
  int until_different = 0;
  // `crossmill retry`: the build that is submitted again.
  std::string retried;
};

// -o: the form and the place in which the finished image is written.
struct OutputTarget {
  enum class Type { kOci, kDocker, kTar, kLocal };
  Type type = Type::kOci;
  // A file, "-" for standard output, or the folder of kLocal.
  std::string destination;
  // The compression of the image's layers; only where the image is built, and for kOci.
  v1::Compression compression = v1::COMPRESSION_UNSPECIFIED;
  int32_t compression_level = 0;
  // kTar, kLocal: a folder per platform even for one.
  bool split = false;
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
// --build-arg, all of them, into the recipe.
absl::Status AddBuildArguments(const std::vector<std::string>& texts, const VariableLookup& variable,
                               v1::Recipe* recipe);
// What --detach cannot give: files and a status that tell how the build ended.
inline bool TellsTheEnd(const BuildFlags& flags) {
  return !flags.junit.empty() || !flags.sarif.empty() || !flags.code_quality.empty() ||
         !flags.summary.empty() || !flags.commit_status.empty();
}
// There are several combinations, or may be.
inline bool IsMatrix(const BuildFlags& flags) { return !flags.matrix.empty() || !flags.matrix_file.empty(); }

// "type=oci,dest=FILE" (docker, tar and local likewise, with the options of docs/cli.md), "FILE.tar", "-".
absl::StatusOr<OutputTarget> ParseOutput(std::string_view text);
// "gzip", "zstd", "zstd,level=9" into the options.
absl::Status ParseCompression(std::string_view text, v1::BuildOptions* options);
// A number, "git" or "none"; `flag` unset: `variable` SOURCE_DATE_EPOCH, a number.
absl::StatusOr<EpochChoice> ParseEpoch(const std::optional<std::string>& flag,
                                       const std::optional<std::string>& variable);
absl::StatusOr<ProgressMode> ParseProgress(std::string_view text);
// "64m", "1.5g", "65536": bytes, more than 0; k, m, g and t are powers of 1024.
absl::StatusOr<int64_t> ParseSize(std::string_view text, std::string_view flag);

// Everything but platforms left out (`own` is the default) and an epoch taken from git (-1 then).
absl::StatusOr<v1::BuildOptions> MakeBuildOptions(const BuildFlags& flags, const v1::Platform& own,
                                                  const EpochChoice& epoch);

}  // namespace crossmill::cli
