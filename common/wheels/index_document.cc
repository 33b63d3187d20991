// What is the same for both forms of index pages: limits, versions, the check of each file.
#include "common/wheels/index_document.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "common/base/status.h"
#include "common/base/text.h"
#include "common/base/utf8.h"
#include "common/wheels/index_reading.h"
#include "common/wheels/url.h"

namespace crossmill::python {
namespace {

// Dropped things are for people: more than these are only counted by their absence.
constexpr size_t kMostDropped = 100;

constexpr std::array<std::string_view, 6> kHashes = {"sha256", "sha512", "sha384", "sha224", "sha1", "md5"};

bool IsFileName(std::string_view name) {
  return !name.empty() && name.size() <= 1000 && name != "." && name != ".." &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return static_cast<unsigned char>(c) >= 0x20 && c != 0x7f && c != '/' && c != '\\';
         });
}

}  // namespace

std::string Sha256Of(const IndexFile& file) {
  for (const FileHash& hash : file.hashes) {
    if (hash.algorithm == "sha256" && hash.digest.size() == 64) return hash.digest;
  }
  return "";
}

absl::StatusOr<IndexForm> IndexFormOf(std::string_view content_type) {
  const std::string type = absl::AsciiStrToLower(Av(Trim(content_type.substr(0, content_type.find(';')))));
  if (type == "application/vnd.pypi.simple.v1+json") return IndexForm::kJson;
  if (type == "application/vnd.pypi.simple.v1+html" || type == "text/html" ||
      type == "application/xhtml+xml") {
    return IndexForm::kHtml;
  }
  if (type.starts_with("application/vnd.pypi.simple.")) {
    return absl::InvalidArgumentError(
        fmt::format("the index answers with '{}'; only version 1 is understood", Printable(type)));
  }
  return absl::InvalidArgumentError(
      fmt::format("'{}' is not the type of an index page", Printable(content_type.substr(0, 200))));
}

absl::StatusOr<IndexDocument> ReadIndex(IndexForm form, std::string_view text, std::string_view page_url,
                                        const IndexLimits& limits) {
  if (text.size() > limits.bytes) {
    return absl::ResourceExhaustedError(
        fmt::format("the index page has {} bytes; at most {} are read", text.size(), limits.bytes));
  }
  return form == IndexForm::kJson ? ReadIndexJson(text, page_url, limits)
                                  : ReadIndexHtml(text, page_url, limits);
}

std::string_view ContentTypeOf(IndexForm form) {
  return form == IndexForm::kJson ? "application/vnd.pypi.simple.v1+json" : "text/html; charset=utf-8";
}

absl::Status CheckApiVersion(std::string_view version) {
  const size_t dot = version.find('.');
  int major = 0;
  int minor = 0;
  if (dot == version.npos || !absl::SimpleAtoi(Av(version.substr(0, dot)), &major) ||
      !absl::SimpleAtoi(Av(version.substr(dot + 1)), &minor)) {
    return absl::InvalidArgumentError(
        fmt::format("'{}' is not a version of the index API", Printable(version.substr(0, 100))));
  }
  if (major != 1) {
    return absl::InvalidArgumentError(
        fmt::format("the index page has version {} of the API; only 1.x is understood", version));
  }
  return absl::OkStatus();
}

std::vector<FileHash> HashesOfFragment(std::string_view fragment) {
  std::vector<FileHash> hashes;
  for (const absl::string_view part : absl::StrSplit(Av(fragment), '&')) {
    const std::pair<absl::string_view, absl::string_view> pair =
        absl::StrSplit(part, absl::MaxSplits('=', 1));
    if (std::find(kHashes.begin(), kHashes.end(), Sv(pair.first)) == kHashes.end() || pair.second.empty())
      continue;
    hashes.push_back({std::string(pair.first), absl::AsciiStrToLower(Av(DecodePercent(Sv(pair.second))))});
  }
  return hashes;
}

absl::Status IndexReading::Add(IndexFile file) {
  if (document.files.size() >= limits_.files) {
    return absl::ResourceExhaustedError(fmt::format(
        "the index page lists more than {} files, which are the most that are read", limits_.files));
  }
  if (!IsFileName(file.file_name)) {
    Drop(file.url, "its name is not the name of a file");
    return absl::OkStatus();
  }
  UrlParts parts = SplitUrl(ResolveUrl(base_url_, Trim(file.url)));
  // The page's own list of hashes comes first.
  for (FileHash& hash : HashesOfFragment(parts.fragment)) {
    const bool known = std::any_of(file.hashes.begin(), file.hashes.end(),
                                   [&](const FileHash& one) { return one.algorithm == hash.algorithm; });
    if (!known) file.hashes.push_back(std::move(hash));
  }
  parts.has_fragment = false;
  file.url = JoinUrl(parts);
  if (!IsHttpUrl(file.url)) {
    Drop(file.file_name, "its address is neither http nor https");
    return absl::OkStatus();
  }
  if (!file.upload_time.empty()) {
    absl::Time time;
    if (absl::ParseTime(absl::RFC3339_full, file.upload_time, &time, nullptr)) file.uploaded = time;
  }
  if (file.requires_python.has_value() && Trim(*file.requires_python).empty()) file.requires_python.reset();
  document.files.push_back(std::move(file));
  return absl::OkStatus();
}

void IndexReading::Drop(std::string_view what, std::string_view why) {
  if (document.dropped.size() >= kMostDropped) return;
  document.dropped.push_back({Printable(what.substr(0, 300)), std::string(why)});
}

}  // namespace crossmill::python
