// A snapshotter whose roots are plain folders with every parent's files copied in. A layer's "tar" is the
// list of the files that a step wrote, with their content: enough to see what was put on what.
#pragma once

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "common/base/blob_store.h"
#include "common/base/files.h"
#include "common/base/mutex.h"
#include "common/base/status.h"
#include "worker/layers/snapshotter.h"

namespace crossmill {

class FakeSnapshotter final : public worker::Snapshotter {
 public:
  using Files = std::map<std::string, std::string>;

  FakeSnapshotter(std::string folder, BlobStore& blobs) : folder_(std::move(folder)), blobs_(blobs) {}

  // A layer as a step would have left it.
  Digest AddLayer(const Files& files) {
    const std::string bytes = Serialize(files);
    const auto digest = blobs_.PutBytes(bytes);
    MutexLock lock(mutex_);
    layers_[*digest] = files;
    return *digest;
  }

  // Every Commit fails with this from now on.
  void FailCommits(absl::Status status) { commit_status_ = std::move(status); }
  const std::vector<worker::CommitOptions>& commits() const { return commits_; }
  // Layers under the snapshots that were prepared, in order.
  const std::vector<std::vector<Digest>>& prepared() const { return prepared_; }

  absl::Status EnsureLayer(const Digest& tar) override {
    MutexLock lock(mutex_);
    return layers_.contains(tar) ? absl::OkStatus()
                                 : absl::UnavailableError(fmt::format("layer {} is missing", ToString(tar)));
  }
  absl::StatusOr<std::unique_ptr<worker::Snapshot>> Prepare(absl::Span<const Digest> parents) override {
    prepared_.emplace_back(parents.begin(), parents.end());
    return View(parents);
  }
  absl::StatusOr<std::unique_ptr<worker::Snapshot>> View(absl::Span<const Digest> parents) override {
    Files files;
    for (const Digest& parent : parents) {
      RETURN_IF_ERROR(EnsureLayer(parent));
      MutexLock lock(mutex_);
      for (const auto& [path, content] : layers_[parent]) files[path] = content;
    }
    ASSIGN_OR_RETURN(TemporaryFolder root, TemporaryFolder::Create(folder_));
    for (const auto& [path, content] : files) {
      RETURN_IF_ERROR(MakeFolders(std::filesystem::path(root.Path(path)).parent_path()));
      RETURN_IF_ERROR(WriteFileAtomic(root.Path(path), content));
    }
    return std::make_unique<FakeSnapshot>(*this, std::move(root), std::move(files));
  }

 private:
  class FakeSnapshot final : public worker::Snapshot {
   public:
    FakeSnapshot(FakeSnapshotter& owner, TemporaryFolder root, Files below)
        : owner_(owner), root_(std::move(root)), below_(std::move(below)) {}
    const std::string& root() const override { return root_.path(); }
    absl::StatusOr<worker::CommittedLayer> Commit(const worker::CommitOptions& options) override {
      RETURN_IF_ERROR(owner_.commit_status_);
      owner_.commits_.push_back(options);
      Files changed;
      worker::CommittedLayer committed;
      for (const auto& entry : std::filesystem::recursive_directory_iterator(root_.path())) {
        if (!entry.is_regular_file()) continue;
        const std::string path = std::filesystem::relative(entry.path(), root_.path());
        const auto content = ReadFile(entry.path());
        const auto old = below_.find(path);
        if (old != below_.end() && old->second == *content) continue;
        committed.content_bytes += static_cast<int64_t>(content->size());
        committed.changed_paths.push_back(path);
        changed[path] = *content;
      }
      ToProto(owner_.AddLayer(changed), committed.layer.mutable_tar());
      ToProto(DigestOf("manifest"), committed.layer.mutable_manifest());
      return committed;
    }

   private:
    FakeSnapshotter& owner_;
    const TemporaryFolder root_;
    const Files below_;
  };

  static std::string Serialize(const Files& files) {
    std::ostringstream text;
    for (const auto& [path, content] : files) text << path << '\0' << content << '\0';
    return text.str();
  }

  const std::string folder_;
  BlobStore& blobs_;
  absl::Status commit_status_;
  std::vector<worker::CommitOptions> commits_;
  std::vector<std::vector<Digest>> prepared_;
  Mutex mutex_;
  std::map<Digest, Files> layers_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace crossmill
