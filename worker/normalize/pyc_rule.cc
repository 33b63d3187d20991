// pyc-times: worker/layers/pyc_times makes the time in a compiled file's header that of its source in the
// layer. What is left are files whose source is not beside them, or was changed since: their header has the
// time at which that source was written, which nothing can match any more.
#include "common/base/status.h"
#include "common/layer/tar_entry.h"
#include "worker/layers/pyc_times.h"
#include "worker/normalize/rules.h"

namespace crossmill::worker {
namespace {

// Of no source: one that was written a second after the beginning of 1970.
constexpr uint32_t kNoSourcesTime = 1;

bool Names(const PycHeader& header, int64_t time, int64_t size) {
  return header.source_time == static_cast<uint32_t>(time) &&
         (!header.source_size || *header.source_size == static_cast<uint32_t>(size));
}

// Python would take the compiled file for the source's, as both lie on disk now.
absl::StatusOr<bool> IsValid(const PycHeader& header, const std::string& source, const StepFiles& files) {
  if (const DiffNode* node = files.FindInUpper(source); node != nullptr) {
    return Names(header, node->disk_mtime, node->entry.size);
  }
  ASSIGN_OR_RETURN(const auto below, files.Below(source));
  return below && below->found.kind == FileKind::kEntry &&
         Names(header, below->found.entry.mtime, below->found.entry.size);
}

}  // namespace

absl::Status NormalizePycTimes(const NormalizeTimes&, StepFiles& files, RuleOutcome* outcome) {
  for (const auto& [path, node] : files.changed()) {
    const std::optional<std::string> source = SourceOfPyc(path);
    if (!source || node->entry.type != layer::EntryType::kFile || node->links != 1) continue;
    ASSIGN_OR_RETURN(const std::string start, files.ReadStart(*node, kPycHeaderBytes));
    const std::optional<PycHeader> header = ReadPycHeader(start);
    if (!header || header->source_time == kNoSourcesTime) continue;
    ASSIGN_OR_RETURN(const bool valid, IsValid(*header, *source, files));
    if (valid) continue;
    std::string field(4, '\0');
    field[0] = static_cast<char>(kNoSourcesTime);
    RETURN_IF_ERROR(files.Overwrite(*node, header->time_offset, field));
    outcome->changed.emplace(path);
  }
  return absl::OkStatus();
}

}  // namespace crossmill::worker
