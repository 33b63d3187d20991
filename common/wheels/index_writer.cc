// Index pages written in both forms.
#include <algorithm>
#include <array>
#include <utility>

#include "common/base/json.h"
#include "common/base/status.h"
#include "common/base/utf8.h"
#include "common/wheels/html_tags.h"
#include "common/wheels/index_document.h"

namespace crossmill::python {
namespace {

std::string Address(const IndexFile& file, const IndexWriting& writing) {
  return writing.rewrite ? writing.rewrite(file) : file.url;
}

Json HashesAsJson(const std::vector<FileHash>& hashes) {
  Json object = Json::object();
  for (const FileHash& hash : hashes) object[hash.algorithm] = hash.digest;
  return object;
}

Json FileAsJson(const IndexFile& file, const IndexWriting& writing) {
  Json entry = {
      {"filename", file.file_name}, {"url", Address(file, writing)}, {"hashes", HashesAsJson(file.hashes)}};
  if (file.requires_python.has_value()) entry["requires-python"] = *file.requires_python;
  if (file.size.has_value()) entry["size"] = *file.size;
  if (!file.upload_time.empty()) entry["upload-time"] = file.upload_time;
  if (file.yanked.has_value()) {
    entry["yanked"] = file.yanked->empty() ? Json(true) : Json(*file.yanked);
  } else {
    entry["yanked"] = false;
  }
  if (file.core_metadata.has_value() && writing.metadata) {
    const Json metadata = file.core_metadata->empty() ? Json(true) : HashesAsJson(*file.core_metadata);
    // Both names, as PEP 714 asks of servers.
    entry["core-metadata"] = metadata;
    entry["dist-info-metadata"] = metadata;
  }
  if (!file.provenance.empty()) entry["provenance"] = file.provenance;
  return entry;
}

std::string WriteIndexJson(const IndexDocument& document, const IndexWriting& writing) {
  const bool whole =
      !document.versions.empty() && std::all_of(document.files.begin(), document.files.end(),
                                                [](const IndexFile& file) { return file.size.has_value(); });
  Json page = {{"meta",
                {{"api-version", !whole                    ? "1.0"
                                 : document.status.empty() ? "1.1"
                                                           : "1.4"}}},
               {"name", document.name}};
  if (!document.status.empty()) {
    page["project-status"] = {{"status", document.status}};
    if (!document.status_reason.empty()) page["project-status"]["reason"] = document.status_reason;
  }
  if (!document.versions.empty()) page["versions"] = document.versions;
  page["files"] = Json::array();
  for (const IndexFile& file : document.files) page["files"].push_back(FileAsJson(file, writing));
  return WriteJson(page);
}

std::string AttributeText(std::string_view name, std::string_view value) {
  return fmt::format(" {}=\"{}\"", name, EncodeHtml(ValidUtf8(value)));
}

// HTML has room for one digest: the first of the best algorithm.
const FileHash* BestHash(const std::vector<FileHash>& hashes) {
  static constexpr std::array<std::string_view, 4> kOrder = {"sha256", "sha512", "sha384", ""};
  for (const std::string_view wanted : kOrder) {
    for (const FileHash& hash : hashes) {
      if (hash.algorithm == wanted || wanted.empty()) return &hash;
    }
  }
  return nullptr;
}

std::string HashText(const FileHash& hash) { return hash.algorithm + "=" + hash.digest; }

std::string FileAsHtml(const IndexFile& file, const IndexWriting& writing) {
  std::string address = Address(file, writing);
  if (const FileHash* hash = BestHash(file.hashes)) address += "#" + HashText(*hash);
  std::string line = "    <a" + AttributeText("href", address);
  if (file.requires_python.has_value()) line += AttributeText("data-requires-python", *file.requires_python);
  if (file.yanked.has_value()) line += AttributeText("data-yanked", *file.yanked);
  if (file.core_metadata.has_value() && writing.metadata) {
    const FileHash* hash = BestHash(*file.core_metadata);
    const std::string value = hash == nullptr ? "true" : HashText(*hash);
    line += AttributeText("data-core-metadata", value) + AttributeText("data-dist-info-metadata", value);
  }
  if (!file.provenance.empty()) line += AttributeText("data-provenance", file.provenance);
  return line + ">" + EncodeHtml(ValidUtf8(file.file_name)) + "</a><br/>\n";
}

std::string MetaText(std::string_view name, std::string_view content) {
  return "    <meta" + AttributeText("name", name) + AttributeText("content", content) + ">\n";
}

std::string WriteIndexHtml(const IndexDocument& document, const IndexWriting& writing) {
  const std::string title = "Links for " + EncodeHtml(ValidUtf8(document.name));
  std::string page = "<!DOCTYPE html>\n<html>\n  <head>\n";
  page += MetaText("pypi:repository-version", document.status.empty() ? "1.0" : "1.4");
  if (!document.status.empty()) page += MetaText("pypi:project-status", document.status);
  if (!document.status_reason.empty()) page += MetaText("pypi:project-status-reason", document.status_reason);
  page += fmt::format("    <title>{}</title>\n  </head>\n  <body>\n    <h1>{}</h1>\n", title, title);
  for (const IndexFile& file : document.files) page += FileAsHtml(file, writing);
  return page + "  </body>\n</html>\n";
}

}  // namespace

std::string WriteIndex(IndexForm form, const IndexDocument& document, const IndexWriting& writing) {
  return form == IndexForm::kJson ? WriteIndexJson(document, writing) : WriteIndexHtml(document, writing);
}

}  // namespace crossmill::python
