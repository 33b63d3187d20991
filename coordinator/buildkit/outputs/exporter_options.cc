#include "coordinator/buildkit/outputs/exporter_options.h"

#include <algorithm>
#include <array>
#include <set>
#include <string_view>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "common/base/status.h"
#include "common/oci/annotations.h"
#include "common/oci/reference.h"

namespace crossmill::coordinator::buildkit {
namespace {

constexpr std::string_view kAnnotation = "annotation";
// The scanner that clients name when their users name none.
constexpr std::string_view kUsualScanner = "docker/buildkit-syft-scanner";

absl::Status WrongValue(const ExporterOptions& options, std::string_view key, std::string_view value,
                        std::string_view expected) {
  return absl::InvalidArgumentError(
      fmt::format("{}: {}={}: expected {}", ExporterName(options.kind), key, value, expected));
}

absl::Status NotServed(const ExporterOptions& options, std::string_view what, std::string_view instead) {
  return absl::UnimplementedError(
      fmt::format("{}: {}: this farm does not do that; {}", ExporterName(options.kind), what, instead));
}

// As Go's strconv.ParseBool has them.
std::optional<bool> FlagOf(std::string_view value) {
  static constexpr std::array<std::string_view, 7> kTrue = {"", "1", "t", "T", "TRUE", "true", "True"};
  static constexpr std::array<std::string_view, 6> kFalse = {"0", "f", "F", "FALSE", "false", "False"};
  for (const std::string_view each : kTrue) {
    if (value == each) return true;
  }
  for (const std::string_view each : kFalse) {
    if (value == each) return false;
  }
  return std::nullopt;
}

// Reads attributes one by one; what must hold between them is checked at the end.
class AttributeReader {
 public:
  explicit AttributeReader(ExporterKind kind) {
    options_.kind = kind;
    options_.inline_attestations = kind == ExporterKind::kImage;
  }

  absl::Status Read(const std::string& key, const std::string& value) {
    if (IgnoredByAll(key)) return absl::OkStatus();
    if (key == "source-date-epoch") return Epoch(value);
    if (options_.kind == ExporterKind::kLocal || options_.kind == ExporterKind::kTar)
      return TreeAttribute(key, value);
    if (key.starts_with(kAnnotation)) return AnnotationOf(key, value);
    if (options_.kind == ExporterKind::kImage) return ImageAttribute(key, value);
    if (key == "tar") return Flag(key, value, &options_.tar);
    return FormAttribute(key, value);
  }

  absl::StatusOr<ExporterOptions> Finish(size_t platforms) {
    if (level_ && !options_.form.compression) options_.form.compression.emplace();
    if (options_.form.compression) {
      options_.form.compression->level = level_;
      RETURN_IF_ERROR(CheckLevel());
    }
    if (!options_.form.oci_types) RETURN_IF_ERROR(CheckDockerTypes());
    if (options_.push && options_.names.empty()) {
      return absl::InvalidArgumentError(
          "type=image: push=true needs a name to push to: give -t NAME, or name=NAME in --output");
    }
    if (options_.kind == ExporterKind::kDocker && platforms > 1) {
      return absl::InvalidArgumentError(
          "type=docker: docker exporter does not currently support exporting manifest lists: choose one with "
          "--platform, or take -o type=oci or --push");
    }
    if (options_.kind == ExporterKind::kLocal || options_.kind == ExporterKind::kTar)
      RETURN_IF_ERROR(CheckSplit(platforms));
    return std::move(options_);
  }

 private:
  // Settings of containerd's store and of records that there are no more; the farm has nothing that they
  // could change.
  static bool IgnoredByAll(const std::string& key) {
    static const std::set<std::string> kIgnored = {"unpack", "name-canonical", "prefer-nondist-layers",
                                                   "prefer-image-digest", "buildinfo", "buildinfo-attrs",
                                                   "unsafe-internal-store-allow-incomplete",
                                                   // Layers never hold a time after their clamp time.
                                                   "rewrite-timestamp"};
    return kIgnored.contains(key);
  }

  absl::Status Unknown(const std::string& key) const {
    return absl::InvalidArgumentError(
        fmt::format("{}: the attribute '{}' is not known", ExporterName(options_.kind), key));
  }

