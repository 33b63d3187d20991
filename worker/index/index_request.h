// A request to the index proxy, read from HTTP's parts. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/wheels/index_document.h"

namespace crossmill::worker {

// As HTTP has it. Header values are empty where there is none.
struct HttpQuestion {
  std::string method;
  // Path and query as sent.
  std::string target;
  std::string accept;
  std::string range;
  std::string if_none_match;
};

enum class IndexWish { kPage, kFile, kMetadata };

struct IndexRequest {
  IndexWish wish = IndexWish::kPage;
  // Of which index: 0 is the main one.
  size_t index = 0;
  // Normalised (PEP 503).
  std::string project;
  // Of kFile and kMetadata.
  std::string file_name;
};

// "/simple/PROJECT/", "/files/PROJECT/FILE[.metadata]", both for further indexes after "/extra/N".
// NOT_FOUND: it is none of these.
absl::StatusOr<IndexRequest> ParseIndexTarget(std::string_view target);
std::string FileTarget(size_t index, std::string_view project, std::string_view file_name);
std::string PageTarget(size_t index, std::string_view project);

// The form that an Accept header likes best (PEP 691); nullopt: neither (406).
std::optional<python::IndexForm> ChooseForm(std::string_view accept);

// One range of a file of `size` bytes ("bytes=A-B", "bytes=A-", "bytes=-N"): first byte and the one after the
// last. nullopt: there is none, or several, and the whole is sent. OUT_OF_RANGE: not within the file (416).
absl::StatusOr<std::optional<std::pair<int64_t, int64_t>>> ParseRange(std::string_view range, int64_t size);

}  // namespace crossmill::worker
