#include "worker/accelerators/root_compilers.h"

#include <fcntl.h>
#include <fnmatch.h>
#include <sys/stat.h>

#include <algorithm>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "common/base/digest.h"
#include "common/base/files.h"
#include "common/base/status.h"
#include "worker/tree/lower_tree.h"
#include "worker/tree/root_path.h"

namespace crossmill::worker {
namespace {

constexpr size_t kMostCompilers = 20;
// Stars are for names in one folder.
constexpr std::string_view kPlaces[] = {
    "/usr/lib/gcc/*/*/cc1",
    "/usr/lib/gcc/*/*/cc1plus",
    "/usr/libexec/gcc/*/*/cc1",
    "/usr/libexec/gcc/*/*/cc1plus",
    // Of the images of gcc itself.
    "/usr/local/libexec/gcc/*/*/cc1",
    "/usr/local/libexec/gcc/*/*/cc1plus",
    "/usr/lib/llvm*/bin/clang",
    "/usr/bin/rustc",
    "/usr/local/rustup/toolchains/*/bin/rustc",
    "/root/.rustup/toolchains/*/bin/rustc",
    "/usr/local/go/pkg/tool/linux_*/compile",
    "/usr/lib/go-*/pkg/tool/linux_*/compile",
};

// Appends what is at `place`, a path with stars, below `folder`.
void Find(int root, const std::string& folder, std::string_view place, std::vector<std::string>* found) {
  if (found->size() >= kMostCompilers) return;
  const size_t end = place.find('/', 1);
  const std::string name(place.substr(1, end == place.npos ? end : end - 1));
  const std::string_view rest = end == place.npos ? std::string_view() : place.substr(end);
  std::vector<std::string> names = {name};
  if (name.find('*') != name.npos) {
    names.clear();
    const auto opened = OpenInRoot(root, folder, O_RDONLY | O_DIRECTORY);
    if (!opened.ok()) return;
    const auto all = ListFolder(fmt::format("/proc/self/fd/{}", opened->get()));
    if (!all.ok()) return;
    std::copy_if(all->begin(), all->end(), std::back_inserter(names),
                 [&](const std::string& each) { return fnmatch(name.c_str(), each.c_str(), 0) == 0; });
  }
  for (const std::string& each : names) {
    const std::string path = absl::StrCat(folder, "/", each);
    if (!rest.empty()) {
      Find(root, path, rest, found);
    } else if (found->size() < kMostCompilers && IsInRoot(root, path)) {
      found->push_back(path);
    }
  }
}

// Whether what is at `path` is the file, wherever the file usually lies: a tool stands for a content.
bool HasContent(int root, const std::string& path, const Digest& digest) {
  const auto opened = OpenInRoot(root, path, O_RDONLY | O_NONBLOCK);
  struct stat state {};
  if (!opened.ok() || fstat(opened->get(), &state) != 0 || !S_ISREG(state.st_mode)) return false;
  if (state.st_size != digest.size) return false;
  const auto bytes = ReadAll(opened->get(), digest.size);
  return bytes.ok() && DigestOf(*bytes) == digest;
}

}  // namespace

std::vector<std::string> CompilersOf(int root) {
  std::vector<std::string> found;
  for (const std::string_view place : kPlaces) Find(root, "", place, &found);
  return found;
}

std::vector<std::string> WithoutStandIn(int root, const std::vector<AcceleratedTool>& tools,
                                        const RootTable& table) {
  std::vector<std::string> lines;
  for (const std::string& path : CompilersOf(root)) {
    // Of one path several versions may have tools.
    std::string why = "no tool of the set stands for it";
    for (const AcceleratedTool& tool : tools) {
      const bool usual = tool.stands_for.path == path;
      if (!usual && !HasContent(root, path, tool.stands_for.digest)) continue;
      // Of what lies elsewhere the table does not say what else is missing, so nothing is said.
      const auto differs = usual ? table.differing.find(tool.name) : table.differing.end();
      if (differs == table.differing.end()) {
        why.clear();
        break;
      }
      why = fmt::format("not {}: {}", tool.name, differs->second);
    }
    if (!why.empty()) lines.push_back(fmt::format("{}: {}", path, why));
  }
  return lines;
}

}  // namespace crossmill::worker
