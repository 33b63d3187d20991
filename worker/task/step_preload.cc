#include "worker/task/step_preload.h"

#include <fcntl.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "common/base/status.h"
#include "worker/preload/settings.h"
#include "worker/tree/root_path.h"

namespace crossmill::worker {
namespace {

constexpr std::string_view kList = "/etc/ld.so.preload";
// In the runtime's own file system, not in the root: nothing that stays on one file system (find -xdev) meets
// it.
constexpr std::string_view kFolder = "/dev";
constexpr int64_t kLargestLoader = 8 << 20;
constexpr int64_t kLargestList = 64 << 10;

std::string_view LoaderOf(std::string_view architecture) {
  if (architecture == "amd64") return "/lib64/ld-linux-x86-64.so.2";
  if (architecture == "arm64") return "/lib/ld-linux-aarch64.so.1";
  return {};
}

// Whether programs of this root are linked with glibc and nothing else. Its loader is what reads the list, so
// it has the list's name in it; the loaders that other systems have at the same place do not.
bool ReadsTheList(int root, std::string_view architecture) {
  const std::string_view loader = LoaderOf(architecture);
  if (loader.empty()) return false;
  constexpr std::array others = {"/lib/ld-musl-x86_64.so.1", "/lib/ld-musl-aarch64.so.1",
                                 "/lib/ld-linux.so.2",       "/lib/ld-linux.so.3",
                                 "/lib/ld-linux-armhf.so.3", "/libx32/ld-linux-x32.so.2"};
  if (std::any_of(others.begin(), others.end(), [&](const char* other) { return IsInRoot(root, other); })) {
    return false;
  }
  const auto bytes = ReadFileInRoot(root, loader, kLargestLoader);
  return bytes.ok() && bytes->find(kList) != std::string::npos;
}

// The root's own list, empty if it has none; nullopt if it has one that is not understood.
std::optional<std::string> OwnList(int root) {
  auto list = ReadFileInRoot(root, kList, kLargestList);
  if (absl::IsNotFound(list.status())) return "";
  if (!list.ok()) return std::nullopt;
  return *std::move(list);
}

// Whether a mount at `target` covers `path`.
bool Hides(std::string_view target, std::string_view path) {
  while (target.ends_with('/')) target.remove_suffix(1);
  return path == target || (path.starts_with(target) && path[target.size()] == '/');
}

// `word`, and not as a part of another one.
bool HasWord(std::string_view text, std::string_view word) {
  const auto is_part = [&](size_t at) {
    return at < text.size() && (absl::ascii_isalnum(static_cast<unsigned char>(text[at])) || text[at] == '_');
  };
  for (size_t at = text.find(word); at != std::string_view::npos; at = text.find(word, at + 1)) {
    if ((at == 0 || !is_part(at - 1)) && !is_part(at + word.size())) return true;
  }
  return false;
}

// Whether the command would meet the list, or see what it does: who asks which libraries a program loads (and
// copies them) is told of the preloaded one, too.
bool NamesTheList(const v1::Run& run) {
  const std::string_view name = kList.substr(kList.rfind('/') + 1);
  const auto names = [&](const std::string& text) {
    return text.find(name) != std::string::npos || HasWord(text, "ldd") ||
           HasWord(text, "LD_TRACE_LOADED_OBJECTS");
  };
  return std::any_of(run.argv().begin(), run.argv().end(), names) ||
         std::any_of(run.files().begin(), run.files().end(),
                     [&](const v1::InlineFile& file) { return names(file.content()); });
}

}  // namespace

bool AddPreload(const PreloadSettings& settings, SandboxRun* run) {
  const std::string& architecture = run->platform.architecture();
  const std::string place = fmt::format("{}/{}", kFolder, CROSSMILL_PRELOAD_NAME);
  const bool hidden = std::any_of(run->mounts.begin(), run->mounts.end(), [&](const StepMount& mount) {
    return Hides(mount.target, kList) || Hides(mount.target, place);
  });
  const auto root = OpenRoot(run->root);
  if (hidden || NamesTheList(run->run) || !root.ok() || !ReadsTheList(root->get(), architecture))
    return false;
  const std::optional<std::string> own = OwnList(root->get());
  if (!own) return false;
  PreloadSettings complete = settings;
  complete.hide_list = own->empty() && !IsInRoot(root->get(), kList);
  std::optional<std::string> library = PreloadLibrary(architecture, complete);
  if (!library) return false;
  run->files.push_back({*std::move(library), place, "preload.so"});
  run->files.push_back({fmt::format("{}\n{}", place, *own), std::string(kList), "preload.list"});
  return true;
}

}  // namespace crossmill::worker
