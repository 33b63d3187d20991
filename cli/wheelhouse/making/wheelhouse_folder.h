// The wheelhouse on disk (docs/wheelhouse.md): a folder for each target, documents over all of them.
//
// Every file appears whole, by a rename on one file system. Wheels that an earlier run put there and that are
// no longer part of a complete target are removed; what else is there stays, and is told.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/wheelhouse/package_record.h"
#include "cli/wheelhouse/record_json.h"
#include "common/base/files.h"
#include "common/base/json.h"

namespace crossmill::cli {

inline constexpr std::string_view kRecordFile = "wheelhouse.json";

// Used by one thread.
class WheelhouseFolder {
 public:
  // Makes the folder, and holds it: UNAVAILABLE while another run does. FAILED_PRECONDITION if a
  // wheelhouse.json in it is another program's.
  static absl::StatusOr<WheelhouseFolder> Open(const std::string& path);

  const std::string& scratch() const { return scratch_.path(); }

  // Moves the wheels of the records to their places and writes pages, locks and documents. Returns notes for
  // people: what was removed, and what is there without being part of it.
  absl::StatusOr<std::vector<std::string>> Write(const std::vector<TargetRecord>& records,
                                                 const AskedFor& asked);

 private:
  WheelhouseFolder(std::string path, UniqueFd lock, TemporaryFolder scratch, Json before)
      : path_(std::move(path)),
        lock_(std::move(lock)),
        scratch_(std::move(scratch)),
        before_(std::move(before)) {}

  absl::Status WriteTarget(const TargetRecord& record, std::vector<std::string>* notes);
  absl::Status WritePages(const TargetRecord& record);
  absl::Status Tidy(const TargetRecord& record, std::vector<std::string>* notes);

  std::string path_;
  UniqueFd lock_;
  TemporaryFolder scratch_;
  // The record that is there; null: none.
  Json before_;
};

}  // namespace crossmill::cli