  absl::Status Flag(const std::string& key, const std::string& value, bool* flag) const {
    const std::optional<bool> read = FlagOf(value);
    if (!read) return WrongValue(options_, key, value, "true or false");
    *flag = *read;
    return absl::OkStatus();
  }

  absl::Status Epoch(const std::string& value) {
    if (value.empty()) return absl::OkStatus();
    int64_t seconds = 0;
    if (!absl::SimpleAtoi(value, &seconds))
      return WrongValue(options_, "source-date-epoch", value, "seconds since 1970");
    options_.epoch = seconds;
    return absl::OkStatus();
  }

  absl::Status Names(const std::string& value) {
    const std::vector<std::string> names = absl::StrSplit(value, ',', absl::SkipEmpty());
    for (const std::string& name : names) {
      if (name == "*") continue;
      const auto reference = oci::ParseReference(name);
      if (!reference.ok()) return Annotate(reference.status(), ExporterName(options_.kind));
      options_.names.push_back(name);
    }
    return absl::OkStatus();
  }

  absl::Status AnnotationOf(const std::string& key, const std::string& value) {
    // "annotation-LEVEL[PLATFORM].NAME" to "LEVEL[PLATFORM]:NAME".
    std::string_view rest = std::string_view(key).substr(kAnnotation.size());
    std::string level = "manifest";
    if (rest.starts_with('-')) {
      level = rest.substr(1, std::min(rest.find_first_of("[."), rest.size()) - 1);
      rest.remove_prefix(1 + level.size());
    }
    if (rest.starts_with('[')) {
      const size_t end = std::min(rest.find(']'), rest.size() - 1) + 1;
      level += rest.substr(0, end);
      rest.remove_prefix(end);
    }
    if (!rest.starts_with('.')) return Unknown(key);
    v1::BuildArgument annotation;
    annotation.set_name(fmt::format("{}:{}", level, rest.substr(1)));
    annotation.set_value(value);
    const auto parsed = oci::ParseAnnotation(annotation.name(), value);
    if (!parsed.ok()) return Annotate(parsed.status(), ExporterName(options_.kind));
    options_.form.annotations.push_back(std::move(annotation));
    return absl::OkStatus();
  }

  absl::Status ImageAttribute(const std::string& key, const std::string& value) {
    if (key == "push") return Flag(key, value, &options_.push);
    if (key == "push-by-digest") return Flag(key, value, &options_.by_digest);
    if (key == "store") return Flag(key, value, &options_.store);
    if (key == "registry.insecure") return Flag(key, value, &options_.insecure);
    // As BuildKit spells it, and as it should be.
    if (key == "danging-name-empty-only" || key == "dangling-name-empty-only")
      return Flag(key, value, &options_.dangling_only);
    if (key == "dangling-name-prefix") {
      options_.dangling_prefix = value;
      return absl::OkStatus();
    }
    return FormAttribute(key, value);
  }

  absl::Status FormAttribute(const std::string& key, const std::string& value) {
    if (key == "name") return Names(value);
    if (key == "oci-mediatypes") return Flag(key, value, &options_.form.oci_types);
    if (key == "oci-artifact") {
      said_artifact_ = true;
      return Flag(key, value, &options_.form.oci_artifact);
    }
    if (key == "attestation-inline") return Flag(key, value, &options_.inline_attestations);
    if (key == "force-compression") return Flag(key, value, &options_.form.every_layer);
    if (key == "compression") return Compression(value);
    if (key == "compression-level") {
      int level = 0;
      if (!absl::SimpleAtoi(value, &level)) return WrongValue(options_, key, value, "a number");
      level_ = level;
      return absl::OkStatus();
    }
    return Unknown(key);
  }

  absl::Status Compression(const std::string& value) {
    LayerCompression& compression = options_.form.compression.emplace();
    if (value == "gzip") {
      compression.kind = layer::Compression::kGzip;
    } else if (value == "zstd") {
      compression.kind = layer::Compression::kZstd;
    } else if (value == "uncompressed") {
      compression.kind = layer::Compression::kNone;
    } else if (value == "estargz" || value == "nydus") {
      return NotServed(options_, "compression=" + value, "take zstd, gzip or uncompressed");
    } else {
      return WrongValue(options_, "compression", value, "gzip, zstd or uncompressed");
    }
    return absl::OkStatus();
  }

