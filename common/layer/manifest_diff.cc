#include "common/layer/manifest_diff.h"

#include <algorithm>
#include <optional>
#include <string>

#include "common/base/digest.h"
#include "common/base/status.h"

namespace crossmill::layer {
namespace {

using Kind = v1::PathDifference;

// Sorted by what people see: a whiteout sorts under the path it removes, not under its ".wh." name.
std::vector<const ManifestEntry*> Sorted(const LayerManifest& manifest) {
  std::vector<const ManifestEntry*> entries;
  entries.reserve(manifest.entries.size());
  for (const ManifestEntry& entry : manifest.entries) entries.push_back(&entry);
  std::stable_sort(entries.begin(), entries.end(), [](const ManifestEntry* a, const ManifestEntry* b) {
    return ComparePaths(a->entry.path, b->entry.path) < 0;
  });
  return entries;
}

std::string_view TypeName(const ManifestEntry& entry) {
  return entry.whiteout ? "whiteout" : EntryTypeName(entry.entry.type);
}

void AppendDetail(std::string_view text, std::string* detail) {
  if (!detail->empty()) detail->append(", ");
  detail->append(text);
}

void CompareXattrs(const TarEntry& a, const TarEntry& b, std::string* detail) {
  for (const auto& [name, value] : a.xattrs) {
    const auto other = b.xattrs.find(name);
    if (other == b.xattrs.end()) {
      AppendDetail(fmt::format("xattr {} only in the first", Printable(name)), detail);
    } else if (other->second != value) {
      AppendDetail(fmt::format("xattr {} differs", Printable(name)), detail);
    }
  }
  for (const auto& [name, value] : b.xattrs) {
    if (!a.xattrs.contains(name))
      AppendDetail(fmt::format("xattr {} only in the second", Printable(name)), detail);
  }
}

// All that differs beside content and time.
std::string CompareMetadata(const ManifestEntry& first, const ManifestEntry& second) {
  const TarEntry& a = first.entry;
  const TarEntry& b = second.entry;
  std::string detail;
  if (TypeName(first) != TypeName(second)) {
    // Between different types nothing else is comparable.
    return fmt::format("type {} != {}", TypeName(first), TypeName(second));
  }
  if (a.mode != b.mode) AppendDetail(fmt::format("mode {:04o} != {:04o}", a.mode, b.mode), &detail);
  if (a.uid != b.uid || a.gid != b.gid) {
    AppendDetail(fmt::format("owner {}:{} != {}:{}", a.uid, a.gid, b.uid, b.gid), &detail);
  }
  if (a.link != b.link)
    AppendDetail(fmt::format("link {} != {}", Printable(a.link), Printable(b.link)), &detail);
  if (a.dev_major != b.dev_major || a.dev_minor != b.dev_minor) {
    AppendDetail(fmt::format("device {}:{} != {}:{}", a.dev_major, a.dev_minor, b.dev_major, b.dev_minor),
                 &detail);
  }
  CompareXattrs(a, b, &detail);
  return detail;
}

void SetDigest(const ManifestEntry& entry, build::bazel::remote::execution::v2::Digest* digest) {
  ToProto(Digest{entry.sha256, entry.entry.size}, digest);
}

// nullopt: equal.
std::optional<v1::PathDifference> Compare(const ManifestEntry& first, const ManifestEntry& second) {
  v1::PathDifference difference;
  difference.set_detail(CompareMetadata(first, second));
  const bool both_files = !first.sha256.empty() && !second.sha256.empty();
  if (both_files && (first.sha256 != second.sha256 || first.entry.size != second.entry.size)) {
    difference.set_kind(Kind::KIND_CONTENT);
    SetDigest(first, difference.mutable_first());
    SetDigest(second, difference.mutable_second());
  } else if (!difference.detail().empty()) {
    difference.set_kind(Kind::KIND_METADATA);
  } else if (first.entry.mtime != second.entry.mtime) {
    difference.set_kind(Kind::KIND_TIME);
  } else {
    return std::nullopt;
  }
  difference.set_path(first.entry.path);
  return difference;
}

v1::PathDifference OnlyIn(const ManifestEntry& entry, v1::PathDifference::Kind kind) {
  v1::PathDifference difference;
  difference.set_path(entry.entry.path);
  difference.set_kind(kind);
  difference.set_detail(std::string(TypeName(entry)));
  if (!entry.sha256.empty()) {
    SetDigest(entry,
              kind == Kind::KIND_ONLY_FIRST ? difference.mutable_first() : difference.mutable_second());
  }
  return difference;
}

}  // namespace

std::vector<v1::PathDifference> DiffManifests(const LayerManifest& first, const LayerManifest& second,
                                              size_t limit, uint32_t* total) {
  const std::vector<const ManifestEntry*> a = Sorted(first);
  const std::vector<const ManifestEntry*> b = Sorted(second);
  std::vector<v1::PathDifference> differences;
  uint32_t count = 0;
  const auto add = [&](std::optional<v1::PathDifference> difference) {
    if (!difference.has_value()) return;
    ++count;
    if (differences.size() < limit) differences.push_back(*std::move(difference));
  };
  size_t i = 0;
  size_t j = 0;
  while (i < a.size() || j < b.size()) {
    const int order = i == a.size()   ? 1
                      : j == b.size() ? -1
                                      : ComparePaths(a[i]->entry.path, b[j]->entry.path);
    if (order < 0) {
      add(OnlyIn(*a[i++], Kind::KIND_ONLY_FIRST));
    } else if (order > 0) {
      add(OnlyIn(*b[j++], Kind::KIND_ONLY_SECOND));
    } else {
      add(Compare(*a[i++], *b[j++]));
    }
  }
  if (total != nullptr) *total = count;
  return differences;
}

}  // namespace crossmill::layer
