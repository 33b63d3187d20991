#include "cli/recipe/check_context.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

#include "common/base/files.h"
#include "common/base/status.h"

namespace crossmill::cli {
namespace {

// A private key or a token stands at the beginning.
constexpr size_t kHead = 16384;

struct CloseFolder {
  void operator()(DIR* folder) const { closedir(folder); }
};

class Surveyor {
 public:
  Surveyor(const pattern::IgnoreRules& ignore, check::ContextSurvey& survey)
      : ignore_(ignore), survey_(survey) {}

  // Takes the descriptor.
  void Walk(int descriptor, const std::string& path) {
    const std::unique_ptr<DIR, CloseFolder> folder(fdopendir(descriptor));
    if (folder == nullptr) {
      close(descriptor);
      return;
    }
    while (const dirent* entry = readdir(folder.get())) {
      const std::string_view name = entry->d_name;
      if (name == "." || name == "..") continue;
      const std::string below = path.empty() ? std::string(name) : fmt::format("{}/{}", path, name);
      const bool ignored = ignore_.Excluding(below).has_value();
      struct stat info;
      if (fstatat(dirfd(folder.get()), entry->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0) continue;
      if (S_ISDIR(info.st_mode)) {
        if (ignored && !ignore_.MayHaveExceptionBelow(below)) continue;
        const int next =
            openat(dirfd(folder.get()), entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (next >= 0) Walk(next, below);
      } else if (S_ISREG(info.st_mode) && !ignored) {
        survey_.Add(
            below, info.st_size,
            check::ContextSurvey::WantsContent(below) ? Head(dirfd(folder.get()), entry->d_name) : "");
      }
    }
  }

 private:
  static std::string Head(int folder, const char* name) {
    const UniqueFd file(openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    if (file.get() < 0) return "";
    std::string head(kHead, '\0');
    const ssize_t size = read(file.get(), head.data(), head.size());
    head.resize(size < 0 ? 0 : static_cast<size_t>(size));
    return head;
  }

  const pattern::IgnoreRules& ignore_;
  check::ContextSurvey& survey_;
};

}  // namespace

absl::StatusOr<check::ContextSurvey> SurveyContext(const std::string& folder,
                                                   const pattern::IgnoreRules& ignore) {
  const int descriptor = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0)
    return absl::NotFoundError(fmt::format("context folder {}: {}", folder, strerror(errno)));
  check::ContextSurvey survey;
  Surveyor(ignore, survey).Walk(descriptor, "");
  return survey;
}

}  // namespace crossmill::cli
