#include "common/compare/file_comparison.h"

#include <algorithm>
#include <string>

#include "common/base/digest.h"
#include "common/base/paths.h"
#include "common/base/status.h"
#include "common/compare/formats/formats.h"

namespace crossmill::compare {
namespace {

constexpr size_t kPiece = size_t{1} << 20;

// Compares one file. Used once.
class FileComparer {
 public:
  FileComparer(const CompareLimits& limits, const std::stop_token& stop, v1::FileDifference* file,
               DifferingParts* parts)
      : differences_(limits, stop, file, parts), file_(file), parts_(parts) {}

  absl::Status Compare(std::string_view path, Content& first, Content& second) {
    if (std::max(first.size(), second.size()) > differences_.limits().member_bytes) {
      return CompareLarge(first, second);
    }
    RETURN_IF_ERROR(differences_.Spend(first.size() + second.size()));
    ASSIGN_OR_RETURN(const std::string ours, first.Read(0, static_cast<size_t>(first.size())));
    ASSIGN_OR_RETURN(const std::string theirs, second.Read(0, static_cast<size_t>(second.size())));
    return ComparePart(path, ours, theirs);
  }

 private:
  // Where the first difference is, and that is all: its format would have to be in memory.
  absl::Status CompareLarge(Content& first, Content& second) {
    SetFormat("binary");
    differences_.SetIncomplete();
    const int64_t common = std::min(first.size(), second.size());
    for (int64_t offset = 0; offset < common; offset += kPiece) {
      if (differences_.full()) return absl::OkStatus();
      ASSIGN_OR_RETURN(const std::string ours, first.Read(offset, kPiece));
      ASSIGN_OR_RETURN(const std::string theirs, second.Read(offset, kPiece));
      const auto [a, b] = std::mismatch(ours.begin(), ours.end(), theirs.begin(), theirs.end());
      if (a == ours.end() && b == theirs.end()) continue;
      const size_t at = static_cast<size_t>(a - ours.begin());
      const size_t begin = at - std::min<size_t>(at, 16);
      differences_.Add(fmt::format("byte {}", offset + static_cast<int64_t>(at)),
                       std::string_view(ours).substr(begin), std::string_view(theirs).substr(begin),
                       offset + static_cast<int64_t>(begin), offset + static_cast<int64_t>(begin));
      return absl::OkStatus();
    }
    if (first.size() != second.size()) {
      differences_.Add("size", fmt::format("{} bytes", first.size()), fmt::format("{} bytes", second.size()));
    }
    return absl::OkStatus();
  }

  absl::Status ComparePart(std::string_view name, std::string_view first, std::string_view second) {
    if (first == second || differences_.full()) return absl::OkStatus();
    if (parts_ != nullptr && differences_.depth() > 0 && !name.empty()) {
      parts_->digests.insert({DigestOf(first).hash, DigestOf(second).hash});
      if (first.size() != second.size()) parts_->sizes.emplace(first.size(), second.size());
      parts_->names.emplace(LastName(name));
    }
    if (differences_.depth() < differences_.limits().depth) {
      const absl::Status status = CompareFormat(name, first, second);
      // It is not what it begins like, or too large to be unpacked: its bytes are compared.
      if (!absl::IsInvalidArgument(status) && !absl::IsResourceExhausted(status)) return status;
      if (absl::IsResourceExhausted(status)) differences_.SetIncomplete();
    } else {
      differences_.SetIncomplete();
    }
    if (IsText(first) && IsText(second)) {
      SetFormat("text");
      CompareText(first, second, &differences_);
    } else {
      SetFormat("binary");
      CompareBytes(first, second, &differences_);
    }
    return absl::OkStatus();
  }

  // INVALID_ARGUMENT: it has none that is known.
  absl::Status CompareFormat(std::string_view name, std::string_view first, std::string_view second) {
    const auto part = [this](std::string_view inner, std::string_view ours, std::string_view theirs) {
      return ComparePart(inner, ours, theirs);
    };
    if (const std::string_view compression = CompressionOf(first);
        !compression.empty() && compression == CompressionOf(second)) {
      SetFormat(compression);
      return CompareCompressed(compression, first, second, part, &differences_);
    }
    if (const std::string_view archive = ArchiveOf(first); !archive.empty() && archive == ArchiveOf(second)) {
      SetFormat(archive);
      return CompareArchives(archive, first, second, part, &differences_);
    }
    if (IsPyc(name, first) && IsPyc(name, second)) {
      SetFormat("pyc");
      ComparePyc(first, second, &differences_);
      return absl::OkStatus();
    }
    if (IsGcov(first) && IsGcov(second)) {
      SetFormat("GCOV");
      CompareGcov(first, second, &differences_);
      return absl::OkStatus();
    }
    if (IsElf(first) && IsElf(second)) {
      SetFormat("ELF");
      return CompareElf(first, second, &differences_);
    }
    if (IsPem(first) && IsPem(second)) {
      SetFormat("PEM");
      return ComparePem(first, second, &differences_);
    }
    if (IsPng(first) && IsPng(second)) {
      SetFormat("PNG");
      return ComparePng(first, second, &differences_);
    }
    return CompareRarerFormat(first, second);
  }

  absl::Status CompareRarerFormat(std::string_view first, std::string_view second) {
    if (IsSqlite(first) && IsSqlite(second)) {
      SetFormat("SQLite");
      return CompareSqlite(first, second, &differences_);
    }
    if (IsGettext(first) && IsGettext(second)) {
      SetFormat("gettext");
      return CompareGettext(first, second, &differences_);
    }
    if (IsJavaClass(first) && IsJavaClass(second)) {
      SetFormat("Java class");
      return CompareJavaClasses(first, second, &differences_);
    }
    if (IsPe(first) && IsPe(second)) {
      SetFormat("PE");
      return ComparePe(first, second, &differences_);
    }
    return absl::InvalidArgumentError("no format");
  }

  // Of the file itself, not of a part; a format that turned out to be none is overwritten.
  void SetFormat(std::string_view format) {
    if (differences_.depth() == 0) file_->set_format(std::string(format));
  }

  Differences differences_;
  v1::FileDifference* file_;
  DifferingParts* parts_;
};

}  // namespace

absl::StatusOr<v1::FileDifference> CompareContents(std::string_view path, Content& first, Content& second,
                                                   const CompareLimits& limits, const std::stop_token& stop,
                                                   DifferingParts* parts) {
  v1::FileDifference file;
  file.set_path(std::string(path));
  RETURN_IF_ERROR(FileComparer(limits, stop, &file, parts).Compare(path, first, second));
  if (stop.stop_requested()) return absl::CancelledError("comparing was stopped");
  return file;
}

}  // namespace crossmill::compare