  absl::Status TreeAttribute(const std::string& key, const std::string& value) {
    if (key == "platform-split") {
      bool split = false;
      RETURN_IF_ERROR(Flag(key, value, &split));
      options_.split = split;
      return absl::OkStatus();
    }
    if (key == "attestation-prefix") {
      if (value.find('/') != std::string::npos || value.find('\0') != std::string::npos)
        return WrongValue(options_, key, value, "the beginning of a file's name, without '/'");
      options_.attestation_prefix = value;
      return absl::OkStatus();
    }
    if (key == "mode" && options_.kind == ExporterKind::kLocal) {
      if (value != "copy" && value != "delete") return WrongValue(options_, key, value, "copy or delete");
      options_.remove_others = value == "delete";
      return absl::OkStatus();
    }
    if (key == "src") {
      return NotServed(options_, "src=" + value,
                       "copy what you want into a last stage FROM scratch, and build that (--target)");
    }
    // Clients send names with every exporter of a target that has a tag.
    if (key == "name") return absl::OkStatus();
    return Unknown(key);
  }

  // As BuildKit takes them: 0 is not to compress, of zstd as little as it can.
  absl::Status CheckLevel() {
    LayerCompression& compression = *options_.form.compression;
    if (!compression.level) return absl::OkStatus();
    const std::string text = std::to_string(*compression.level);
    if (compression.kind == layer::Compression::kGzip && (*compression.level < 0 || *compression.level > 9))
      return WrongValue(options_, "compression-level", text, "0 to 9 for gzip");
    if (compression.kind != layer::Compression::kZstd) return absl::OkStatus();
    if (*compression.level < 0 || *compression.level > 22)
      return WrongValue(options_, "compression-level", text, "0 to 22 for zstd");
    compression.level = std::max(*compression.level, 1);
    return absl::OkStatus();
  }

  absl::Status CheckDockerTypes() {
    if (said_artifact_ && options_.form.oci_artifact) {
      return absl::InvalidArgumentError(
          fmt::format("{}: oci-artifact=true contradicts oci-mediatypes=false", ExporterName(options_.kind)));
    }
    options_.form.oci_artifact = false;
    for (const v1::BuildArgument& each : options_.form.annotations) {
      if (each.name().starts_with("manifest:") || each.name().starts_with("manifest[")) continue;
      return absl::InvalidArgumentError(
          fmt::format("{}: annotation {}: oci-mediatypes=false has no place for it: leave one of them out",
                      ExporterName(options_.kind), each.name()));
    }
    return absl::OkStatus();
  }

  absl::Status CheckSplit(size_t platforms) {
    if (platforms < 2 || options_.split.value_or(true)) return absl::OkStatus();
    const std::string what = fmt::format("platform-split=false with {} platforms", platforms);
    if (options_.kind == ExporterKind::kTar)
      return NotServed(options_, what, "leave it out, or take type=local");
    if (options_.remove_others)
      return NotServed(options_, what + " and mode=delete", "leave one of them out");
    return absl::OkStatus();
  }

