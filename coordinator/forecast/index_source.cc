#include "coordinator/forecast/index_source.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "common/base/status.h"
#include "common/predict/locks/project_file.h"
#include "common/python/sdist_name.h"
#include "common/python/wheel_name.h"
#include "common/wheels/url.h"
#include "coordinator/forecast/remote_archive.h"

namespace crossmill::coordinator {
namespace {

// Of a file that is fetched whole, in bytes: it is in memory for a moment.
constexpr int64_t kMostWhole = int64_t{64} << 20;
// Wheels up to here are fetched whole, for the build will want them; of larger ones only the end is.
constexpr uint64_t kSmallWheel = uint64_t{2} << 20;

// What an answer of "not this way" is, and no failure of the index.
bool IsNoAnswer(const absl::Status& status) {
  return absl::IsInvalidArgument(status) || absl::IsNotFound(status) || absl::IsResourceExhausted(status) ||
         absl::IsUnimplemented(status);
}

class TextSink final : public index::FileSink {
 public:
  absl::Status Begin(std::optional<int64_t> size) override {
    return size.value_or(0) > kMostWhole ? TooLarge() : absl::OkStatus();
  }
  absl::Status Write(std::string_view bytes) override {
    if (static_cast<int64_t>(text.size() + bytes.size()) > kMostWhole) return TooLarge();
    text += bytes;
    return absl::OkStatus();
  }

  std::string text;

