// A build's image in a farm's store, and a client that takes what is exported, for tests of outputs.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/base/mutex.h"
#include "common/oci/image.h"
#include "coordinator/buildkit/outputs/exporters.h"
#include "coordinator/images/image_assembler.h"
#include "coordinator/images/image_store.h"
#include "tests/common/oci/sample_image.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_image_source.h"
#include "tests/support/memory_image_records.h"
#include "tests/support/status_matchers.h"

namespace crossmill::coordinator::buildkit {

// What a display would show.
class RecordingVertex final : public ProgressVertex {
 public:
  const std::string& digest() const override { return digest_; }
  void Status(std::string_view id, int64_t current, int64_t, bool done) override {
    MutexLock lock(mutex_);
    shown_[std::string(id)] = {current, done};
  }
  void Log(int, std::string_view bytes) override {
    MutexLock lock(mutex_);
    log_ += bytes;
  }
  void End(bool) override {}
  void Fail(std::string_view error) override {
    MutexLock lock(mutex_);
    error_ = error;
  }

  // The lines that ended.
  std::vector<std::string> done() {
    MutexLock lock(mutex_);
    std::vector<std::string> lines;
    for (const auto& [id, state] : shown_) {
      if (state.second) lines.push_back(id);
    }
    return lines;
  }
  std::string log() {
    MutexLock lock(mutex_);
    return log_;
  }
  std::string error() {
    MutexLock lock(mutex_);
    return error_;
  }

 private:
  const std::string digest_ = "sha256:vertex";
  Mutex mutex_;
  std::map<std::string, std::pair<int64_t, bool>> shown_ ABSL_GUARDED_BY(mutex_);
  std::string log_ ABSL_GUARDED_BY(mutex_);
  std::string error_ ABSL_GUARDED_BY(mutex_);
};

class RecordingBoard final : public ProgressBoard {
 public:
  std::shared_ptr<ProgressVertex> Begin(std::string_view name, const std::vector<std::string>&) override {
    names.emplace_back(name);
    vertices.push_back(std::make_shared<RecordingVertex>());
    return vertices.back();
  }
  std::vector<std::string> names;
  std::vector<std::shared_ptr<RecordingVertex>> vertices;
};

class OutputsFixture : public testing::Test {
 protected:
  // As the engine assembles it: upon a base that somebody else compressed.
  BuiltPlatform Build(const std::string& architecture) {
    const v1::Platform platform = oci::LinuxPlatform(architecture);
    const Digest base = oci::PutImage(*blobs_, architecture);
    EXPECT_OK(images_.Import("base-" + architecture, base, false));
    const auto pinned = images_.Pin("base-" + architecture, platform);
    EXPECT_OK(pinned);
    ImageParts parts;
    parts.platform = platform;
    parts.planned_config =
        R"({"architecture":")" + architecture +
        R"(","os":"linux","config":{"Cmd":["/app"]},"history":[{"created_by":"RUN one"}]})";
    parts.base = &*pinned;
    v1::Layer layer;
    const std::string tar =
        layer::WriteLayer({layer::Folder("srv"), layer::File("srv/app", "the app of " + architecture),
                           layer::Special("srv/app2", layer::EntryType::kHardLink, "srv/app")})
            .first;
    ToProto(*blobs_->PutBytes(tar), layer.mutable_tar());
    parts.layers = {layer};
    parts.layer_times = {1'200'000'001};
    parts.epoch = 1'200'000'000;
    const auto image = assembler_.AssembleImage(parts);
    EXPECT_OK(image);
    return {platform, image->manifest};
  }

  BuiltImage BuiltFor(const std::vector<std::string>& architectures) {
    BuiltImage image;
    image.build = 12;
    image.epoch = 1'200'000'000;
    for (const std::string& each : architectures) image.platforms.push_back(Build(each));
    image.root = image.platforms.front().manifest;
    return image;
  }

  oci::ImageManifest ManifestOf(const Digest& digest) {
    const auto manifest = oci::ParseImageManifest(*blobs_->Get(digest));
    EXPECT_OK(manifest);
    return manifest.value_or(oci::ImageManifest());
  }

  std::unique_ptr<BlobStore> blobs_ = MakeMemoryBlobStore();
  MemoryImageRecords records_;
  FakeImageSource source_;
  FakeClock clock_;
  ImageStore images_{*blobs_, records_, source_, clock_};
  ImageAssembler assembler_{*blobs_, records_, clock_, 1};
  ExportServices services_{*blobs_, images_, records_, assembler_.compressor(), nullptr};
  RecordingBoard board_;
};

}  // namespace crossmill::coordinator::buildkit
