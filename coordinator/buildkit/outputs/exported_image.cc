#include "coordinator/buildkit/outputs/exported_image.h"

#include <algorithm>
#include <utility>

#include "absl/strings/escaping.h"
#include "common/base/status.h"
#include "common/layer/compression.h"
#include "common/oci/annotations.h"
#include "common/oci/base_layers.h"
#include "coordinator/images/image_records.h"
#include "coordinator/images/layer_compressor.h"

namespace crossmill::coordinator::buildkit {
namespace {

class ImageMaker {
 public:
  ImageMaker(const BuiltImage& image, const ExporterOptions& options, const ExportServices& services,
             ProgressVertex& vertex, const std::stop_token& stop)
      : image_(image),
        options_(options),
        form_(options.form),
        services_(services),
        vertex_(vertex),
        stop_(stop) {}

  absl::StatusOr<ExportedImage> Make(const std::vector<PlatformStatements>& statements) {
    RETURN_IF_ERROR(CheckPlatforms());
    vertex_.Status("exporting layers", 0, 0, false);
    std::vector<oci::Descriptor> manifests;
    std::vector<oci::Descriptor> attestations;
    Digest config;
    for (const BuiltPlatform& platform : image_.platforms) {
      ASSIGN_OR_RETURN(oci::Descriptor manifest, Platform(platform, &config));
      const auto about = std::find_if(statements.begin(), statements.end(), [&](const auto& each) {
        return each.manifest == platform.manifest && !each.statements.empty();
      });
      if (about != statements.end()) {
        ASSIGN_OR_RETURN(attestations.emplace_back(), Attestations(platform.platform, manifest, *about));
      }
      manifests.push_back(std::move(manifest));
    }
    vertex_.Status("exporting layers", 0, 0, true);
    for (const oci::Descriptor& manifest : manifests) Told("exporting manifest", manifest.digest);
    ExportedImage exported;
    if (manifests.size() == 1 && attestations.empty() && !image_.always_index) {
      RETURN_IF_ERROR(CheckNoIndexAnnotations());
      Told("exporting config", config);
      exported.root = std::move(manifests.front());
      exported.config = config;
      return exported;
    }
    for (oci::Descriptor& each : attestations) {
      Told("exporting attestation manifest", each.digest);
      manifests.push_back(std::move(each));
    }
    ASSIGN_OR_RETURN(exported.root, Index(std::move(manifests)));
    Told("exporting manifest list", exported.root.digest);
    return exported;
  }

 private:
  void Told(std::string_view what, const Digest& digest) {
    vertex_.Status(fmt::format("{} {}", what, digest.Oci()), 0, 0, true);
  }

  // Of the annotations that name a platform, each has one.
  absl::Status CheckPlatforms() const {
    for (const v1::BuildArgument& each : form_.annotations) {
      ASSIGN_OR_RETURN(const oci::Annotation annotation, oci::ParseAnnotation(each.name(), each.value()));
      if (!annotation.platform) continue;
      oci::ImageIndex index;
      for (const BuiltPlatform& built : image_.platforms)
        index.manifests.emplace_back().platform = built.platform;
      if (oci::SelectPlatform(index, *annotation.platform).ok()) continue;
      return absl::InvalidArgumentError(fmt::format("{}: annotation {}: {} is not built",
                                                    ExporterName(options_.kind), each.name(),
                                                    oci::PlatformText(*annotation.platform)));
    }
    return absl::OkStatus();
  }

  absl::Status CheckNoIndexAnnotations() const {
    for (const v1::BuildArgument& each : form_.annotations) {
      if (!each.name().starts_with("index")) continue;
      return absl::InvalidArgumentError(
          fmt::format("{}: annotation {}: an image for one platform without attestations has no index: "
                      "annotate the manifest",
                      ExporterName(options_.kind), each.name()));
    }
    return absl::OkStatus();
  }

  absl::StatusOr<oci::Descriptor> Platform(const BuiltPlatform& built, Digest* config_digest) {
    ASSIGN_OR_RETURN(const std::string bytes, services_.blobs.Get(built.manifest));
    ASSIGN_OR_RETURN(oci::ImageManifest manifest, oci::ParseImageManifest(bytes));
    if (form_.compression) RETURN_IF_ERROR(CompressLayers(built, &manifest));
    ASSIGN_OR_RETURN(
        const auto annotations,
        oci::AnnotationsFor(form_.annotations, oci::AnnotationLevel::kManifest, &built.platform));
    for (const auto& [name, value] : annotations) manifest.annotations[name] = value;
    if (!form_.oci_types) RETURN_IF_ERROR(UseDockerTypes(&manifest));
    *config_digest = manifest.config.digest;
    oci::Descriptor descriptor;
    descriptor.media_type = manifest.media_type;
    descriptor.platform = built.platform;
    ASSIGN_OR_RETURN(descriptor.digest, services_.blobs.PutBytes(oci::WriteImageManifest(manifest)));
    ASSIGN_OR_RETURN(
        descriptor.annotations,
        oci::AnnotationsFor(form_.annotations, oci::AnnotationLevel::kManifestDescriptor, &built.platform));
    return descriptor;
  }

  absl::Status UseDockerTypes(oci::ImageManifest* manifest) {
    manifest->media_type = oci::media_type::kDockerManifest;
    manifest->config.media_type = oci::media_type::kDockerConfig;
    for (oci::Descriptor& layer : manifest->layers) {
      ASSIGN_OR_RETURN(const layer::Compression kind, oci::CompressionOfBlob(services_.blobs, layer.digest));
      layer.media_type = LayerMediaType(kind, false);
    }
    return absl::OkStatus();
  }

