#include "worker/mounts/secret_search.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <string_view>

#include "common/base/files.h"
#include "common/base/status.h"
#include "common/base/wiping.h"
#include "worker/mounts/secret_values.h"
#include "worker/tree/root_path.h"

namespace crossmill::worker {
namespace {

constexpr size_t kSearchChunk = 1 << 20;
constexpr int kFilterBits = 16;

// Many texts in one pass over the bytes, however many they are: eight bytes at each place are looked up in a
// filter, and only where it says perhaps the texts are compared.
class TextSearch {
 public:
  // `text` has at least kShortestSearched bytes; `owner` is what Find tells.
  void Add(std::string_view text, size_t owner) {
    filter_[SlotOf(text.data())] = true;
    texts_[SlotOf(text.data())].push_back({ToWiped(text), owner});
    longest_ = std::max(longest_, text.size());
  }
  size_t longest() const { return longest_; }

  // Sets `found[owner]` for each text that lies wholly in `bytes`.
  void Find(std::string_view bytes, std::vector<bool>* found) const {
    for (size_t i = 0; i + kShortestSearched <= bytes.size(); ++i) {
      const size_t slot = SlotOf(bytes.data() + i);
      if (!filter_[slot]) continue;
      for (const Text& text : texts_.at(slot)) {
        if (bytes.substr(i).starts_with(View(text.bytes))) (*found)[text.owner] = true;
      }
    }
  }

 private:
  struct Text {
    WipedBytes bytes;
    size_t owner;
  };

  static size_t SlotOf(const char* bytes) {
    static_assert(kShortestSearched == sizeof(uint64_t));
    uint64_t word;
    memcpy(&word, bytes, sizeof word);
    return static_cast<size_t>(word * 0x9E3779B97F4A7C15u >> (64 - kFilterBits));
  }

  std::vector<bool> filter_ = std::vector<bool>(size_t{1} << kFilterBits);
  std::map<size_t, std::vector<Text>> texts_;
  size_t longest_ = 0;
};

// Which owners' texts the file holds.
absl::StatusOr<std::vector<bool>> Search(int file, const TextSearch& search, size_t owners,
                                         WipedBytes* buffer) {
  std::vector<bool> found(owners);
  buffer->resize(kSearchChunk + search.longest());
  // Bytes at the beginning that were there in the round before: a text may lie across.
  size_t kept = 0;
  while (true) {
    ASSIGN_OR_RETURN(const size_t size, ReadSome(file, buffer->data() + kept, buffer->size() - kept));
    const size_t end = kept + size;
    search.Find({buffer->data(), end}, &found);
    if (end < buffer->size()) return found;
    kept = search.longest() - 1;
    memmove(buffer->data(), buffer->data() + end - kept, kept);
  }
}

bool IsSearched(const SecretValue& value) {
  if (value.text.size() < kShortestSearched) return false;
  return value.kind != SecretValue::Kind::kLine || LooksLikeToken(View(value.text));
}

void AddValues(std::string_view secret, size_t owner, TextSearch* search) {
  for (const SecretValue& value : SecretValues(secret)) {
    if (!IsSearched(value)) continue;
    search->Add(View(value.text), owner);
    for (bool upper_case : {true, false}) {
      const WipedBytes encoded = PercentEncoded(View(value.text), upper_case);
      if (!encoded.empty()) search->Add(View(encoded), owner);
    }
  }
}

}  // namespace

absl::StatusOr<std::vector<LeakedSecret>> FindSecrets(const std::string& root,
                                                      const std::vector<std::string>& paths,
                                                      const TaskSecrets& secrets,
                                                      const std::vector<std::string>& ids) {
  TextSearch search;
  for (size_t owner = 0; owner < ids.size(); ++owner) {
    if (const std::string* value = secrets.Find(ids[owner])) AddValues(*value, owner, &search);
  }
  std::vector<LeakedSecret> leaked;
  if (search.longest() == 0) return leaked;
  ASSIGN_OR_RETURN(const UniqueFd folder, OpenRoot(root));
  WipedBytes buffer;
  for (const std::string& path : paths) {
    // Not blocking: it may be a fifo.
    const auto file = OpenBelow(folder.get(), path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    if (!file.ok()) continue;
    struct stat state {};
    if (fstat(file->get(), &state) != 0 || !S_ISREG(state.st_mode)) continue;
    const auto found = Search(file->get(), search, ids.size(), &buffer);
    RETURN_IF_ERROR(Annotate(found.status(), path));
    for (size_t owner = 0; owner < ids.size(); ++owner) {
      if ((*found)[owner]) leaked.push_back({ids[owner], path});
    }
  }
  return leaked;
}

}  // namespace crossmill::worker
