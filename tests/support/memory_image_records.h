// Image records in memory.
#pragma once

#include <map>
#include <string>

#include "common/base/mutex.h"
#include "coordinator/images/image_records.h"

namespace crossmill::coordinator {

class MemoryImageRecords final : public ImageRecords {
 public:
  absl::Status PutImage(const ImageRecord& image) override {
    MutexLock lock(mutex_);
    images_[core::InProject(image.project, image.name)] = image;
    return absl::OkStatus();
  }
  absl::StatusOr<std::optional<ImageRecord>> FindImage(
      std::string_view name, std::string_view project = core::kDefaultProject) override {
    MutexLock lock(mutex_);
    return Find(images_, core::InProject(project, name));
  }
  absl::StatusOr<std::vector<ImageRecord>> FindImagesByRoot(std::string_view root) override {
    MutexLock lock(mutex_);
    std::vector<ImageRecord> images;
    for (const auto& [key, image] : images_) {
      if (image.root.Oci() == root) images.push_back(image);
    }
    return images;
  }
  absl::StatusOr<std::vector<ImageRecord>> FindImagesByName(std::string_view name) override {
    MutexLock lock(mutex_);
    std::vector<ImageRecord> images;
    for (const auto& [key, image] : images_) {
      if (image.name == name) images.push_back(image);
    }
    return images;
  }
  absl::StatusOr<int64_t> ImageBytes(std::string_view project) override {
    MutexLock lock(mutex_);
    std::map<std::string, int64_t> roots;
    for (const auto& [key, image] : images_) {
      if (image.project == project && !image.shared && !image.name.starts_with("sha256:"))
        roots[image.root.hash] = image.size_bytes;
    }
    int64_t sum = 0;
    for (const auto& [root, bytes] : roots) sum += bytes;
    return sum;
  }
  absl::Status RemoveImages(absl::Span<const ImageName> names) override {
    MutexLock lock(mutex_);
    for (const ImageName& name : names) images_.erase(core::InProject(name.project, name.name));
    return absl::OkStatus();
  }
  absl::StatusOr<std::vector<ImageRecord>> ListImages() override {
    MutexLock lock(mutex_);
    std::vector<ImageRecord> images;
    for (const auto& [name, image] : images_) images.push_back(image);
    return images;
  }
  absl::StatusOr<std::vector<ImageRecord>> ListNamedImages(const core::Scope& scope, std::string_view behind,
                                                           int limit) override {
    MutexLock lock(mutex_);
    std::map<std::string, ImageRecord> by_place;
    for (const auto& [key, image] : images_) {
      const std::string place = PlaceOf(scope, image);
      if (place <= behind || image.name.starts_with("sha256:") || !Sees(scope, image)) continue;
      if (image.project == scope.project()) by_place[place] = image;
      by_place.try_emplace(place, image);
    }
    std::vector<ImageRecord> images;
    for (auto& [place, image] : by_place) {
      if (static_cast<int>(images.size()) < limit) images.push_back(std::move(image));
    }
    return images;
  }
  absl::Status PutManifest(const ManifestRecord& manifest) override {
    MutexLock lock(mutex_);
    manifests_[manifest.manifest.Oci()] = manifest;
    return absl::OkStatus();
  }
  absl::StatusOr<std::optional<ManifestRecord>> FindManifest(std::string_view digest) override {
    MutexLock lock(mutex_);
    return Find(manifests_, std::string(digest));
  }
  absl::Status PutCompressedLayer(const CompressedLayerRecord& layer) override {
    MutexLock lock(mutex_);
    layers_[{layer.tar.hash, layer.compressor}] = layer.blob;
    ++compressions_;
    return absl::OkStatus();
  }
  absl::StatusOr<std::optional<Digest>> FindCompressedLayer(const Digest& tar,
                                                            std::string_view compressor) override {
    MutexLock lock(mutex_);
    return Find(layers_, std::pair(tar.hash, std::string(compressor)));
  }

  // Layers compressed so far.
  int compressions() {
    MutexLock lock(mutex_);
    return compressions_;
  }

 private:
  template <typename Map>
  static std::optional<typename Map::mapped_type> Find(const Map& map, const typename Map::key_type& key) {
    const auto it = map.find(key);
    if (it == map.end()) return std::nullopt;
    return it->second;
  }

  Mutex mutex_;
  std::map<std::string, ImageRecord> images_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, ManifestRecord> manifests_ ABSL_GUARDED_BY(mutex_);
  std::map<std::pair<std::string, std::string>, Digest> layers_ ABSL_GUARDED_BY(mutex_);
  int compressions_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace crossmill::coordinator
