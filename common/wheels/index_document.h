// The page of one project on a package index: read from JSON (PEP 691, 700, 714, 740, 792) or HTML (PEP 503,
// 592, 629, 658), written in both forms for a proxy. What an index says beyond that (PEP 708 and whatever
// comes) is ignored.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/python/file_hash.h"

namespace crossmill::python {

struct IndexFile {
  std::string file_name;
  // http or https, absolute, without a fragment.
  std::string url;
  std::vector<FileHash> hashes;
  // As given, not checked; nullopt for none or an empty one.
  std::optional<std::string> requires_python;
  std::optional<uint64_t> size;
  // As given, and read (RFC 3339); empty and nullopt where the page does not say it, nullopt if it cannot be
  // read.
  std::string upload_time;
  std::optional<absl::Time> uploaded;
  // The reason, which may be empty.
  std::optional<std::string> yanked;
  // Not nullopt: the file's metadata is at `url` + ".metadata"; hashes if the page has them.
  std::optional<std::vector<FileHash>> core_metadata;
  // The address of its attestations, or empty.
  std::string provenance;
};

// Its SHA-256 in hex; empty: the page names none.
std::string Sha256Of(const IndexFile& file);

struct IndexDocument {
  // Something that the page lists and that is not among `files`, and why.
  struct Dropped {
    std::string what;
    std::string why;
  };

  std::string api_version = "1.0";
  // As the page says it; empty if it does not.
  std::string name;
  // In the order of the page.
  std::vector<IndexFile> files;
  // Texts, also of versions without files; only JSON has them.
  std::vector<std::string> versions;
  // "active", "archived", "quarantined", "deprecated"; empty if the page does not say it.
  std::string status;
  std::string status_reason;
  std::vector<Dropped> dropped;
};

enum class IndexForm { kJson, kHtml };

struct IndexLimits {
  size_t bytes = size_t{32} << 20;
  size_t files = 100'000;
};

// The form that a Content-Type names. INVALID_ARGUMENT for others, and for a version of the API after the
// first.
absl::StatusOr<IndexForm> IndexFormOf(std::string_view content_type);

// `page_url` is where the page came from, at the end of redirects: relative addresses begin there.
// INVALID_ARGUMENT if the text is no such page or its API's version is not 1.x; RESOURCE_EXHAUSTED if it is
// larger than the limits. Single files that are wrong (no name, an address that is neither http nor https)
// are dropped.
absl::StatusOr<IndexDocument> ReadIndex(IndexForm form, std::string_view text, std::string_view page_url,
                                        const IndexLimits& limits = {});

struct IndexWriting {
  // The address under which the file is served; as it is if there is no function.
  std::function<std::string(const IndexFile&)> rewrite;
  // Whether the writer's server also has the files' metadata: what is advertised has to be there.
  bool metadata = false;
};

// The same document gives the same bytes. JSON says as much as is known (version 1.0 of the API if it lacks
// sizes or versions), HTML what it has room for.
std::string WriteIndex(IndexForm form, const IndexDocument& document, const IndexWriting& writing = {});
std::string_view ContentTypeOf(IndexForm form);

}  // namespace crossmill::python
