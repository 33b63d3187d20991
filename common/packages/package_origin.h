// Wheel or source: what the records in a layer, installers' caches and the console prove about one package.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/packages/console_packages.h"
#include "common/packages/fetched_files.h"
#include "common/packages/package_outcomes.h"
#include "crossmill/v1/report.pb.h"
#include "crossmill/v1/result.pb.h"

namespace crossmill::packages {

// Times that the kernel gives files are up to this much older than the clock, in nanoseconds.
inline constexpr int64_t kFileTimeStep = 20'000'000;

// Tags of one wheel multiplied out -> the compressed form of its file name.
std::string CompressTags(const v1::DistInfo& info);

// Compiled on a machine, not published: a plain linux_ARCH tag. A local version ("2.0.1+cpu") is published by
// its own index under such a tag, so it proves nothing.
bool IsCompiledHere(std::string_view tag, std::string_view version);

// Put there by the distribution's package manager.
bool IsDistroPackage(const v1::DistInfo& info);

// It was asked for by the address of a folder, an archive of sources or a repository, so it was built.
bool IsBuiltFromAddress(const v1::DistInfo& info);

class PackageOrigins {
 public:
  struct Judgement {
    v1::Outcome outcome = v1::OUTCOME_UNKNOWN;
    std::string conflict;
    // What it was made of, by the record of the network; null: it does not say.
    const FetchedFile* file = nullptr;
    // For an outcome that nothing shows: the host of a tunnel through which it may have come.
    std::string tunnel = {};
    // What the console said; unknown if it was silent.
    v1::Outcome console = v1::OUTCOME_UNKNOWN;
  };

  // The references outlive it. `whole`: `fetched` is all that came.
  PackageOrigins(const std::vector<v1::WheelFile>& wheels, const FetchedFiles& fetched, bool whole,
                 const std::function<std::vector<EarlierWheel>()>& earlier);

  // Of an installed package; `seen` may be null. `unexplained`: files came that were not installed, so
  // something was compiled with them.
  Judgement Judge(const v1::DistInfo& info, const PackageObservation* seen, bool unexplained);
  // Of what only the console names.
  Judgement Judge(const PackageObservation& seen);

 private:
  struct Traces {
    bool built_now = false;
    bool built_before = false;
    bool fetched = false;
  };

  Traces TracesOf(std::string_view name, std::string_view version) const;
  // What earlier steps of the build did with a wheel; nullopt: nothing is known of it.
  std::optional<EarlierWheel> Earlier(std::string_view file_name, bool saved_only);
  v1::Outcome OfConsole(const PackageObservation& seen, std::string_view name, std::string_view version,
                        std::string_view tag);
  v1::Outcome OfFolderWheel(std::string_view file_name, std::string_view name, std::string_view version,
                            std::string_view tag);
  v1::Outcome OfLayer(const v1::DistInfo& info, std::string_view tag);
  // What console and layer say.
  Judgement JudgeInstall(const v1::DistInfo& info, const PackageObservation* seen, std::string_view tag);
  // The wheel that the farm had compiled and that this was installed from; null: it was not.
  const FetchedFile* FarmWheel(const v1::DistInfo& info, const PackageObservation* seen,
                               std::string_view tag) const;
  // What the network says of a package with this tag whose record was written then (0: not known); sets
  // `file`.
  v1::Outcome OfNetwork(const FetchedFiles::Files& files, std::string_view tag, int64_t written_at,
                        const FetchedFile** file) const;
  // Adds what the network says.
  void AddFetched(const v1::DistInfo& info, const PackageObservation* seen, std::string_view tag,
                  Judgement* judged) const;

  std::map<std::pair<std::string, std::string>, Traces> traces_;
  const FetchedFiles& fetched_;
  const bool whole_;
  const std::function<std::vector<EarlierWheel>()>& ask_earlier_;
  // Filled at the first question.
  std::optional<std::map<std::string, EarlierWheel, std::less<>>> earlier_;
};

}  // namespace crossmill::packages
