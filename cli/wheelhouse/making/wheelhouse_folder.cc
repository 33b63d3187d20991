#include "cli/wheelhouse/making/wheelhouse_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <filesystem>
#include <map>
#include <set>

#include "cli/wheelhouse/index_pages.h"
#include "cli/wheelhouse/lock_file.h"
#include "cli/wheelhouse/making/wheel_image.h"
#include "cli/wheelhouse/matrix.h"
#include "common/base/status.h"
#include "common/base/utf8.h"

namespace crossmill::cli {
namespace {

constexpr std::string_view kLockName = "requirements.lock";

// The names in a folder, sorted.
absl::StatusOr<std::set<std::string>> NamesIn(const std::string& folder) {
  std::set<std::string> names;
  std::error_code error;
  std::filesystem::directory_iterator entry(folder, error);
  for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error))
    names.insert(entry->path().filename().string());
  if (error) return absl::UnavailableError(fmt::format("read {}: {}", folder, error.message()));
  return names;
}

absl::Status Rename(const std::string& from, const std::string& to) {
  if (rename(from.c_str(), to.c_str()) == 0) return absl::OkStatus();
  return ErrnoStatus(errno, fmt::format("rename {} to {}", from, to));
}

absl::Status WriteDocument(const std::string& path, const Json& document) {
  return Annotate(WriteFileAtomic(path, WriteJsonPretty(document) + "\n"), path);
}

}  // namespace

absl::StatusOr<WheelhouseFolder> WheelhouseFolder::Open(const std::string& path) {
  RETURN_IF_ERROR(MakeFolders(path));
  ASSIGN_OR_RETURN(UniqueFd lock, OpenFile(path, O_RDONLY | O_DIRECTORY));
  if (flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    return absl::UnavailableError(fmt::format("another crossmill wheels is writing {}", path));
  }
  const std::string record = fmt::format("{}/{}", path, kRecordFile);
  Json before;
  if (Exists(record)) {
    ASSIGN_OR_RETURN(const std::string text, ReadFile(record, int64_t{64} << 20));
    auto document = ReadWheelhouseJson(text);
    if (!document.ok()) {
      return absl::FailedPreconditionError(
          fmt::format("{}: {}; give another folder with -o", record, Sv(document.status().message())));
    }
    before = *std::move(document);
  }
  ASSIGN_OR_RETURN(TemporaryFolder scratch, TemporaryFolder::Create(path));
  return WheelhouseFolder(path, std::move(lock), std::move(scratch), std::move(before));
}

absl::StatusOr<std::vector<std::string>> WheelhouseFolder::Write(const std::vector<TargetRecord>& records,
                                                                 const AskedFor& asked) {
  std::vector<std::string> notes;
  for (const TargetRecord& record : records) RETURN_IF_ERROR(WriteTarget(record, &notes));
  RETURN_IF_ERROR(WriteDocument(path_ + "/build-order.json", BuildOrderJson(records)));
  RETURN_IF_ERROR(WriteDocument(path_ + "/matrix.json", MatrixJson(records)));
  RETURN_IF_ERROR(
      WriteDocument(fmt::format("{}/{}", path_, kRecordFile), WheelhouseJson(records, asked, before_)));
  return notes;
}

absl::Status WheelhouseFolder::WriteTarget(const TargetRecord& record, std::vector<std::string>* notes) {
  const std::string folder = fmt::format("{}/{}", path_, record.target.Folder());
  const std::string lock = fmt::format("{}/{}", folder, kLockName);
  if (record.status == TargetRecord::Status::kUnsolved) {
    // The lock of an earlier run answers another question, and nobody would see that.
    if (unlink(lock.c_str()) == 0)
      notes->push_back(fmt::format("{} is removed: these requirements have no resolution", lock));
    return absl::OkStatus();
  }
  RETURN_IF_ERROR(MakeFolders(folder));
  for (const PackageRecord& package : record.packages) {
    if (!package.done()) continue;
    for (const WheelFile& file : package.files)
      RETURN_IF_ERROR(Rename(fmt::format("{}/{}", package.files_folder, file.name),
                             fmt::format("{}/{}", folder, file.name)));
  }
  RETURN_IF_ERROR(WritePages(record));
  RETURN_IF_ERROR(Annotate(WriteFileAtomic(lock, LockFile(record)), lock));
  return Tidy(record, notes);
}

absl::Status WheelhouseFolder::WritePages(const TargetRecord& record) {
  const std::string folder = fmt::format("{}/{}/simple", path_, record.target.Folder());
  const std::vector<IndexedWheel> wheels = WheelsOf(record);
  const auto pages = ProjectPages(python::IndexForm::kHtml, wheels,
                                  [](const IndexedWheel& wheel) { return "../../" + wheel.file.name; });
  RETURN_IF_ERROR(MakeFolders(folder));
  for (const auto& [project, page] : pages) {
    RETURN_IF_ERROR(MakeFolders(fmt::format("{}/{}", folder, project)));
    RETURN_IF_ERROR(WriteFileAtomic(fmt::format("{}/{}/index.html", folder, project), page));
  }
  RETURN_IF_ERROR(WriteFileAtomic(folder + "/index.html", RootPage(python::IndexForm::kHtml, wheels)));
  // Pages of an earlier run; a folder that has anything else stays.
  ASSIGN_OR_RETURN(const std::set<std::string> names, NamesIn(folder));
  for (const std::string& name : names) {
    if (pages.contains(name) || name == "index.html") continue;
    unlink(fmt::format("{}/{}/index.html", folder, name).c_str());
    rmdir(fmt::format("{}/{}", folder, name).c_str());
  }
  return absl::OkStatus();
}

absl::Status WheelhouseFolder::Tidy(const TargetRecord& record, std::vector<std::string>* notes) {
  const std::string folder = fmt::format("{}/{}", path_, record.target.Folder());
  std::set<std::string> mine;
  for (const IndexedWheel& wheel : WheelsOf(record)) mine.insert(wheel.file.name);
  std::map<std::string, std::string> former;
  for (const IndexedWheel& wheel : ListedWheels(before_)) {
    if (wheel.folder == record.target.Folder()) former[wheel.file.name] = wheel.file.sha256;
  }
  ASSIGN_OR_RETURN(const std::set<std::string> names, NamesIn(folder));
  for (const std::string& name : names) {
    if (!name.ends_with(".whl") || mine.contains(name)) continue;
    const std::string path = fmt::format("{}/{}", folder, name);
    const auto listed = former.find(name);
    const bool ours = listed != former.end() && record.status == TargetRecord::Status::kComplete;
    const auto file = ours ? ReadWheelFile(path, name) : absl::StatusOr<WheelFile>(absl::NotFoundError(""));
    if (file.ok() && file->sha256 == listed->second && unlink(path.c_str()) == 0) {
      notes->push_back(fmt::format("{} is removed: it is no longer part", Printable(path)));
    } else {
      notes->push_back(
          fmt::format("{} is left where it is: it is not part of this wheelhouse", Printable(path)));
    }
  }
  return absl::OkStatus();
}

}  // namespace crossmill::cli
