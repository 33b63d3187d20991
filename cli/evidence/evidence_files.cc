#include "cli/evidence/evidence_files.h"

#include <algorithm>
#include <filesystem>
#include <set>
#include <system_error>
#include <utility>

#include "common/attest/strict_json.h"
#include "common/base/digest.h"
#include "common/base/files.h"
#include "common/base/status.h"
#include "common/base/utf8.h"
#include "common/words/platform.h"

namespace crossmill::cli {
namespace {

constexpr size_t kMostFiles = 10'000;
constexpr size_t kMostBytes = size_t{512} << 20;

bool IsFileName(const std::string& name) {
  return !name.empty() && name.size() <= 200 && name.front() != '.' && name != kEvidenceIndex &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
                  c == '-' || c == '_';
         });
}

absl::Status CheckNames(const std::vector<v1::EvidenceFile>& files) {
  std::set<std::string> names;
  for (const v1::EvidenceFile& file : files) {
    if (!IsFileName(file.name()) || !names.insert(file.name()).second) {
      return absl::InvalidArgumentError(
          fmt::format("the coordinator names a file '{}', which is not written", Printable(file.name())));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> FilesOf(const std::string& folder) {
  std::vector<std::string> paths;
  std::error_code error;
  for (std::filesystem::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    paths.push_back(at->path().string());
    if (paths.size() > kMostFiles)
      return absl::InvalidArgumentError(fmt::format("{} has more than {} files", folder, kMostFiles));
  }
  if (error) return absl::InvalidArgumentError(fmt::format("cannot read {}: {}", folder, error.message()));
  std::sort(paths.begin(), paths.end());
  return paths;
}

// Collects what is read within the bounds.
class Reader {
 public:
  explicit Reader(attest::WeighingInput* input) : input_(*input) {}

  absl::Status AddStatement(const std::string& path) {
    if (input_.files.size() >= kMostFiles)
      return absl::InvalidArgumentError(
          fmt::format("more than {} files cannot be weighed at a time", kMostFiles));
    ASSIGN_OR_RETURN(std::string bytes, Bytes(path, attest::kMostDocumentBytes));
    input_.files.push_back({path, std::move(bytes)});
    return absl::OkStatus();
  }

  absl::Status AddFolder(const std::string& folder) {
    ASSIGN_OR_RETURN(const std::vector<std::string> paths, FilesOf(folder));
    const size_t before = input_.files.size();
    for (const std::string& path : paths) {
      const std::filesystem::path name = std::filesystem::path(path).filename();
      if (name.extension() == ".pem") {
        RETURN_IF_ERROR(AddKeyBeside(path));
      } else if (name.extension() == ".json" && name != kEvidenceIndex) {
        RETURN_IF_ERROR(AddStatement(path));
      }
    }
    if (input_.files.size() > before) return absl::OkStatus();
    return absl::InvalidArgumentError(fmt::format("{} has no statements (*.json)", folder));
  }

 private:
  absl::StatusOr<std::string> Bytes(const std::string& path, size_t limit) {
    auto bytes = ReadFile(path, static_cast<int64_t>(limit));
    if (absl::IsResourceExhausted(bytes.status()))
      return absl::InvalidArgumentError(fmt::format("{} is longer than {} bytes", path, limit));
    if (!bytes.ok()) return absl::InvalidArgumentError(std::string(Sv(bytes.status().message())));
    bytes_ += bytes->size();
    if (bytes_ > kMostBytes)
      return absl::InvalidArgumentError(
          fmt::format("more than {} MiB cannot be weighed at a time", kMostBytes >> 20));
    return bytes;
  }

  absl::Status AddKeyBeside(const std::string& path) {
    ASSIGN_OR_RETURN(const std::string pem, Bytes(path, keys::kMostPemBytes));
    auto key = keys::PublicKey::FromPem(pem);
    // A key that cannot be read signs nothing: what is signed with it has an unknown key.
    if (key.ok()) input_.keys.push_back({path, *std::move(key), false});
    return absl::OkStatus();
  }

  attest::WeighingInput& input_;
  size_t bytes_ = 0;
};

}  // namespace

Json EvidenceIndexJson(int64_t build, const std::vector<v1::EvidenceFile>& files) {
  Json json;
  json["build"] = build;
  json["files"] = Json::array();
  for (const v1::EvidenceFile& file : files) {
    Json row;
    row["name"] = file.name();
    row["kind"] = file.kind();
    row["sha256"] = Sha256Hex(file.content());
    row["platform"] = file.has_platform() ? Json(FormatPlatform(file.platform())) : Json(nullptr);
    row["subject"] = TextOrNull(file.subject());
    row["key_id"] = TextOrNull(file.key_id());
    row["key_holder"] = TextOrNull(file.key_holder());
    row["about"] = TextOrNull(file.about());
    json["files"].push_back(std::move(row));
  }
  return json;
}

absl::Status WriteEvidence(const std::string& folder, int64_t build,
                           const std::vector<v1::EvidenceFile>& files) {
  RETURN_IF_ERROR(CheckNames(files));
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) return absl::InvalidArgumentError(fmt::format("cannot make {}: {}", folder, error.message()));
  ASSIGN_OR_RETURN(const std::vector<std::string> there, FilesOf(folder));
  if (!there.empty()) {
    return absl::InvalidArgumentError(
        fmt::format("{} is not empty; give a folder that is, or a new one: evidence of several builds in one "
                    "folder would be weighed together",
                    folder));
  }
  const std::filesystem::path base(folder);
  for (const v1::EvidenceFile& file : files)
    RETURN_IF_ERROR(WriteFileAtomic((base / file.name()).string(), file.content()));
  return WriteFileAtomic((base / kEvidenceIndex).string(),
                         WriteJsonPretty(EvidenceIndexJson(build, files)) + "\n");
}

absl::Status ReadEvidence(const std::vector<std::string>& paths, attest::WeighingInput* input) {
  Reader reader(input);
  for (const std::string& path : paths) {
    std::error_code error;
    const bool folder = std::filesystem::is_directory(path, error);
    RETURN_IF_ERROR(folder ? reader.AddFolder(path) : reader.AddStatement(path));
  }
  return absl::OkStatus();
}

absl::StatusOr<attest::GivenKey> ReadTrustedKey(const std::string& path) {
  const auto pem = ReadFile(path, static_cast<int64_t>(keys::kMostPemBytes));
  if (!pem.ok()) return absl::InvalidArgumentError(fmt::format("--key: {}", Sv(pem.status().message())));
  auto key = keys::PublicKey::FromPem(*pem);
  if (!key.ok())
    return absl::InvalidArgumentError(fmt::format("--key {}: {}", path, Sv(key.status().message())));
  return attest::GivenKey{path, *std::move(key), true};
}

}  // namespace crossmill::cli
