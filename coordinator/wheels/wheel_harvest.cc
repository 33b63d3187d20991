#include "coordinator/wheels/wheel_harvest.h"

#include <map>
#include <optional>
#include <string>
#include <utility>

#include "common/base/log.h"
#include "common/base/status.h"
#include "common/layer/blob_copy.h"
#include "common/layer/tar_reader.h"
#include "common/python/package_name.h"
#include "common/python/wheel_name.h"
#include "common/words/platform.h"
#include "coordinator/wheels/wheel_command.h"

namespace crossmill::coordinator {
namespace {

struct FoundWheel {
  std::string file_name;
  Digest file;
};

// The only file in the folder, which has to be a wheel.
absl::StatusOr<FoundWheel> FindWheel(const Digest& layer, BlobStore& blobs) {
  ASSIGN_OR_RETURN(layer::Source bytes, layer::BlobSource(blobs, layer));
  layer::TarReader tar(std::move(bytes));
  std::optional<FoundWheel> found;
  const std::string folder = fmt::format("{}/", kWheelFolder);
  while (true) {
    ASSIGN_OR_RETURN(const auto entry, tar.Next());
    if (!entry.has_value()) break;
    if (!entry->path.starts_with(folder)) continue;
    const std::string name = entry->path.substr(folder.size());
    if (!name.ends_with(".whl")) continue;
    if (found.has_value()) return absl::FailedPreconditionError("it left several wheels");
    if (entry->type != layer::EntryType::kFile || name.find('/') != std::string::npos) {
      return absl::FailedPreconditionError(fmt::format("{} is no file of its folder", name));
    }
    ASSIGN_OR_RETURN(
        const Digest file,
        layer::CopyToStore([&](char* buffer, size_t size) { return tar.ReadData(buffer, size); }, blobs, {}));
    found = FoundWheel{name, file};
  }
  if (!found.has_value()) return absl::NotFoundError("it left no wheel");
  return *std::move(found);
}

// What the step fetched, but for pages and metadata.
absl::StatusOr<v1::BuildDependencies> FetchedFor(int64_t execution, storage::RecordStore& records) {
  ASSIGN_OR_RETURN(const v1::StepFetches fetches, records.Fetches(execution));
  if (fetches.more_size() > 0) return absl::FailedPreconditionError("not all that it fetched is known");
  std::map<std::pair<std::string, std::string>, std::string> files;
  for (const v1::Fetch& fetch : fetches.fetches()) {
    if (fetch.kind() != v1::Fetch::KIND_INDEX) {
      return absl::FailedPreconditionError(fmt::format("it fetched something from {}", fetch.host()));
    }
    if (fetch.file_name().empty() || fetch.file_name().ends_with(".metadata")) continue;
    if (fetch.status() != 200 || fetch.sha256().empty()) {
      return absl::FailedPreconditionError(fmt::format("{} did not come whole", fetch.file_name()));
    }
    files[{fetch.project(), fetch.file_name()}] = fetch.sha256();
  }
  v1::BuildDependencies dependencies;
  for (const auto& [name, sha256] : files) {
    v1::BuildDependency& file = *dependencies.add_files();
    file.set_name(name.first);
    file.set_file_name(name.second);
    file.set_sha256(sha256);
  }
  return dependencies;
}

absl::StatusOr<storage::FarmWheelRow> Harvest(const v1::WheelCompilation& compilation,
                                              const CompiledStep& step, BlobStore& blobs,
                                              storage::RecordStore& records) {
  ASSIGN_OR_RETURN(const FoundWheel found, FindWheel(FromProto(step.layer.tar()), blobs));
  ASSIGN_OR_RETURN(const python::WheelName name, python::WheelName::Parse(found.file_name));
  const auto version = python::Version::Parse(compilation.version());
  if (name.project != compilation.project() || !version.ok() || name.version != *version) {
    return absl::FailedPreconditionError(fmt::format("{} is no wheel of {} {}", found.file_name,
                                                     compilation.project(), compilation.version()));
  }
  // The step may be one that another build executed.
  ASSIGN_OR_RETURN(const storage::Execution execution, records.GetExecution(step.execution));
  storage::FarmWheelRow row;
  row.wheel.set_build(execution.build);
  row.key = compilation.key();
  row.source_file = compilation.source_file();
  row.wheel.set_project(compilation.project());
  row.wheel.set_version(compilation.version());
  row.wheel.set_file_name(found.file_name);
  ToProto(found.file, row.wheel.mutable_file());
  row.wheel.set_source_sha256(compilation.source().hash());
  row.wheel.set_execution(step.execution);
  row.wheel.set_seconds(step.seconds);
  row.wheel.set_emulated(step.emulated);
  const auto dependencies = FetchedFor(step.execution, records);
  if (dependencies.ok()) {
    row.build_dependencies = *dependencies;
  } else {
    // Nobody could say later that the same would be compiled: it is good for this build only.
    LogInfo("the wheel of {} is not kept: {}", compilation.source_file(),
            Sv(dependencies.status().message()));
    row.key.clear();
  }
  return row;
}

}  // namespace

std::vector<storage::FarmWheelRow> HarvestWheels(const HarvestQuestion& question, BlobStore& blobs,
                                                 storage::RecordStore& records, int64_t now_ns) {
  std::vector<storage::FarmWheelRow> rows;
  for (const CompiledStep& step : question.steps) {
    const v1::WheelCompilation& compilation = question.wheels.compilations(step.compilation);
    auto row = Harvest(compilation, step, blobs, records);
    if (!row.ok()) {
      LogWarning("build={} compiled {}, which is not used: {}", question.build, compilation.source_file(),
                 Sv(row.status().message()));
      continue;
    }
    row->platform = FormatPlatform(question.wheels.platform());
    row->compiled_at = now_ns;
    rows.push_back(*std::move(row));
  }
  return rows;
}

}  // namespace crossmill::coordinator
