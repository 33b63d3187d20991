// The files of an index page as pip sees them: wheels and sources with their versions. Parsed once, asked for
// many environments.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/python/specifier.h"
#include "common/python/wheel_name.h"
#include "common/wheels/index_document.h"

namespace crossmill::python {

struct ListedFile {
  // In the document's files.
  size_t index = 0;
  Version version;
  // Not nullopt: a wheel; else a source.
  std::optional<WheelName> wheel;
  // nullopt: none, or one that cannot be read, which pip passes over.
  std::optional<SpecifierSet> requires_python;
};

class ProjectFiles {
 public:
  // Files that are neither, whose version is no version, or that belong to another project are left out, as
  // by pip.
  ProjectFiles(IndexDocument document, std::string_view project);

  const IndexDocument& document() const { return document_; }
  // Normalised.
  const std::string& project() const { return project_; }
  // In the order of the page.
  const std::vector<ListedFile>& files() const { return files_; }
  const IndexFile& Listed(const ListedFile& file) const { return document_.files[file.index]; }

 private:
  IndexDocument document_;
  std::string project_;
  std::vector<ListedFile> files_;
};

}  // namespace crossmill::python
