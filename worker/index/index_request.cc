#include "worker/index/index_request.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>

#include "absl/strings/ascii.h"
#include "absl/strings/str_split.h"
#include "common/base/status.h"
#include "common/base/text.h"
#include "common/python/package_name.h"
#include "common/wheels/url.h"

namespace crossmill::worker {
namespace {

constexpr std::string_view kMetadata = ".metadata";

// A file's name is one that an index may give: no folder, nothing that a shell or a file system takes for
// more.
bool IsFileName(std::string_view name) {
  return !name.empty() && name.size() <= 255 && name.front() != '.' &&
         std::all_of(name.begin(), name.end(), [](char c) {
           const auto byte = static_cast<unsigned char>(c);
           return byte > 0x20 && byte < 0x7f && c != '/' && c != '\\';
         });
}

std::string Prefix(size_t index) { return index == 0 ? "" : fmt::format("/extra/{}", index); }

// What one entry of an Accept header says: its quality for a media type; negative if it says nothing.
double QualityFor(std::string_view entry, std::string_view type) {
  const std::vector<absl::string_view> parts = absl::StrSplit(Av(entry), ';');
  const std::string name = absl::AsciiStrToLower(absl::StripAsciiWhitespace(parts[0]));
  const std::string family = std::string(type.substr(0, type.find('/'))) + "/*";
  if (name != type && name != family && name != "*/*") return -1;
  for (size_t i = 1; i < parts.size(); ++i) {
    const std::string parameter = absl::AsciiStrToLower(absl::StripAsciiWhitespace(parts[i]));
    if (parameter.starts_with("q=")) return std::clamp(std::strtod(parameter.c_str() + 2, nullptr), 0.0, 1.0);
  }
  return 1;
}

double QualityOf(std::string_view accept, std::initializer_list<std::string_view> types) {
  double best = 0;
  for (const absl::string_view entry : absl::StrSplit(Av(accept), ',')) {
    for (const std::string_view type : types) best = std::max(best, QualityFor(Sv(entry), type));
  }
  return best;
}

std::optional<int64_t> Number(std::string_view text) {
  int64_t value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || parsed.ec != std::errc() || parsed.ptr != text.data() + text.size() || value < 0) {
    return std::nullopt;
  }
  return value;
}

}  // namespace

absl::StatusOr<IndexRequest> ParseIndexTarget(std::string_view target) {
  const auto unknown = [&] {
    return absl::NotFoundError(fmt::format(
        "'{}' is not served: only /simple/PROJECT/ and what its page names", target.substr(0, 200)));
  };
  target = target.substr(0, target.find_first_of("?#"));
  IndexRequest request;
  if (constexpr std::string_view kExtra = "/extra/"; target.starts_with(kExtra)) {
    const size_t end = std::min(target.find('/', kExtra.size()), target.size());
    const std::optional<int64_t> index = Number(target.substr(kExtra.size(), end - kExtra.size()));
    if (!index.has_value() || *index == 0) return unknown();
    request.index = static_cast<size_t>(*index);
    target.remove_prefix(end);
  }
  const std::vector<absl::string_view> parts = absl::StrSplit(Av(target), '/');
  if (parts.size() < 3 || !parts[0].empty()) return unknown();
  const std::string project = DecodePercent(Sv(parts[2]));
  if (!python::IsName(project)) return unknown();
  request.project = python::NormaliseName(project);
  if (parts[1] == "simple") {
    if (parts.size() > 4 || (parts.size() == 4 && !parts[3].empty())) return unknown();
    return request;
  }
  if (parts[1] != "files" || parts.size() != 4) return unknown();
  std::string file = DecodePercent(Sv(parts[3]));
  if (!IsFileName(file)) return unknown();
  request.wish = IndexWish::kFile;
  if (file.ends_with(kMetadata)) {
    request.wish = IndexWish::kMetadata;
    file.resize(file.size() - kMetadata.size());
  }
  request.file_name = std::move(file);
  return request;
}

std::string PageTarget(size_t index, std::string_view project) {
  return fmt::format("{}/simple/{}/", Prefix(index), project);
}

std::string FileTarget(size_t index, std::string_view project, std::string_view file_name) {
  return fmt::format("{}/files/{}/{}", Prefix(index), project, EncodePercent(file_name, "/"));
}

std::optional<python::IndexForm> ChooseForm(std::string_view accept) {
  // Without a wish the form that every client reads.
  if (accept.empty()) return python::IndexForm::kHtml;
  const double json =
      QualityOf(accept, {"application/vnd.pypi.simple.v1+json", "application/vnd.pypi.simple.latest+json"});
  const double html = QualityOf(accept, {"application/vnd.pypi.simple.v1+html",
                                         "application/vnd.pypi.simple.latest+html", "text/html"});
  if (json <= 0 && html <= 0) return std::nullopt;
  return json > html ? python::IndexForm::kJson : python::IndexForm::kHtml;
}

absl::StatusOr<std::optional<std::pair<int64_t, int64_t>>> ParseRange(std::string_view range, int64_t size) {
  constexpr std::string_view kUnit = "bytes=";
  using Range = std::optional<std::pair<int64_t, int64_t>>;
  if (!range.starts_with(kUnit) || range.find(',') != std::string_view::npos) return Range();
  range.remove_prefix(kUnit.size());
  const size_t dash = range.find('-');
  if (dash == std::string_view::npos) return Range();
  const std::optional<int64_t> first = Number(range.substr(0, dash)), last = Number(range.substr(dash + 1));
  if (dash == 0 && last.has_value()) {
    if (*last == 0 || size == 0) return absl::OutOfRangeError("the range is empty");
    return Range({std::max<int64_t>(size - *last, 0), size});
  }
  if (!first.has_value() || (!last.has_value() && dash + 1 != range.size()) || (last && *last < *first))
    return Range();
  if (*first >= size)
    return absl::OutOfRangeError(fmt::format("the range begins after the {} bytes of the file", size));
  return Range({*first, last.has_value() ? std::min(*last, size - 1) + 1 : size});
}

}  // namespace crossmill::worker
