// Index pages in JSON (PEP 691).
#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/ascii.h"
#include "common/base/json.h"
#include "common/base/status.h"
#include "common/base/utf8.h"
#include "common/wheels/index_reading.h"

namespace crossmill::python {
namespace {

// Values for each file that may be listed, unknown ones included: far more than any index has.
constexpr size_t kMostValues = 40;

// Where in a page the parser is: objects inside the page, the list of files and its entries.
bool IsKnownKey(int depth, const Json& key) {
  static constexpr std::array<std::string_view, 5> kOfPage = {"meta", "name", "versions", "files",
                                                              "project-status"};
  static constexpr std::array<std::string_view, 9> kOfFile = {
      "filename",    "url",    "hashes",        "requires-python",   "size",
      "upload-time", "yanked", "core-metadata", "dist-info-metadata"};
  const auto& name = key.get_ref<const std::string&>();
  if (depth == 1) return std::find(kOfPage.begin(), kOfPage.end(), name) != kOfPage.end();
  // The members of "meta" and "project-status" are at depth 2, those of a file at 3, its hashes at 4.
  return depth != 3 || name == "provenance" ||
         std::find(kOfFile.begin(), kOfFile.end(), name) != kOfFile.end();
}

// The page without what is not known: a page full of it takes no memory.
absl::StatusOr<Json> ReadPage(std::string_view text, const IndexLimits& limits) {
  size_t values = 0;
  const size_t most = limits.files * kMostValues + 1000;
  const auto keep = [&](int depth, Json::parse_event_t event, Json& parsed) {
    if (event == Json::parse_event_t::key) return IsKnownKey(depth, parsed);
    if (event == Json::parse_event_t::object_end || event == Json::parse_event_t::array_end) return true;
    return depth <= 4 && ++values <= most;
  };
  try {
    Json page = Json::parse(text, keep);
    if (values > most) {
      return absl::ResourceExhaustedError(fmt::format("the index page has more than {} values", most));
    }
    return page;
  } catch (const Json::exception& error) {
    return absl::InvalidArgumentError(fmt::format("the index page is not JSON: {}",
                                                  Printable(std::string_view(error.what()).substr(0, 300))));
  }
}

// The member; null if there is none or it is JSON's null.
const Json* Member(const Json& object, const char* name) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(name);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

std::vector<FileHash> ReadHashes(const Json* hashes) {
  std::vector<FileHash> read;
  if (hashes == nullptr || !hashes->is_object()) return read;
  for (const auto& [algorithm, digest] : hashes->items()) {
    if (!digest.is_string()) continue;
    read.push_back({absl::AsciiStrToLower(algorithm), absl::AsciiStrToLower(digest.get<std::string>())});
  }
  return read;
}

void ReadYanked(const Json& entry, IndexFile& file) {
  const Json* yanked = Member(entry, "yanked");
  if (yanked == nullptr) return;
  if (yanked->is_boolean() && yanked->get<bool>()) file.yanked = "";
  // An empty reason is no reason to call it yanked: pip takes it for false.
  if (yanked->is_string() && !yanked->get<std::string>().empty()) file.yanked = yanked->get<std::string>();
}

void ReadMetadata(const Json& entry, IndexFile& file) {
  // PEP 714: the second name is the one before a bug in pip made it unusable.
  const Json* metadata = Member(entry, "core-metadata");
  if (metadata == nullptr) metadata = Member(entry, "dist-info-metadata");
  if (metadata == nullptr) return;
  if (metadata->is_object() || (metadata->is_boolean() && metadata->get<bool>())) {
    file.core_metadata = ReadHashes(metadata);
  }
}

absl::Status ReadFileEntry(const Json& entry, IndexReading& reading) {
  IndexFile file;
  file.file_name = TextMember(entry, "filename");
  file.url = TextMember(entry, "url");
  if (file.file_name.empty() || file.url.empty()) {
    reading.Drop(file.file_name + file.url, "it has no filename or no url");
    return absl::OkStatus();
  }
  file.hashes = ReadHashes(Member(entry, "hashes"));
  if (const std::string requires_python = TextMember(entry, "requires-python"); !requires_python.empty()) {
    file.requires_python = requires_python;
  }
  if (const Json* size = Member(entry, "size"); size != nullptr && size->is_number_unsigned()) {
    file.size = size->get<uint64_t>();
  }
  file.upload_time = TextMember(entry, "upload-time");
  file.provenance = TextMember(entry, "provenance");
  ReadYanked(entry, file);
  ReadMetadata(entry, file);
  return reading.Add(std::move(file));
}

}  // namespace

absl::StatusOr<IndexDocument> ReadIndexJson(std::string_view text, std::string_view page_url,
                                            const IndexLimits& limits) {
  ASSIGN_OR_RETURN(const Json page, ReadPage(text, limits));
  if (!page.is_object()) return absl::InvalidArgumentError("the index page is not a JSON object");
  IndexReading reading(page_url, limits);
  IndexDocument& document = reading.document;
  if (const Json* meta = Member(page, "meta")) {
    if (const Json* version = Member(*meta, "api-version")) {
      if (!version->is_string())
        return absl::InvalidArgumentError("meta.api-version of the index page is not a text");
      document.api_version = version->get<std::string>();
    }
  }
  RETURN_IF_ERROR(CheckApiVersion(document.api_version));
  document.name = TextMember(page, "name");
  if (const Json* versions = Member(page, "versions"); versions != nullptr && versions->is_array()) {
    for (const Json& version : *versions) {
      if (version.is_string()) document.versions.push_back(version.get<std::string>());
    }
  }
  if (const Json* status = Member(page, "project-status")) {
    document.status = status->is_string() ? status->get<std::string>() : TextMember(*status, "status");
    document.status_reason = TextMember(*status, "reason");
  }
  const Json* files = Member(page, "files");
  if (files == nullptr || !files->is_array()) {
    return absl::InvalidArgumentError("the index page has no list of files: it is not the page of a project");
  }
  if (files->size() > limits.files) {
    return absl::ResourceExhaustedError(
        fmt::format("the index page lists {} files; at most {} are read", files->size(), limits.files));
  }
  for (const Json& entry : *files) RETURN_IF_ERROR(ReadFileEntry(entry, reading));
  return std::move(document);
}

}  // namespace crossmill::python
