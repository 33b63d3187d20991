#include "common/layer/manifest_diff.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <optional>
#include <string>

#include "absl/time/time.h"
#include "common/base/digest.h"
#include "common/base/status.h"

namespace crossmill::layer {
namespace {

using Kind = v1::PathDifference;

// An entry, and where its content and extended attributes are: for a hard link at its target.
struct Row {
  const ManifestEntry* entry;
  const ManifestEntry* content;
};

// Sorted by what people see: a whiteout sorts under the path it removes, not under its ".wh." name.
std::vector<Row> Sorted(const LayerManifest& manifest) {
  std::vector<Row> rows;
  rows.reserve(manifest.entries.size());
  std::map<std::string_view, const ManifestEntry*> files;
  for (const ManifestEntry& entry : manifest.entries) {
    const bool link = entry.entry.type == EntryType::kHardLink;
    const auto target = link ? files.find(entry.entry.link) : files.end();
    rows.push_back({&entry, target == files.end() ? &entry : target->second});
    if (!link && !entry.whiteout) files.emplace(entry.entry.path, &entry);
  }
  std::stable_sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) {
    return ComparePaths(a.entry->entry.path, b.entry->entry.path) < 0;
  });
  return rows;
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
std::string CompareMetadata(const Row& first, const Row& second) {
  const TarEntry& a = first.entry->entry;
  const TarEntry& b = second.entry->entry;
  std::string detail;
  if (TypeName(*first.entry) != TypeName(*second.entry)) {
    // Between different types nothing else is comparable.
    return fmt::format("type {} != {}", TypeName(*first.entry), TypeName(*second.entry));
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
  CompareXattrs(first.content->entry, second.content->entry, &detail);
  return detail;
}

void SetDigest(const ManifestEntry& entry, build::bazel::remote::execution::v2::Digest* digest) {
  ToProto(Digest{entry.sha256, entry.entry.size}, digest);
}

std::string FormatTime(int64_t seconds) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", absl::FromUnixSeconds(seconds), absl::UTCTimeZone());
}

// nullopt: equal.
std::optional<v1::PathDifference> Compare(const Row& first, const Row& second) {
  const ManifestEntry& a = *first.content;
  const ManifestEntry& b = *second.content;
  v1::PathDifference difference;
  difference.set_detail(CompareMetadata(first, second));
  const bool both_files = !a.sha256.empty() && !b.sha256.empty();
  if (both_files && (a.sha256 != b.sha256 || a.entry.size != b.entry.size)) {
    difference.set_kind(Kind::KIND_CONTENT);
    SetDigest(a, difference.mutable_first());
    SetDigest(b, difference.mutable_second());
  } else if (!difference.detail().empty()) {
    difference.set_kind(Kind::KIND_METADATA);
  } else if (first.entry->entry.mtime != second.entry->entry.mtime) {
    difference.set_kind(Kind::KIND_TIME);
    difference.set_detail(fmt::format("mtime {} != {}", FormatTime(first.entry->entry.mtime),
                                      FormatTime(second.entry->entry.mtime)));
  } else {
    return std::nullopt;
  }
  difference.set_path(first.entry->entry.path);
  return difference;
}

v1::PathDifference OnlyIn(const Row& row, v1::PathDifference::Kind kind) {
  v1::PathDifference difference;
  difference.set_path(row.entry->entry.path);
  difference.set_kind(kind);
  difference.set_detail(std::string(TypeName(*row.entry)));
  if (!row.content->sha256.empty()) {
    SetDigest(*row.content,
              kind == Kind::KIND_ONLY_FIRST ? difference.mutable_first() : difference.mutable_second());
  }
  return difference;
}

}  // namespace

std::vector<v1::PathDifference> DiffManifests(const LayerManifest& first, const LayerManifest& second,
                                              size_t limit, uint32_t* total) {
  const std::vector<Row> a = Sorted(first);
  const std::vector<Row> b = Sorted(second);
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
                                      : ComparePaths(a[i].entry->entry.path, b[j].entry->entry.path);
    if (order < 0) {
      add(OnlyIn(a[i++], Kind::KIND_ONLY_FIRST));
    } else if (order > 0) {
      add(OnlyIn(b[j++], Kind::KIND_ONLY_SECOND));
    } else {
      add(Compare(a[i++], b[j++]));
    }
  }
  if (total != nullptr) *total = count;
  return differences;
}

bool ChangesMeaning(const v1::PathDifference& difference) {
  switch (difference.kind()) {
    case Kind::KIND_TIME:
    case Kind::KIND_CONTENT:
      return false;
    case Kind::KIND_METADATA:
      return difference.detail().find("type") != std::string::npos ||
             difference.detail().find("link") != std::string::npos;
    default:
      return true;
  }
}

std::vector<v1::PathDifference> DiffManifests(const LayerManifest& first,
                                              absl::Span<const LayerManifest> others, size_t limit,
                                              uint32_t* total) {
  if (others.size() == 1) return DiffManifests(first, others[0], limit, total);
  std::vector<v1::PathDifference> all;
  for (const LayerManifest& other : others) {
    std::vector<v1::PathDifference> differences = DiffManifests(first, other, SIZE_MAX, nullptr);
    std::move(differences.begin(), differences.end(), std::back_inserter(all));
  }
  std::stable_sort(all.begin(), all.end(), [](const v1::PathDifference& a, const v1::PathDifference& b) {
    const int order = ComparePaths(a.path(), b.path());
    return order != 0 ? order < 0 : ChangesMeaning(a) && !ChangesMeaning(b);
  });
  all.erase(
      std::unique(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.path() == b.path(); }),
      all.end());
  if (total != nullptr) *total = static_cast<uint32_t>(all.size());
  if (all.size() > limit) all.resize(limit);
  return all;
}

}  // namespace crossmill::layer
