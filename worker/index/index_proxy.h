// The package index that a step sees: pages and files of the operator's indexes, rewritten so that every
// fetch comes by here, checked, kept on the farm, and on record.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/index/index_files.h"
#include "common/index/index_pages.h"
#include "worker/index/index_request.h"
#include "worker/network/step_service.h"

namespace crossmill::worker {

// One request of a step, for the record.
struct IndexFetch {
  IndexWish wish = IndexWish::kPage;
  std::string project;
  // Empty for a page; of metadata with its ".metadata".
  std::string file_name;
  // Outside, as people may see it.
  std::string url;
  // As the step saw it.
  int status = 0;
  // Of the page, file or metadata; of what came if it broke.
  int64_t bytes = 0;
  std::string sha256;
  // Nothing was asked outside.
  bool from_farm = false;
  // Of a wheel that the farm compiled: the build and the execution that did; else 0.
  int64_t compiled_in_build = 0;
  int64_t compiled_by_execution = 0;
  // Empty: the step got what it asked for.
  std::string failure;
  absl::Time started;
  absl::Duration took;
};

// The way back to whoever asked. An error means that they have gone.
class IndexReply {
 public:
  virtual ~IndexReply() = default;
  // Once. `reason` is a line of text that clients show; `length` nullopt: not known before.
  virtual absl::Status Begin(int status, std::string_view reason,
                             const std::vector<std::pair<std::string, std::string>>& headers,
                             std::optional<int64_t> length) = 0;
  virtual absl::Status Write(std::string_view bytes) = 0;
  // The answer ends here although more was announced.
  virtual void Break() = 0;
};

// Thread safe. What it uses must outlive it.
class IndexProxy {
 public:
  // The first is the main index. None: every request is refused with the reason.
  IndexProxy(std::vector<index::IndexPages*> indexes, index::IndexFiles& files)
      : indexes_(std::move(indexes)), files_(files) {}

  // Further indexes than the main one.
  size_t extra_indexes() const { return indexes_.empty() ? 0 : indexes_.size() - 1; }

  // Answers on the calling thread. Returns what goes on record; nullopt for a request that is none of the
  // index's.
  std::optional<IndexFetch> Answer(const HttpQuestion& question, const IndexPolicy& policy,
                                   const std::stop_token& stop, IndexReply& reply);

 private:
  class Call;

  const std::vector<index::IndexPages*> indexes_;
  index::IndexFiles& files_;
};

// The page as a step gets it: without files that are too new, its addresses leading back here.
std::string RewritePage(const python::IndexDocument& document, python::IndexForm form, size_t index,
                        std::string_view project, const IndexPolicy& policy);

}  // namespace crossmill::worker