 private:
  static absl::Status TooLarge() {
    return absl::ResourceExhaustedError(fmt::format("a file of more than {} bytes", kMostWhole));
  }
};

// A wheel's metadata as that of the source it was compiled from: nothing in it is dynamic any more.
std::string AsStatic(std::string_view metadata) {
  std::string text = "Metadata-Version: 2.2\n";
  bool header = true;
  for (const absl::string_view line : absl::StrSplit(Av(metadata), '\n')) {
    header = header && !line.empty() && line != "\r";
    const bool own =
        absl::StartsWithIgnoreCase(line, "metadata-version:") || absl::StartsWithIgnoreCase(line, "dynamic:");
    if (!header || !own) text += fmt::format("{}\n", Sv(line));
  }
  return text;
}

}  // namespace

absl::StatusOr<std::optional<python::IndexDocument>> IndexSource::Merged(const std::string& project) {
  std::optional<python::IndexDocument> merged;
  for (const std::shared_ptr<index::IndexPages>& index : indexes_) {
    const auto page = index->Get({project, view_.offline, view_.stop}, nullptr);
    if (absl::IsNotFound(page.status())) continue;
    if (!page.ok()) return page.status();
    ++budget_.pages;
    budget_.listed_left -= static_cast<int64_t>((*page)->files.size());
    if (budget_.listed_left < 0)
      return absl::ResourceExhaustedError("the pages of the index list too many files for one prediction");
    for (const python::IndexFile& file : (*page)->files) addresses_.try_emplace(file.url, &index->address());
    if (!merged.has_value()) {
      merged = **page;
    } else {
      merged->files.insert(merged->files.end(), (*page)->files.begin(), (*page)->files.end());
    }
  }
  return merged;
}

void IndexSource::Filter(python::IndexDocument& document, const std::string& project) {
  std::vector<python::IndexFile>& files = document.files;
  if (view_.exclude_newer.has_value()) {
    std::erase_if(files, [&](const python::IndexFile& file) {
      return !file.uploaded.has_value() || *file.uploaded >= *view_.exclude_newer;
    });
  }
  if (!view_.as_of.has_value()) return;
  const bool tells = std::any_of(files.begin(), files.end(),
                                 [](const python::IndexFile& file) { return file.uploaded.has_value(); });
  if (!tells && !files.empty()) timeless_.insert(project);
  std::erase_if(files, [&](const python::IndexFile& file) {
    return file.uploaded.has_value() && *file.uploaded >= *view_.as_of;
  });
}

absl::StatusOr<const python::ProjectFiles*> IndexSource::Page(std::string_view project) {
  if (const auto known = pages_.find(project); known != pages_.end()) return known->second.get();
  if (view_.stop.stop_requested()) return absl::CancelledError("cancelled");
  const std::string name(project);
  ASSIGN_OR_RETURN(std::optional<python::IndexDocument> document, Merged(name));
  std::unique_ptr<python::ProjectFiles>& page = pages_[name];
  if (!document.has_value()) return nullptr;
  Filter(*document, name);
  page = std::make_unique<python::ProjectFiles>(*std::move(document), name);
  return page.get();
}

const index::IndexAddress& IndexSource::AddressOf(const std::string& url) {
  const auto found = addresses_.find(url);
  return found == addresses_.end() ? nowhere_ : *found->second;
}

absl::StatusOr<std::optional<std::string>> IndexSource::Whole(const python::IndexFile& file) {
  using Found = std::optional<std::string>;
  if (file.size.value_or(0) > static_cast<uint64_t>(kMostWhole) || budget_.bytes_left <= 0) return Found();
  TextSink sink;
  index::FileQuestion question;
  question.address = &AddressOf(file.url);
  question.file = &file;
  question.offline = view_.offline;
  question.stop = view_.stop;
  const absl::Status status = farm_.files().Get(question, sink, nullptr);
  ++budget_.files;
  budget_.bytes_left -= static_cast<int64_t>(sink.text.size());
  if (IsNoAnswer(status)) return Found();
  RETURN_IF_ERROR(status);
  return Found(std::move(sink.text));
}

absl::StatusOr<std::optional<std::string>> IndexSource::WheelText(const python::IndexFile& file) {
  using Found = std::optional<std::string>;
  absl::StatusOr<std::string> text = absl::UnimplementedError("not asked");
  if (file.size.value_or(kSmallWheel) >= kSmallWheel && !view_.offline && budget_.bytes_left > 0) {
    auto archive = RemoteArchive::Open(farm_.client(), AddressOf(file.url), file.url, view_.stop);
    if (archive.ok()) {
      text = package_archive::WheelMetadata(
          [&](int64_t offset, int64_t size) { return archive->Read(offset, size); }, archive->size());
      ++budget_.files;
      budget_.bytes_left -= archive->fetched();
    } else {
      text = archive.status();
    }
  }
  if (absl::IsUnimplemented(text.status())) {
    ASSIGN_OR_RETURN(const std::optional<std::string> bytes, Whole(file));
    if (!bytes.has_value()) return Found();
    text = package_archive::WheelMetadata(package_archive::ReadAtOf(*bytes),
                                          static_cast<int64_t>(bytes->size()));
  }
  if (IsNoAnswer(text.status())) return Found();
  RETURN_IF_ERROR(text.status());
  return Found(*std::move(text));
}

absl::StatusOr<std::optional<package_archive::SourceTexts>> IndexSource::SourceOf(
    const python::IndexFile& file) {
  using Found = std::optional<package_archive::SourceTexts>;
  if (const auto known = sources_.find(file.url); known != sources_.end()) return known->second;
  ASSIGN_OR_RETURN(const std::optional<std::string> bytes, Whole(file));
  Found& found = sources_[file.url];
  if (!bytes.has_value()) return found;
  auto texts = file.file_name.ends_with(".zip")
                   ? package_archive::ReadSourceZip(package_archive::ReadAtOf(*bytes),
                                                    static_cast<int64_t>(bytes->size()))
                   : package_archive::ReadSourceTar(layer::SourceOf(*bytes));
  if (texts.ok()) found = *std::move(texts);
  return found;
}

absl::StatusOr<std::optional<std::string>> IndexSource::FetchMetadata(const python::IndexFile& file) {
  using Found = std::optional<std::string>;
  if (view_.stop.stop_requested()) return absl::CancelledError("cancelled");
  if (file.core_metadata.has_value() && budget_.bytes_left > 0) {
    index::FileQuestion question;
    question.address = &AddressOf(file.url);
    question.file = &file;
    question.offline = view_.offline;
    question.stop = view_.stop;
    auto text = farm_.files().Metadata(question, nullptr);
    if (text.ok()) {
      ++budget_.files;
      budget_.bytes_left -= static_cast<int64_t>(text->size());
      return Found(*std::move(text));
    }
    // Advertised and not there: the file itself says it, too.
    if (!absl::IsNotFound(text.status())) return text.status();
  }
  if (file.file_name.ends_with(".whl")) return WheelText(file);
  ASSIGN_OR_RETURN(const auto texts, SourceOf(file));
  return texts.has_value() ? texts->pkg_info : Found();
}

absl::StatusOr<std::optional<std::string>> IndexSource::Metadata(const python::ProjectFiles& page,
                                                                 const python::ListedFile& file) {
  const python::IndexFile& listed = page.Listed(file);
  if (const auto known = metadata_.find(listed.url); known != metadata_.end()) return known->second;
  for (const python::FileHash& hash : listed.hashes) {
    const auto found = view_.compiled.find(hash.digest);
    if (found != view_.compiled.end()) return metadata_[listed.url] = AsStatic(found->second);
  }
  ASSIGN_OR_RETURN(std::optional<std::string> text, FetchMetadata(listed));
  return metadata_[listed.url] = std::move(text);
}

absl::StatusOr<std::optional<std::vector<std::string>>> IndexSource::BuildRequirements(
    const python::ProjectFiles& page, const python::ListedFile& file) {
  using Found = std::optional<std::vector<std::string>>;
  ASSIGN_OR_RETURN(const auto texts, SourceOf(page.Listed(file)));
  if (!texts.has_value()) return Found();
  auto requirements = predict::BuildSystemRequirements(texts->pyproject.value_or(""));
  return requirements.ok() ? Found(*std::move(requirements)) : Found();
}

absl::StatusOr<std::optional<predict::DirectPackage>> IndexSource::Direct(std::string_view location) {
  using Found = std::optional<predict::DirectPackage>;
  const std::string url(location.substr(0, location.find('#')));
  if (!python::IsHttpUrl(url)) return Found();
  python::IndexFile file;
  file.url = url;
  file.file_name = python::UrlFileName(url);
  const bool wheel = python::WheelName::Parse(file.file_name).ok();
  if (!wheel && !python::SdistName::Parse(file.file_name).ok()) return Found();
  if (const auto known = metadata_.find(url); known == metadata_.end()) {
    ASSIGN_OR_RETURN(metadata_[url], FetchMetadata(file));
  }
  return Found({metadata_[url].value_or(""), wheel});
}

}  // namespace crossmill::coordinator
