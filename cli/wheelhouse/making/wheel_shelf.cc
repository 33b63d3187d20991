#include "cli/wheelhouse/making/wheel_shelf.h"

#include <algorithm>
#include <functional>

#include "cli/wheelhouse/index_pages.h"
#include "cli/wheelhouse/making/wheel_image.h"
#include "cli/wheelhouse/making/wheelhouse_folder.h"
#include "cli/wheelhouse/record_json.h"
#include "common/base/files.h"
#include "common/base/status.h"
#include "common/base/text.h"
#include "common/base/utf8.h"
#include "common/wheels/url.h"

namespace crossmill::cli {
namespace {

std::string AddressOf(const IndexedWheel& wheel) {
  return fmt::format("/{}/{}", wheel.folder, EncodePercent(wheel.file.name, "/"));
}

}  // namespace

absl::StatusOr<WheelShelf> WheelShelf::Read(const std::string& folder, std::vector<std::string>* notes) {
  const std::string record = fmt::format("{}/{}", folder, kRecordFile);
  if (!Exists(record))
    return absl::NotFoundError(fmt::format("{} is no wheelhouse: {} is not there", folder, record));
  ASSIGN_OR_RETURN(const std::string text, ReadFile(record, int64_t{64} << 20));
  const auto document = ReadWheelhouseJson(text);
  if (!document.ok()) return Annotate(document.status(), record);
  WheelShelf shelf;
  std::vector<IndexedWheel> all;
  std::map<std::string, std::string> digests;
  for (IndexedWheel wheel : ListedWheels(*document)) {
    const std::string path = fmt::format("{}/{}/{}", folder, wheel.folder, wheel.file.name);
    const auto file = ReadWheelFile(path, wheel.file.name);
    if (!file.ok() || file->sha256 != wheel.file.sha256) {
      notes->push_back(
          fmt::format("{} is not served: {}", Printable(path),
                      file.ok() ? "it is not the file of the record" : Sv(file.status().message())));
      continue;
    }
    const auto [known, first] = digests.emplace(wheel.file.name, file->sha256);
    if (!first && known->second != file->sha256) {
      notes->push_back(
          fmt::format("{} differs from the file of that name of another target: /simple/ has the first",
                      Printable(path)));
    }
    wheel.file = *file;
    shelf.files_[fmt::format("/{}/{}", wheel.folder, wheel.file.name)] = {path, file->sha256, file->size};
    if (std::find(shelf.targets_.begin(), shelf.targets_.end(), wheel.folder) == shelf.targets_.end())
      shelf.targets_.push_back(wheel.folder);
    all.push_back(std::move(wheel));
  }
  const auto add = [&](const std::string& prefix, const std::vector<IndexedWheel>& wheels) {
    auto html = ProjectPages(python::IndexForm::kHtml, wheels, AddressOf);
    auto json = ProjectPages(python::IndexForm::kJson, wheels, AddressOf);
    for (auto& [name, page] : html)
      shelf.pages_[fmt::format("{}{}/", prefix, name)] = {std::move(page), std::move(json[name])};
    shelf.pages_[prefix] = {RootPage(python::IndexForm::kHtml, wheels),
                            RootPage(python::IndexForm::kJson, wheels)};
  };
  add("/simple/", all);
  for (const std::string& target : shelf.targets_) {
    std::vector<IndexedWheel> wheels;
    std::copy_if(all.begin(), all.end(), std::back_inserter(wheels),
                 [&](const IndexedWheel& wheel) { return wheel.folder == target; });
    add(fmt::format("/{}/simple/", target), wheels);
  }
  return shelf;
}

const WheelShelf::Page* WheelShelf::FindPage(std::string_view path) const {
  const auto found = pages_.find(path);
  return found == pages_.end() ? nullptr : &found->second;
}

const WheelShelf::File* WheelShelf::FindFile(std::string_view path) const {
  const auto found = files_.find(DecodePercent(path));
  return found == files_.end() ? nullptr : &found->second;
}

std::string WheelShelf::Overview() const {
  std::string text =
      "<!DOCTYPE html>\n<html>\n<head><title>Wheelhouse</title></head>\n<body>\n<a "
      "href=\"/simple/\">all</a><br>\n";
  for (const std::string& target : targets_)
    text += fmt::format("<a href=\"/{0}/simple/\">{0}</a><br>\n", target);
  return text + "</body>\n</html>\n";
}

}  // namespace crossmill::cli