  ExporterOptions options_;
  std::optional<int> level_;
  bool said_artifact_ = false;
};

absl::StatusOr<ExporterKind> KindOf(const ExporterRequest& request) {
  if (request.type == "image") return ExporterKind::kImage;
  if (request.type == "oci") return ExporterKind::kOci;
  if (request.type == "docker") return ExporterKind::kDocker;
  if (request.type == "local") return ExporterKind::kLocal;
  if (request.type == "tar") return ExporterKind::kTar;
  return absl::UnimplementedError(
      fmt::format("--output type={}: this farm does not do that; it has image, registry, oci, docker, local "
                  "and tar",
                  request.type));
}

using Members = std::map<std::string, std::string>;

// "mode=max,inline-only=true"; values may be quoted as a field of CSV is.
Members MembersOf(std::string_view text) {
  Members members;
  const std::vector<std::string> fields = absl::StrSplit(Av(text), ',', absl::SkipEmpty());
  for (std::string field : fields) {
    if (field.size() >= 2 && field.front() == '"' && field.back() == '"')
      field = field.substr(1, field.size() - 2);
    const size_t equals = std::min(field.find('='), field.size());
    members[field.substr(0, equals)] = equals < field.size() ? field.substr(equals + 1) : "";
  }
  return members;
}

absl::Status Wrong(std::string_view what, const std::string& key, const std::string& value,
                   std::string_view why) {
  return absl::InvalidArgumentError(fmt::format("--{}: {}={}: {}", what, key, value, why));
}

absl::Status ReadProvenance(const Members& members, AttestationOptions* options) {
  options->provenance = true;
  // As BuildKit has it where no mode is said; clients that add provenance by themselves say min.
  options->full_provenance = true;
  for (const auto& [key, value] : members) {
    if (key == "type" || key.empty() || key == "reproducible" || key == "filename") continue;
    if (key == "mode") {
      if (value != "min" && value != "max" && value != "full")
        return Wrong("provenance", key, value, "expected min or max");
      options->full_provenance = value != "min";
    } else if (key == "inline-only") {
      options->provenance_inline_only = FlagOf(value).value_or(false);
    } else if (key == "disabled") {
      options->provenance = !FlagOf(value).value_or(true);
    } else if (key == "version") {
      if (value == "v1") continue;
      return absl::UnimplementedError(fmt::format(
          "--provenance: version={}: this farm writes SLSA provenance v1; leave version out", value));
    } else if (key == "builder-id") {
      return absl::UnimplementedError(
          "--provenance: builder-id: this farm states its own identity as the builder, and no other; leave "
          "it out");
    } else {
      return Wrong("provenance", key, value, "not known; expected mode=min or mode=max");
    }
  }
  return absl::OkStatus();
}

absl::Status ReadSbom(const Members& members, AttestationOptions* options) {
  options->sbom = true;
  for (const auto& [key, value] : members) {
    if (key == "type" || key.empty()) continue;
    if (key == "inline-only") {
      options->sbom_inline_only = FlagOf(value).value_or(false);
    } else if (key == "disabled") {
      options->sbom = !FlagOf(value).value_or(true);
    } else if (key == "generator") {
      const auto reference = oci::ParseReference(value);
      if (value.empty() || (reference.ok() && reference->FamiliarName() == kUsualScanner)) continue;
      return absl::UnimplementedError(fmt::format(
          "--sbom: generator={}: this farm runs no scanner images; it writes what its package record has: "
          "take --sbom=true, or scan the image after the build",
          value));
    } else {
      return Wrong("sbom", key, value, "not known; expected true or false");
    }
  }
  return absl::OkStatus();
}

}  // namespace

std::string ExporterName(ExporterKind kind) {
  switch (kind) {
    case ExporterKind::kImage:
      return "type=image";
    case ExporterKind::kOci:
      return "type=oci";
    case ExporterKind::kDocker:
      return "type=docker";
    case ExporterKind::kLocal:
      return "type=local";
    case ExporterKind::kTar:
      break;
  }
  return "type=tar";
}

absl::StatusOr<ExporterOptions> ReadExporter(const ExporterRequest& request, size_t platforms) {
  ASSIGN_OR_RETURN(const ExporterKind kind, KindOf(request));
  AttributeReader reader(kind);
  for (const auto& [key, value] : request.attributes) RETURN_IF_ERROR(reader.Read(key, value));
  return reader.Finish(platforms);
}

absl::StatusOr<AttestationOptions> ReadAttestations(const std::map<std::string, std::string>& asked) {
  AttestationOptions options;
  for (const auto& [kind, text] : asked) {
    // "false" and "disabled=true" are left out by clients, but not by all.
    if (text == "false" || text == "0") continue;
    const Members members = text == "true" || text == "1" ? Members() : MembersOf(text);
    if (kind == "provenance") {
      RETURN_IF_ERROR(ReadProvenance(members, &options));
    } else if (kind == "sbom") {
      RETURN_IF_ERROR(ReadSbom(members, &options));
    } else {
      return absl::UnimplementedError(fmt::format(
          "--attest type={}: this farm does not do that; it has type=provenance and type=sbom", kind));
    }
  }
  return options;
}

}  // namespace crossmill::coordinator::buildkit
