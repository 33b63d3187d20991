#include "coordinator/buildkit/solve/capabilities.h"

#include <algorithm>
#include <vector>

#include "common/words/platform.h"

namespace crossmill::coordinator::buildkit {
namespace {

constexpr const char* kFrontendCapabilities[] = {
    "solve.base",
    "return",
    "returnmap",
    "proto.refarray",
    "readfile",
    "readdir",
    "statfile",
    "frontend.inputs",
    "frontend.caps",
    "importcaches",
    "gateway.solve.metadata",
    "gateway.solve.evaluate",
    "gateway.evaluate",
    "gateway.warnings",
    "reference.output",
};

// Beside what is served by definitions of one source: no capability for caches, so that clients say nothing
// of caches that would not be used.
constexpr const char* kOperationCapabilities[] = {
    "constraints",
    "platform",
    "meta.description",
    "file.base",
    "source.git",
    "source.git.fullurl",
    "source.git.keepgitdir",
    "source.git.subdir",
    "source.git.checksum",
    "source.git.skipsubmodules",
    "source.git.mtime",
    "source.git.fetchbycommit",
    "source.git.httpauth",
    "source.git.knownsshhosts",
    "source.git.mountsshsock",
    "source.http",
    "source.http.checksum",
    "exporter.image.attestations",
    "exporter.multiple",
    // Sizes of `prune`.
    "gc.freespacefilter",
};

void AddPlatform(const v1::Platform& platform, moby::buildkit::v1::WorkerRecord* record) {
  for (const pb::Platform& known : record->platforms()) {
    if (known.os() == platform.os() && known.architecture() == platform.architecture() &&
        known.variant() == platform.variant())
      return;
  }
  pb::Platform& added = *record->add_platforms();
  added.set_os(platform.os());
  added.set_architecture(platform.architecture());
  added.set_variant(platform.variant());
}

bool Runs(const v1::WorkerView& worker, const v1::Platform& platform) {
  return std::any_of(
      worker.info().platforms().begin(), worker.info().platforms().end(),
      [&](const v1::PlatformSupport& each) { return SamePlatform(each.platform(), platform); });
}

}  // namespace

void SetVersion(moby::buildkit::v1::BuildkitVersion* version) {
  version->set_package("crossmill");
  version->set_version(kBuildKitVersion);
  version->set_revision(CROSSMILL_VERSION);
}

void AddCapabilities(moby::buildkit::v1::frontend::PongResponse* response) {
  for (const char* id : kFrontendCapabilities) {
    auto& capability = *response->add_frontendapicaps();
    capability.set_id(id);
    capability.set_enabled(true);
  }
  for (const char* id : kOperationCapabilities) {
    auto& capability = *response->add_llbcaps();
    capability.set_id(id);
    capability.set_enabled(true);
  }
}

void AddWorkers(const v1::ListWorkersResponse& workers, const v1::Platform& build_platform,
                google::protobuf::RepeatedPtrField<moby::buildkit::v1::WorkerRecord>* records) {
  std::vector<const v1::WorkerView*> connected;
  for (const v1::WorkerView& worker : workers.workers()) {
    if (worker.connected()) connected.push_back(&worker);
  }
  // What is built for where nobody says is the first platform of the first one.
  std::stable_sort(connected.begin(), connected.end(), [&](const v1::WorkerView* a, const v1::WorkerView* b) {
    return Runs(*a, build_platform) && !Runs(*b, build_platform);
  });
  for (const v1::WorkerView* worker : connected) {
    auto& record = *records->Add();
    record.set_id(worker->info().name());
    if (Runs(*worker, build_platform)) AddPlatform(build_platform, &record);
    for (const v1::PlatformSupport& each : worker->info().platforms()) AddPlatform(each.platform(), &record);
    auto& labels = *record.mutable_labels();
    labels["crossmill.host"] = worker->info().host_name();
    labels["crossmill.runtime"] = worker->info().runtime();
    if (!worker->info().pool().empty()) labels["crossmill.pool"] = worker->info().pool();
    for (const v1::WorkerLabel& label : worker->info().labels()) labels[label.key()] = label.value();
    SetVersion(record.mutable_buildkitversion());
  }
  if (!records->empty()) return;
  auto& farm = *records->Add();
  farm.set_id("crossmill");
  AddPlatform(build_platform, &farm);
  SetVersion(farm.mutable_buildkitversion());
}

}  // namespace crossmill::coordinator::buildkit
