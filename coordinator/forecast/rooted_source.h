// Packages as one command of a step finds them: those of indexes, those of --find-links folders in the image,
// and what is in the image or the context itself.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/predict/image/root_files.h"
#include "common/predict/resolver/project_source.h"

namespace crossmill::coordinator {

// Used by one thread. What it is given outlives it.
class RootedSource final : public predict::ProjectSource {
 public:
  // `indexes` may be null: --no-index. `folder` is where the command runs; empty if that is not known.
  RootedSource(predict::ProjectSource* indexes, predict::RootFiles& root, std::string folder)
      : indexes_(indexes), root_(root), folder_(std::move(folder)) {}

  // A folder of --find-links, as given. INVALID_ARGUMENT: it is no folder of the image.
  absl::Status AddLinks(std::string_view place);

  absl::StatusOr<const python::ProjectFiles*> Page(std::string_view project) override;
  absl::StatusOr<std::optional<std::string>> Metadata(const python::ProjectFiles& page,
                                                      const python::ListedFile& file) override;
  absl::StatusOr<std::optional<std::vector<std::string>>> BuildRequirements(
      const python::ProjectFiles& page, const python::ListedFile& file) override;
  absl::StatusOr<std::optional<predict::DirectPackage>> Direct(std::string_view location) override;

 private:
  // What a file of the image says of itself; nullopt: it is too large or no package.
  std::optional<predict::DirectPackage> LocalFile(const std::string& path) const;
  std::optional<predict::DirectPackage> LocalFolder(const std::string& path) const;
  // Absolute; empty if it is no place in the image.
  std::string PathOf(std::string_view location) const;

  predict::ProjectSource* const indexes_;
  predict::RootFiles& root_;
  const std::string folder_;
  // Of all --find-links: paths.
  std::vector<std::string> links_;
  std::map<std::string, std::unique_ptr<python::ProjectFiles>, std::less<>> pages_;
};

}  // namespace crossmill::coordinator
