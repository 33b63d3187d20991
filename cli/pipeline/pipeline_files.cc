#include "cli/pipeline/pipeline_files.h"

#include "cli/pipeline/code_quality.h"
#include "cli/pipeline/junit.h"
#include "cli/pipeline/metadata.h"
#include "cli/pipeline/sarif.h"
#include "cli/pipeline/summary.h"
#include "common/base/files.h"
#include "common/base/status.h"

namespace crossmill::cli {

absl::Status PipelineFiles::Write(const PipelineRun& run) const {
  absl::Status first;
  const auto write = [&first](const std::string& path, const auto& document) {
    if (path.empty()) return;
    first.Update(WriteFileAtomic(path, document()));
  };
  write(paths_.junit, [&] { return JunitDocument(run); });
  write(paths_.metadata, [&] { return WriteJsonPretty(MetadataDocument(run)) + "\n"; });
  write(paths_.sarif, [&] { return WriteJsonPretty(SarifDocument(run, check_)) + "\n"; });
  write(paths_.code_quality, [&] { return WriteJsonPretty(CodeQualityDocument(run, check_)) + "\n"; });
  write(paths_.summary, [&] { return SummaryDocument(run); });
  return first;
}

}  // namespace crossmill::cli
