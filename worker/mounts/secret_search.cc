#include "worker/mounts/secret_search.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <utility>

#include "common/base/files.h"
#include "common/base/status.h"
#include "worker/tree/root_path.h"

namespace crossmill::worker {
namespace {

constexpr size_t kChunk = 1 << 20;

struct Wanted {
  std::string id;
  std::string_view value;
};

// Which of `wanted` the file holds.
absl::StatusOr<std::vector<bool>> Search(int file, const std::vector<Wanted>& wanted, std::string* buffer) {
  size_t longest = 0;
  for (const Wanted& secret : wanted) longest = std::max(longest, secret.value.size());
  std::vector<bool> found(wanted.size());
  buffer->resize(kChunk + longest);
  // Bytes at the beginning that were there in the round before: a value may lie across.
  size_t kept = 0;
  while (true) {
    ASSIGN_OR_RETURN(const size_t size, ReadSome(file, buffer->data() + kept, buffer->size() - kept));
    const size_t end = kept + size;
    for (size_t i = 0; i < wanted.size(); ++i) {
      const std::string_view value = wanted[i].value;
      if (!found[i] && memmem(buffer->data(), end, value.data(), value.size()) != nullptr) found[i] = true;
    }
    if (end < buffer->size()) return found;
    kept = longest - 1;
    memmove(buffer->data(), buffer->data() + end - kept, kept);
  }
}

}  // namespace

absl::StatusOr<std::vector<LeakedSecret>> FindSecrets(const std::string& root,
                                                      const std::vector<std::string>& paths,
                                                      const TaskSecrets& secrets,
                                                      const std::vector<std::string>& ids) {
  std::vector<Wanted> wanted;
  for (const std::string& id : ids) {
    const std::string* value = secrets.Find(id);
    if (value == nullptr) continue;
    std::string_view text = *value;
    while (text.ends_with('\n') || text.ends_with('\r')) text.remove_suffix(1);
    if (text.size() >= kShortestSearched) wanted.push_back({id, text});
  }
  std::vector<LeakedSecret> leaked;
  if (wanted.empty()) return leaked;
  ASSIGN_OR_RETURN(const UniqueFd folder, OpenRoot(root));
  std::string buffer;
  for (const std::string& path : paths) {
    // Not blocking: it may be a fifo.
    const auto file = OpenBelow(folder.get(), path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    if (!file.ok()) continue;
    struct stat state {};
    if (fstat(file->get(), &state) != 0 || !S_ISREG(state.st_mode)) continue;
    auto found = Search(file->get(), wanted, &buffer);
    Wipe(&buffer);
    RETURN_IF_ERROR(Annotate(found.status(), path));
    for (size_t i = 0; i < wanted.size(); ++i) {
      if ((*found)[i]) leaked.push_back({wanted[i].id, path});
    }
  }
  return leaked;
}

}  // namespace crossmill::worker
