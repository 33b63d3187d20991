// What a client of BuildKit says is in its folder: whatever is taken of it is a tree that a worker can make.
#include <cstdint>
#include <cstdlib>
#include <set>
#include <string>
#include <string_view>

#include "build/bazel/remote/execution/v2/remote_execution.pb.h"
#include "coordinator/buildkit/files/sent_tree.h"

namespace crossmill::coordinator::buildkit {
namespace {

namespace reapi = ::build::bazel::remote::execution::v2;

std::string Take(std::string_view* bytes) {
  if (bytes->empty()) return "";
  const size_t size = std::min<size_t>(static_cast<uint8_t>(bytes->front()), bytes->size() - 1);
  std::string taken(bytes->substr(1, size));
  bytes->remove_prefix(1 + size);
  return taken;
}

template <typename Nodes>
void CheckNames(const Nodes& nodes, std::set<std::string>* all) {
  std::string last;
  for (const auto& node : nodes) {
    const std::string& name = node.name();
    if (name.empty() || name == "." || name == ".." || name.size() > 255) std::abort();
    if (name.find('/') != std::string::npos || name.find('\0') != std::string::npos) std::abort();
    if (name <= last || !all->insert(name).second) std::abort();
    last = name;
  }
}

void Check(std::string_view bytes) {
  FolderLimits limits;
  limits.most_entries = 1000;
  limits.deepest = 20;
  SentTree tree(limits);
  while (!bytes.empty()) {
    // Go's modes are in the upper bits.
    const auto kind = static_cast<uint8_t>(bytes.front());
    bytes.remove_prefix(1);
    fsutil::types::Stat stat;
    stat.set_mode((kind & 1) != 0   ? (1U << 31) | 0755
                  : (kind & 2) != 0 ? (1U << 27) | 0777
                                    : 0644U | kind << 18);
    stat.set_path(Take(&bytes));
    stat.set_size(kind);
    if ((kind & 4) != 0) stat.set_linkname(Take(&bytes));
    const auto number = tree.Add(stat);
    if (!number.ok()) return;
    if (tree.PathOf(*number) != stat.path()) std::abort();
  }
  size_t entries = 0;
  const auto root = tree.Build(true, [&](const Digest& digest, const std::string& message) {
    if (DigestOf(message) != digest) std::abort();
    reapi::Directory folder;
    if (!folder.ParseFromString(message)) std::abort();
    std::set<std::string> all;
    CheckNames(folder.files(), &all);
    CheckNames(folder.directories(), &all);
    CheckNames(folder.symlinks(), &all);
    entries += all.size();
    return absl::OkStatus();
  });
  if (!root.ok() || entries > tree.size()) std::abort();
}

}  // namespace
}  // namespace crossmill::coordinator::buildkit

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  crossmill::coordinator::buildkit::Check({reinterpret_cast<const char*>(data), size});
  return 0;
}
