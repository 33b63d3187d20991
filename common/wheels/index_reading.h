// What the readers of both forms of index pages share. Used by index_document only.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "common/wheels/index_document.h"

namespace crossmill::python {

// Collects the files of a page, checked.
class IndexReading {
 public:
  IndexReading(std::string_view base_url, const IndexLimits& limits) : base_url_(base_url), limits_(limits) {}

  // Takes a file whose `url` is as the page has it; drops it if it is none. RESOURCE_EXHAUSTED at the limit.
  absl::Status Add(IndexFile file);
  void Drop(std::string_view what, std::string_view why);

  IndexDocument document;

 private:
  const std::string base_url_;
  const IndexLimits limits_;
};

// "sha256=abc" and the like, separated by '&'; what is no digest is passed over.
std::vector<FileHash> HashesOfFragment(std::string_view fragment);
// INVALID_ARGUMENT unless it is 1.x.
absl::Status CheckApiVersion(std::string_view version);

absl::StatusOr<IndexDocument> ReadIndexJson(std::string_view text, std::string_view page_url,
                                            const IndexLimits& limits);
absl::StatusOr<IndexDocument> ReadIndexHtml(std::string_view text, std::string_view page_url,
                                            const IndexLimits& limits);

}  // namespace crossmill::python
