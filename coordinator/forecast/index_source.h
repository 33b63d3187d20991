// What a prediction asks package indexes: pages, metadata of files by PEP 658 or out of the files themselves.
// For one set of indexes and one prediction; nothing is asked twice.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/time/time.h"
#include "common/package_archive/package_texts.h"
#include "common/predict/resolver/project_source.h"
#include "coordinator/forecast/farm_indexes.h"

namespace crossmill::coordinator {

struct IndexView {
  // Only what the farm has kept.
  bool offline = false;
  // As --exclude-newer of a build: only files that were uploaded before; those of which nobody knows when are
  // too new.
  std::optional<absl::Time> exclude_newer;
  // The index as it was then, as far as it tells: files of which it does not say when they came stay.
  std::optional<absl::Time> as_of;
  // Core metadata of wheels that were compiled from sources of the index, by the source's SHA-256: what such
  // a source requires is known.
  std::map<std::string, std::string> compiled = {};
  std::stop_token stop;
};

// What fetching has cost, and may cost, over all indexes of a prediction. Used by one thread.
struct FetchBudget {
  int pages = 0;
  int files = 0;
  // Left, in bytes of metadata and archives. Without any left nothing more is looked into.
  int64_t bytes_left = int64_t{512} << 20;
  // Left, in files that pages list: what pages take in memory.
  int64_t listed_left = 1'500'000;
};

// Used by one thread. What it is given outlives it.
class IndexSource final : public predict::ProjectSource {
 public:
  // Pages of all `indexes` count, as with pip's --extra-index-url.
  IndexSource(FarmIndexes& farm, std::vector<std::shared_ptr<index::IndexPages>> indexes, IndexView view,
              FetchBudget& budget)
      : farm_(farm), indexes_(std::move(indexes)), view_(std::move(view)), budget_(budget) {}

  // UNAVAILABLE and whatever else an index answers but NOT_FOUND ends the resolution: what is not known is
  // not empty.
  // RESOURCE_EXHAUSTED: the pages so far list too many files.
  absl::StatusOr<const python::ProjectFiles*> Page(std::string_view project) override;
  absl::StatusOr<std::optional<std::string>> Metadata(const python::ProjectFiles& page,
                                                      const python::ListedFile& file) override;
  absl::StatusOr<std::optional<std::vector<std::string>>> BuildRequirements(
      const python::ProjectFiles& page, const python::ListedFile& file) override;
  // Of http and https addresses: wheels and sources that are fetched.
  absl::StatusOr<std::optional<predict::DirectPackage>> Direct(std::string_view location) override;

  size_t indexes() const { return indexes_.size(); }
  // Projects of which the index does not tell when any file was uploaded, where that was asked for.
  const std::set<std::string>& timeless() const { return timeless_; }

 private:
  absl::StatusOr<std::optional<python::IndexDocument>> Merged(const std::string& project);
  void Filter(python::IndexDocument& document, const std::string& project);
  // A bound, or a file that cannot be read, is nullopt.
  absl::StatusOr<std::optional<std::string>> FetchMetadata(const python::IndexFile& file);
  absl::StatusOr<std::optional<std::string>> WheelText(const python::IndexFile& file);
  absl::StatusOr<std::optional<package_archive::SourceTexts>> SourceOf(const python::IndexFile& file);
  // The whole file; nullopt: it is larger than what is fetched for a prediction.
  absl::StatusOr<std::optional<std::string>> Whole(const python::IndexFile& file);
  const index::IndexAddress& AddressOf(const std::string& url);

  FarmIndexes& farm_;
  const std::vector<std::shared_ptr<index::IndexPages>> indexes_;
  const IndexView view_;
  FetchBudget& budget_;
  std::map<std::string, std::unique_ptr<python::ProjectFiles>, std::less<>> pages_;
  // By URL of a file: the index that listed it, and what was found out of it.
  std::unordered_map<std::string, const index::IndexAddress*> addresses_;
  std::unordered_map<std::string, std::optional<std::string>> metadata_;
  std::unordered_map<std::string, std::optional<package_archive::SourceTexts>> sources_;
  std::set<std::string> timeless_;
  // For addresses that no index listed.
  const index::IndexAddress nowhere_;
};

}  // namespace crossmill::coordinator