  absl::Status CompressLayers(const BuiltPlatform& built, oci::ImageManifest* manifest) {
    ASSIGN_OR_RETURN(const std::string bytes, services_.blobs.Get(manifest->config.digest));
    ASSIGN_OR_RETURN(const oci::ImageConfig config, oci::ParseImageConfig(bytes));
    if (config.diff_ids.size() != manifest->layers.size()) {
      return absl::InternalError(fmt::format("image {}: {} layers, but its config has {} diffIDs",
                                             built.manifest.Oci(), manifest->layers.size(),
                                             config.diff_ids.size()));
    }
    ASSIGN_OR_RETURN(const std::optional<ManifestRecord> record,
                     services_.records.FindManifest(built.manifest.Oci()));
    for (size_t i = 0; i < manifest->layers.size(); ++i) {
      if (stop_.stop_requested()) return absl::CancelledError("cancelled");
      Digest tar;
      ASSIGN_OR_RETURN(tar.hash, HashOfOci(config.diff_ids[i]));
      // Its size only the record has.
      if (record && record->image.layers_size() == static_cast<int>(manifest->layers.size()))
        tar = FromProto(record->image.layers(static_cast<int>(i)).tar());
      RETURN_IF_ERROR(CompressLayer(config.diff_ids[i], tar, &manifest->layers[i]));
    }
    return absl::OkStatus();
  }

  absl::Status CompressLayer(const std::string& diff_id, Digest tar, oci::Descriptor* layer) {
    ASSIGN_OR_RETURN(const bool own, IsOwn(tar, layer->digest));
    if (!own) {
      // What the base brought stays as its publisher made it, unless everything is to be compressed so.
      if (!form_.every_layer) return absl::OkStatus();
      ASSIGN_OR_RETURN(const layer::Compression kind, oci::CompressionOfBlob(services_.blobs, layer->digest));
      if (kind == form_.compression->kind && !form_.compression->level) return absl::OkStatus();
    }
    if (tar.size == 0 || !services_.blobs.Has(tar)) {
      ASSIGN_OR_RETURN(tar, oci::UncompressedLayer(services_.blobs, layer->digest, diff_id));
    }
    ASSIGN_OR_RETURN(oci::Descriptor compressed, services_.layers.Compressed(tar, *form_.compression, stop_));
    layer->digest = compressed.digest;
    layer->media_type = std::move(compressed.media_type);
    return absl::OkStatus();
  }

  // Whether the farm compressed it: by its usual levels, or as is asked for now.
  absl::StatusOr<bool> IsOwn(const Digest& tar, const Digest& blob) {
    for (const LayerCompression& each : {LayerCompression{layer::Compression::kGzip},
                                         LayerCompression{layer::Compression::kZstd}, *form_.compression}) {
      ASSIGN_OR_RETURN(const bool made, services_.layers.Made(tar, each, blob));
      if (made) return true;
    }
    return false;
  }

  absl::StatusOr<oci::Descriptor> Attestations(const v1::Platform& platform, const oci::Descriptor& manifest,
                                               const PlatformStatements& about) {
    if (!form_.oci_types) {
      return absl::InvalidArgumentError(
          fmt::format("{}: oci-mediatypes=false has no place for attestations: add --provenance=false "
                      "--sbom=false",
                      ExporterName(options_.kind)));
    }
    std::vector<attest::Statement> statements;
    for (const attest::Statement& each : about.statements)
      statements.push_back(WithSubjects(each, options_.names, platform, manifest.digest));
    return PutAttestationManifest(services_.blobs, manifest, statements, form_.oci_artifact);
  }

  absl::StatusOr<oci::Descriptor> Index(std::vector<oci::Descriptor> manifests) {
    oci::ImageIndex index;
    if (!form_.oci_types) index.media_type = oci::media_type::kDockerIndex;
    index.manifests = std::move(manifests);
    ASSIGN_OR_RETURN(index.annotations,
                     oci::AnnotationsFor(form_.annotations, oci::AnnotationLevel::kIndex, nullptr));
    oci::Descriptor descriptor;
    descriptor.media_type = index.media_type;
    ASSIGN_OR_RETURN(descriptor.digest, services_.blobs.PutBytes(oci::WriteImageIndex(index)));
    ASSIGN_OR_RETURN(descriptor.annotations,
                     oci::AnnotationsFor(form_.annotations, oci::AnnotationLevel::kIndexDescriptor, nullptr));
    return descriptor;
  }

  const BuiltImage& image_;
  const ExporterOptions& options_;
  const ImageForm& form_;
  const ExportServices& services_;
  ProgressVertex& vertex_;
  const std::stop_token stop_;
};

}  // namespace

absl::StatusOr<ExportedImage> MakeExportedImage(const BuiltImage& image, const ExporterOptions& options,
                                                const std::vector<PlatformStatements>& statements,
                                                const ExportServices& services, ProgressVertex& vertex,
                                                const std::stop_token& stop) {
  if (image.platforms.empty()) return absl::InternalError("the build has no image to export");
  return ImageMaker(image, options, services, vertex, stop).Make(statements);
}

std::map<std::string, std::string> ImageMetadata(const ExportedImage& image) {
  std::map<std::string, std::string> metadata;
  metadata["containerimage.digest"] = image.root.digest.Oci();
  metadata["containerimage.descriptor"] = absl::Base64Escape(oci::WriteDescriptor(image.root));
  if (image.config) metadata["containerimage.config.digest"] = image.config->Oci();
  return metadata;
}

}  // namespace crossmill::coordinator::buildkit
