// Index pages in HTML (PEP 503).
#include <utility>

#include "absl/strings/ascii.h"
#include "common/base/status.h"
#include "common/base/text.h"
#include "common/python/sdist_name.h"
#include "common/wheels/html_tags.h"
#include "common/wheels/index_reading.h"
#include "common/wheels/url.h"

namespace crossmill::python {
namespace {

void ReadMeta(const HtmlTag& tag, IndexDocument& document) {
  const std::string* name = tag.Attribute("name");
  const std::string* content = tag.Attribute("content");
  if (name == nullptr || content == nullptr) return;
  if (*name == "pypi:repository-version") document.api_version = *content;
  if (*name == "pypi:project-status") document.status = *content;
  if (*name == "pypi:project-status-reason") document.status_reason = *content;
}

std::optional<std::vector<FileHash>> ReadAdvertised(const HtmlTag& anchor) {
  const std::string* metadata = anchor.Attribute("data-core-metadata");
  if (metadata == nullptr) metadata = anchor.Attribute("data-dist-info-metadata");
  if (metadata == nullptr || metadata->empty() || *metadata == "false") return std::nullopt;
  return HashesOfFragment(*metadata);
}

absl::Status ReadAnchor(const HtmlTag& anchor, IndexReading& reading) {
  const std::string* href = anchor.Attribute("href");
  if (href == nullptr || Trim(*href).empty()) return absl::OkStatus();
  IndexFile file;
  file.url = std::string(Trim(*href));
  file.file_name = UrlFileName(file.url);
  // Pages have other links too.
  if (!file.file_name.ends_with(".whl") && !IsSourceArchive(file.file_name)) {
    reading.Drop(file.url, "it is neither a wheel nor an archive of sources");
    return absl::OkStatus();
  }
  if (const std::string* requires_python = anchor.Attribute("data-requires-python")) {
    file.requires_python = *requires_python;
  }
  if (const std::string* yanked = anchor.Attribute("data-yanked")) file.yanked = *yanked;
  file.core_metadata = ReadAdvertised(anchor);
  if (const std::string* provenance = anchor.Attribute("data-provenance")) file.provenance = *provenance;
  return reading.Add(std::move(file));
}

}  // namespace

absl::StatusOr<IndexDocument> ReadIndexHtml(std::string_view text, std::string_view page_url,
                                            const IndexLimits& limits) {
  IndexDocument head;
  std::string base(page_url);
  bool has_base = false;
  bool has_tags = false;
  std::vector<HtmlTag> anchors;
  HtmlTags tags(text);
  while (auto tag = tags.Next()) {
    has_tags = true;
    if (tag->name == "meta") ReadMeta(*tag, head);
    if (tag->name == "base" && !has_base) {
      if (const std::string* href = tag->Attribute("href")) {
        base = ResolveUrl(page_url, Trim(*href));
        has_base = true;
      }
    }
    if (tag->name != "a") continue;
    // Twice as many: links that are no files do not count.
    if (anchors.size() / 2 >= limits.files) {
      return absl::ResourceExhaustedError(
          fmt::format("the index page has more links than twice the {} files that are read", limits.files));
    }
    anchors.push_back(*std::move(tag));
  }
  if (!has_tags) return absl::InvalidArgumentError("the index page has no HTML");
  RETURN_IF_ERROR(CheckApiVersion(head.api_version));
  IndexReading reading(base, limits);
  reading.document = std::move(head);
  for (const HtmlTag& anchor : anchors) RETURN_IF_ERROR(ReadAnchor(anchor, reading));
  return std::move(reading.document);
}

}  // namespace crossmill::python
