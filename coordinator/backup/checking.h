// Looks through a data folder: is the record whole, has each blob its digest, is everything there that the
// record needs? With a coordinator beside it, or, to repair, without.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "coordinator/backup/stored_blobs.h"

namespace crossmill::backup {

struct Finding {
  // "record", "schema", "image", "build", "blob", "parts", "log" are damage if `grave`; "cache",
  // "pin", "bucket", "unreferenced", "stray", "aside" and torn "log"s are what a healthy farm may have.
  std::string kind;
  bool grave = false;
  // Path, image name, or what needs what is gone.
  std::string where;
  // How many of its kind it stands for.
  int64_t count = 1;
  std::string meaning;
  // What --repair does about it, or what a person can do.
  std::string remedy;
  bool mended = false;
};

struct CheckReport {
  // A coordinator runs on the folder.
  bool online = false;
  bool quick = false;
  int64_t schema = 0;
  std::string farm;
  int64_t builds = 0;
  int64_t blobs = 0, blob_bytes = 0;
  int64_t logs = 0;
  std::vector<Finding> findings;

  // No damage, or all of it mended.
  bool clean() const;
};

struct CheckOptions {
  std::string data_folder;
  // Sizes only, no bytes are read.
  bool quick = false;
  // Needs that no coordinator runs.
  bool repair = false;
  Pace pace;
  std::function<void(std::string_view)> tell;
};

// FAILED_PRECONDITION: no data folder, a newer schema, a restore that did not come to its end, or with
// `repair` a coordinator that runs.
absl::StatusOr<CheckReport> CheckFarm(const CheckOptions& options, Clock& clock);

// Bytes of whole messages at the beginning of a log: all of them, unless its end was torn by a crash. Pure.
int64_t WholeMessages(std::string_view log);

}  // namespace crossmill::backup
